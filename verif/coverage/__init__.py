# SPDX-License-Identifier: Apache-2.0
"""Functional coverage (what was tried) and code coverage (what of the Verilog was exercised).

NMS_COVERAGE names what a run of the tests collects: `functional`, `code`, or both with a comma
between. It goes to build/coverage; `python -m verif.coverage` reports it.
"""

import os
from pathlib import Path

from verif.sim.build import build_root

VARIABLE = "NMS_COVERAGE"
KINDS = ("functional", "code")


def enabled(kind: str) -> bool:
    """Whether this process collects coverage of this kind; ValueError for a word that is none."""
    words = [word for word in os.environ.get(VARIABLE, "").split(",") if word]
    for word in words:
        if word not in KINDS:
            raise ValueError(f"{VARIABLE} holds {word!r}: choose from {', '.join(KINDS)}")
    return kind in words


def coverage_flags() -> tuple[str, ...]:
    """What Verilator is told so that its models count."""
    return ("--coverage-line", "--coverage-toggle") if enabled("code") else ()


def folder(kind: str) -> Path:
    """Where the data of this kind is."""
    return build_root() / "coverage" / kind
