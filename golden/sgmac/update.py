# SPDX-License-Identifier: Apache-2.0
"""update: weights take a rounded, scaled step against their gradient and saturate."""

import math
from dataclasses import dataclass

import numpy as np
from numba import njit

from golden.arith.lfsr import TAPS, lfsr_jump

ROUNDINGS = ("nearest", "stochastic")
ROW_LIMIT = 1 << 16
"""Most rows of a job, and the steps between the random states of neighbouring outputs."""

MULTIPLIER_BITS = 16
MULTIPLIER_LIMIT = (1 << MULTIPLIER_BITS) - 1
SHIFT_LIMIT = 40
LOWEST_SCALE = math.ldexp(1.0, MULTIPLIER_BITS - 1 - SHIFT_LIMIT)
"""2^-25: below it a multiplier would have less than 16 bits."""

_INVERTED = 1 << 31
"""Rows that follow each other have states one step apart, the same bits one place lower, and their
errors would add up. With the top bit inverted they tend to cancel; each alone is as uniform."""


@dataclass(frozen=True, kw_only=True)
class Updated:
    """What an update leaves behind."""

    weights: np.ndarray  # int8, the shape that was given
    saturated: int  # weights whose step led outside -128..127


def quantise_scale(scale: np.ndarray | float) -> tuple[np.ndarray, np.ndarray]:
    """The multiplier m and shift s with m / 2^s nearest to each scale (ties to even), m of 16
    bits.

    scale: 2^-25..65535. Returns (m int64, 32768..65535, s int64, 0..40), with a relative error of
    at most 2^-16. Raises ValueError for a scale out of range.
    """
    scale = np.asarray(scale, np.float64)
    for value in scale[~((scale >= LOWEST_SCALE) & (scale <= MULTIPLIER_LIMIT))].flat:
        raise ValueError(
            f"scale {value:g} is out of range: it must be from 2^-25 ({LOWEST_SCALE:.3g}) to 65535"
        )
    fraction, exponent = np.frexp(scale)
    multiplier = np.rint(np.ldexp(fraction, MULTIPLIER_BITS)).astype(np.int64)
    shift = MULTIPLIER_BITS - exponent.astype(np.int64)
    carried = multiplier > MULTIPLIER_LIMIT
    return np.where(carried, multiplier >> 1, multiplier), np.where(carried, shift - 1, shift)


def check_scale(
    multiplier: np.ndarray, shift: np.ndarray, outputs: int
) -> tuple[np.ndarray, np.ndarray]:
    """Both as int64 [outputs]; ValueError unless 1..65535 and 0..40, one of each an output."""
    checked = []
    for name, values, low, high in (
        ("multiplier", multiplier, 1, MULTIPLIER_LIMIT),
        ("shift", shift, 0, SHIFT_LIMIT),
    ):
        values = np.asarray(values)
        if values.shape != (outputs,) or not np.issubdtype(values.dtype, np.integer):
            raise ValueError(
                f"{name} is {values.dtype} of shape {values.shape}: there must be one integer for "
                f"each of {outputs} outputs"
            )
        for value in values[(values < low) | (values > high)]:
            raise ValueError(f"{name} {value} is out of range: it must be from {low} to {high}")
        checked.append(values.astype(np.int64))
    return checked[0], checked[1]


@njit(cache=True, nogil=True)
def random_bits(state, count):
    """r: the `count` highest bits of the 32-bit state with its top bit inverted; above 32, zeros
    fill the low ones. count: 0..40."""
    word = state ^ _INVERTED
    return word >> (32 - count) if count <= 32 else word << (count - 32)


@njit(cache=True, nogil=True)
def _round_half_even(x, shift):
    below = x >> shift
    rest = x - (below << shift)
    half = (np.int64(1) << shift) >> 1
    if rest > half or (shift > 0 and rest == half and below & 1):
        below += 1
    return below


@njit(cache=True, nogil=True)
def _jump(state, columns):
    jumped = np.int64(0)
    for bit in range(32):
        if state >> bit & 1:
            jumped ^= columns[bit]
    return jumped


@njit(cache=True, nogil=True)
def _update(weights, gradient, multiplier, shift, stochastic, register, columns, updated):
    saturated = 0
    first = register
    for o in range(weights.shape[0]):
        state = first
        for row in range(weights.shape[1]):
            x = np.int64(gradient[o, row]) * multiplier[o]
            if stochastic:
                step = (x + random_bits(state, shift[o])) >> shift[o]
                state = (state >> 1) ^ (TAPS if state & 1 else 0)
            else:
                step = _round_half_even(x, shift[o])
            exact = weights[o, row] - step
            kept = min(max(exact, -128), 127)
            saturated += kept != exact
            updated[o, row] = kept
        first = _jump(first, columns)
    return saturated


def update_weights(
    weights: np.ndarray,
    gradient: np.ndarray,
    multiplier: np.ndarray,
    shift: np.ndarray,
    *,
    rounding: str = "nearest",
    register: int = 1,
) -> Updated:
    """w <- saturate(w - step, -128, 127), step = gradient * m[o] / 2^s[o] rounded to an integer.

    The weights of output o are its rows: axis 0 is o, the other axes flattened in C order are the
    row. That is position * k * k + u * k + v for [C_out, K, k, k], and u * k + v for depthwise
    [K, 1, k, k], where o is the position in the list of channels.

    - nearest: step = gradient * m / 2^s to the nearest integer, ties to the even one.
    - stochastic: step = floor((gradient * m + r) / 2^s), r the s random bits of this weight. The
      state of weight (row, o) is the shift register after row + 65536 * o steps from `register`,
      in whatever order weights are visited; r is the s highest bits of that state with its top bit
      inverted (s > 32: the 32 bits, then zeros). The chance of rounding up is within 2^-31 of the
      fraction.

    weights: int8 [O, ...], the selected ones only. gradient: int32 of the same shape. multiplier:
    [O], 1..65535. shift: [O], 0..40. register: 1..2^32-1 (golden.arith.lfsr.seed_register).
    Raises ValueError for other types or shapes, values out of range, an unknown rounding and more
    than 65536 rows.
    """
    for name, array, dtype in (("weights", weights, np.int8), ("gradient", gradient, np.int32)):
        if array.dtype != dtype:
            raise ValueError(
                f"{name} holds {array.dtype} values: they must be {np.dtype(dtype).name}"
            )
    if weights.ndim < 2 or not weights.size or weights.shape != gradient.shape:
        raise ValueError(
            f"weights have shape {weights.shape} and gradient {gradient.shape}: they must have the "
            "same, outputs first"
        )
    if rounding not in ROUNDINGS:
        raise ValueError(f"unknown rounding {rounding!r}: choose {' or '.join(ROUNDINGS)}")
    if not 1 <= register < 1 << 32:
        raise ValueError(f"register is {register}: it must be from 1 to 2^32 - 1")
    outputs = len(weights)
    m, s = check_scale(multiplier, shift, outputs)
    rows = weights.size // outputs
    if rows > ROW_LIMIT:
        raise ValueError(
            f"{rows} rows of weights are more than the {ROW_LIMIT} an update can take: select "
            "fewer channels"
        )
    updated = np.empty((outputs, rows), np.int8)
    saturated = _update(
        np.ascontiguousarray(weights).reshape(outputs, rows),
        np.ascontiguousarray(gradient).reshape(outputs, rows),
        m,
        s,
        rounding == "stochastic",
        np.int64(register),
        lfsr_jump(ROW_LIMIT),
        updated,
    )
    return Updated(weights=updated.reshape(weights.shape), saturated=saturated)
