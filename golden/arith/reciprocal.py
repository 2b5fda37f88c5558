# SPDX-License-Identifier: Apache-2.0
"""Reciprocal of a positive integer as mantissa and exponent."""

import numpy as np
from numba import vectorize

from golden.arith.log2 import floor_log2, fraction_below_leading_one
from golden.arith.rounding import round_shift


def _table(fraction_bits: int) -> np.ndarray:
    entries = 1 << (fraction_bits // 2)
    exact = 2.0 ** (fraction_bits + 2) / (1 + np.arange(entries + 1) / entries)
    return np.rint(exact).astype(np.int64)


_TABLE_12 = _table(12)
_TABLE_16 = _table(16)


@vectorize(["int64(int64, int64)"], cache=True)
def reciprocal_mantissa(x, fraction_bits):
    """The mantissa v of 1/x = v * 2^-(fraction_bits + floor(log2 x)); fraction_bits is 12 or 16."""
    residual_bits = fraction_bits // 2 + 4
    fraction = fraction_below_leading_one(x, fraction_bits + 4)
    index = fraction >> residual_bits
    rest = fraction & ((1 << residual_bits) - 1)
    if fraction_bits == 12:
        here, after = _TABLE_12[index], _TABLE_12[index + 1]
    else:
        here, after = _TABLE_16[index], _TABLE_16[index + 1]
    return round_shift((here << residual_bits) - (here - after) * rest, residual_bits + 2)


def reciprocal(x: np.ndarray, fraction_bits: int) -> tuple[np.ndarray, np.ndarray]:
    """1/x as (v, e) with 1/x = v * 2^-(fraction_bits + e).

    x: integers >= 1. fraction_bits: 12 or 16. v: U1.fraction_bits,
    2^(fraction_bits-1)..2^fraction_bits; e = floor(log2 x). The error of v is below one unit.
    Raises ValueError for another fraction_bits.
    """
    if fraction_bits not in (12, 16):
        raise ValueError(f"reciprocal has 12 or 16 fraction bits, not {fraction_bits}")
    return np.asarray(reciprocal_mantissa(x, fraction_bits)), np.asarray(floor_log2(x))
