# SPDX-License-Identifier: Apache-2.0
"""Inputs of the arithmetic units."""

import numpy as np

EXP2_INPUTS = np.arange(4609)
"""Every legal t of exp2."""

WIDTHS = (1, 2, 8, 13, 21, 23, 29)
"""Input widths of log2 and reciprocal: narrower and wider than their fractions; 23 and 29 are the
sums of 64 and 4,096 weights up to 2^16."""


def integers(width: int, random: int, seed: int) -> np.ndarray:
    """Legal inputs x >= 1 of log2 and reciprocal with `width` bits: int64[m].

    The first 1,024 integers; around every power of two; every table entry's first and last x
    (8 index bits, at the top width); the largest; and `random` ones with a uniform logarithm.
    """
    rng = np.random.default_rng(seed)
    largest = (1 << width) - 1
    powers = 1 << np.arange(width + 1)
    top = np.arange(256, 513) << max(width - 9, 0)
    spread = np.exp2(rng.uniform(0, width, random)).astype(np.int64)
    x = np.concatenate(
        [
            np.arange(1, 1025),
            *(powers + step for step in (-2, -1, 0, 1, 2)),
            *(top + step for step in (-1, 0)),
            [largest],
            spread,
        ]
    )
    return x[(x >= 1) & (x <= largest)]
