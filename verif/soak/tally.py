# SPDX-License-Identifier: Apache-2.0
"""What a soak did."""

from collections import Counter
from dataclasses import dataclass, field

FAULTS = ("read_error", "write_error", "abort", "reset", "illegal", "disturbed")


@dataclass
class Tally:
    """What was done.

    good: jobs that ended well, exact. early: jobs that a fault ended. faults: by kind, those
    that took effect. next_exact: good jobs right after a round whose fault took effect. values:
    compared beyond memory.
    """

    rounds: int = 0
    jobs: int = 0
    good: int = 0
    early: int = 0
    both: int = 0
    next_exact: int = 0
    values: int = 0
    memory_bytes: int = 0
    cycles: int = 0
    faults: Counter[str] = field(default_factory=Counter)
