# SPDX-License-Identifier: Apache-2.0
"""What several phases count alike."""

from math import ceil, log2

_MULTIPLIER_WIDTH = 18

QUEUE_LATENCY = 2
"""Of a queue between two streams."""


def blocks(n: int, rows: int) -> int:
    """Blocks of a tile."""
    return ceil(n / rows)


def multiply_latency(left_width: int, right_width: int) -> int:
    """From factors to their product, in multipliers of 18 bits."""
    partials = ceil(left_width / _MULTIPLIER_WIDTH) * ceil(right_width / _MULTIPLIER_WIDTH)
    return 1 + ceil(log2(partials))
