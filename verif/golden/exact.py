# SPDX-License-Identifier: Apache-2.0
"""Errors of the arithmetic units, in units of the last place, against independent references.

exp2 is judged by 50-digit decimals, log2 and the reciprocal by 80-bit floating point (64 bits of
mantissa, so its own error is below 1e-11 of a unit). A unit that looks only at the `kept` bits
below the leading one is constant while the rest of x changes, and the exact function is monotone,
so its worst error over *all* x of an octave lies at the first or the last x of one of the 2^kept
groups: `ends` lists exactly these.
"""

from collections.abc import Iterator
from decimal import Decimal, localcontext

import numpy as np

from golden.arith import exp2, log2, reciprocal

LARGEST_SUM = 64 << 16
"""The largest S of calibrate: 64 neighbours of weight 1.0."""

LARGEST_SIMILARITY_INPUT = (1 << 27) + (1 << 12)
"""The largest x of the similarity: both differences at their limit, 12 fraction bits."""

if np.finfo(np.longdouble).nmant < 63:  # pragma: no cover - not on x86-64
    raise RuntimeError("these checks need an 80-bit long double")


def decimal_exp2(exponent: Decimal) -> Decimal:
    """2^exponent with 50 digits."""
    with localcontext() as context:
        context.prec = 50
        return Decimal(2) ** exponent


def exp2_errors() -> np.ndarray:
    """Error of exp2 for t = 0..4608, signed, in units of 2^-16."""
    exact = [decimal_exp2(16 - Decimal(t) / 256) for t in range(18 * 256 + 1)]
    computed = exp2(np.arange(18 * 256 + 1))
    return np.array([float(int(w) - x) for w, x in zip(computed, exact, strict=True)])


def log2_errors(x: np.ndarray) -> np.ndarray:
    """Error of log2, signed, in units of 2^-16."""
    return (log2(x) - np.log2(x.astype(np.longdouble)) * 65536).astype(np.float64)


def reciprocal_errors(x: np.ndarray, fraction_bits: int) -> np.ndarray:
    """Error of the mantissa, signed, in units of 2^-fraction_bits."""
    v, e = reciprocal(x, fraction_bits)
    exact = np.ldexp(1 / x.astype(np.longdouble), (fraction_bits + e).astype(np.int32))
    return (v - exact).astype(np.float64)


def chunks(first: int, last: int, size: int = 1 << 20) -> Iterator[np.ndarray]:
    """All integers first..last, in pieces that fit the cache."""
    for start in range(first, last + 1, size):
        yield np.arange(start, min(start + size, last + 1), dtype=np.int64)


def ends(exponent: int, kept: int, last: int) -> np.ndarray:
    """First and last x of each group of equal `kept` bits in the octave of 2^exponent."""
    if exponent <= kept:
        x = np.arange(1 << exponent, 2 << exponent, dtype=np.int64)
    else:
        below = exponent - kept
        first = ((1 << kept) + np.arange(1 << kept, dtype=np.int64)) << below
        x = np.concatenate([first, first + (1 << below) - 1])
    return np.append(x[x <= last], last) if last < 2 << exponent else x
