# SPDX-License-Identifier: Apache-2.0
"""exp2: w = 2^-t from one 256-entry table and a shift."""

import numpy as np
from numba import vectorize

from golden.arith.rounding import round_shift

EXPONENT_FRACTION_BITS = 8
EXPONENT_LIMIT = 18 << EXPONENT_FRACTION_BITS
"""t saturates here: 2^-18 rounds to zero in U1.16."""

EXP2_TABLE = np.rint(2.0 ** (16 - np.arange(256) / 256)).astype(np.int64)
MANTISSA_TABLE = np.rint(2.0 ** (15 + np.arange(256) / 256)).astype(np.int64)


@vectorize(["int64(int64)"], cache=True)
def exp2(t):
    """2^-t. t: U5.8, 0..4608. Returns U1.16, 0..65536; the error is below one unit of 2^-16."""
    return round_shift(EXP2_TABLE[t & 255], t >> 8)


@vectorize(["int64(int64)"], cache=True)
def mantissa(fraction):
    """2^(fraction/256). fraction: 0..255. Returns U1.15, 32768..65447."""
    return MANTISSA_TABLE[fraction]
