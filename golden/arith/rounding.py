# SPDX-License-Identifier: Apache-2.0
"""The three rounding rules of the datapath. Every function takes and returns integers.

They are numba ufuncs: called on arrays they broadcast as numpy's own do, and compiled kernels call
them on scalars.
"""

from numba import njit, vectorize

_SIGNATURE_2 = ["int64(int64, int64)"]
_SIGNATURE_3 = ["int64(int64, int64, int64)"]


@vectorize(_SIGNATURE_2, cache=True)
def round_shift(x, shift):
    """Round half up: floor(x / 2^shift + 1/2).

    x: any signed 64-bit integer below 2^62; shift: 0..62. A tie goes towards plus infinity.
    """
    return (x + ((1 << shift) >> 1)) >> shift


@vectorize(_SIGNATURE_3, cache=True)
def saturate(x, low, high):
    """Clamp x into low..high, both ends included."""
    return min(max(x, low), high)


@njit(cache=True, nogil=True)
def divide_round(x, divisor):
    """Round half up of x / divisor for divisor >= 1: floor((2x + divisor) / (2 divisor))."""
    return (2 * x + divisor) // (2 * divisor)
