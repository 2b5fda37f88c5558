# SPDX-License-Identifier: Apache-2.0
"""log2 of a positive integer: leading one, 256-entry table, linear interpolation."""

import numpy as np
from numba import vectorize

from golden.arith.rounding import round_shift

LOG2_FRACTION_BITS = 16
_TABLE = np.rint(2.0**18 * np.log2(1 + np.arange(257) / 256)).astype(np.int64)


@vectorize(["int64(int64)"], cache=True)
def floor_log2(x):
    """Position of the leading one of x >= 1; -1 for x = 0, which no caller passes."""
    position = -1
    while x > 0:
        x >>= 1
        position += 1
    return position


@vectorize(["int64(int64, int64)"], cache=True)
def fraction_below_leading_one(x, bits):
    """The `bits` bits below the leading one of x >= 1; zeros fill a narrow x, a wide one is
    floored."""
    exponent = floor_log2(x)
    rest = x - (1 << exponent)
    if exponent <= bits:
        return rest << (bits - exponent)
    return rest >> (exponent - bits)


@vectorize(["int64(int64)"], cache=True)
def log2(x):
    """log2(x). x: integer >= 1. Returns U.16; the error is below one unit of 2^-16."""
    fraction = fraction_below_leading_one(x, 20)
    index = fraction >> 12
    rest = fraction & 4095
    interpolated = (_TABLE[index] << 12) + (_TABLE[index + 1] - _TABLE[index]) * rest
    return (floor_log2(x) << 16) + round_shift(interpolated, 14)
