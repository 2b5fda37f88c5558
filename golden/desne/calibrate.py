# SPDX-License-Identifier: Apache-2.0
"""calibrate: neighbours, inverse temperature and edge weights of every row."""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numba import njit

from golden.arith.exp2 import EXPONENT_LIMIT, exp2, mantissa
from golden.arith.log2 import LOG2_FRACTION_BITS, floor_log2, log2
from golden.arith.reciprocal import reciprocal_mantissa
from golden.arith.rounding import round_shift

CODE_BITS = 13
CODE_FRACTION_BITS = 8
HIGHEST_CODE = (1 << CODE_BITS) - 1
BETA_OFFSET = 28
"""beta = 2^(code / 256 - 28)."""

WEIGHT_BITS = 8
_INDEX_BITS = 16


class Status(IntEnum):
    """What became of a row."""

    CONVERGED = 0
    CLAMPED_LOW = 1
    CLAMPED_HIGH = 2
    DEGENERATE = 3


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """The affinities of a tile: for each of n samples its k neighbours, ascending by index, and how
    the row fared."""

    neighbours: np.ndarray  # int32 [n, k]
    weights: np.ndarray  # uint8 [n, k], U0.8: p(j given i)
    status: np.ndarray  # uint8 [n], Status
    code: np.ndarray  # int32 [n], beta = 2^(code / 256 - 28)


def entropy_target(perplexity: float) -> int:
    """log2(perplexity) as U.16, the value the host writes into the target register."""
    return round(float(np.log2(perplexity)) * (1 << LOG2_FRACTION_BITS))


def nearest(distances: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """The k nearest other samples of each, ties to the lowest index.

    distances: int64 [n, n]. Returns (index int32 [n, k] ascending in each row, distance int64 [n,
    k]).
    """
    n = len(distances)
    keys = (distances << _INDEX_BITS) | np.arange(n)
    np.fill_diagonal(keys, np.iinfo(np.int64).max)
    kept = np.partition(keys, k - 1, axis=1)[:, :k]
    index = kept & ((1 << _INDEX_BITS) - 1)
    order = np.argsort(index, axis=1)
    index = np.take_along_axis(index, order, axis=1)
    return index.astype(np.int32), np.take_along_axis(kept, order, axis=1) >> _INDEX_BITS


@njit(cache=True, nogil=True)
def exponent(delta, code):
    """t = delta * beta as U5.8, floored and saturated at 18."""
    scaled = delta * mantissa(code & 255)
    return min(scaled >> (BETA_OFFSET + 7 - (code >> CODE_FRACTION_BITS)), EXPONENT_LIMIT)


@njit(cache=True, nogil=True)
def _sums(delta, code):
    total, moment = 0, 0
    for value in delta:
        t = exponent(value, code)
        w = exp2(t)
        total += w
        moment += w * t
    return total, moment


@njit(cache=True, nogil=True)
def _reaches(total, moment, target):
    """Is the entropy log2 S + T/S at or above the target? Without a division."""
    deficit = target - (log2(total) - (16 << LOG2_FRACTION_BITS))
    return moment << 8 >= total * deficit


@njit(cache=True, nogil=True)
def _calibrate_row(delta, target, weights):
    total, moment = _sums(delta, 0)
    low = not _reaches(total, moment, target)
    code, kept_total = 0, total
    for bit in range(CODE_BITS - 1, -1, -1):
        trial = code | (1 << bit)
        total, moment = _sums(delta, trial)
        if _reaches(total, moment, target):
            code, kept_total = trial, total
    inverse = reciprocal_mantissa(kept_total, 16)
    shift = WEIGHT_BITS + floor_log2(kept_total)
    for e in range(len(delta)):
        weight = round_shift(exp2(exponent(delta[e], code)) * inverse, shift)
        weights[e] = min(weight, (1 << WEIGHT_BITS) - 1)
    if delta.max() == 0:
        return code, Status.DEGENERATE.value
    if low:
        return code, Status.CLAMPED_LOW.value
    if code == HIGHEST_CODE:
        return code, Status.CLAMPED_HIGH.value
    return code, Status.CONVERGED.value


@njit(cache=True, nogil=True)
def _calibrate_rows(delta, target, weights, codes, status):
    for i in range(len(delta)):
        codes[i], status[i] = _calibrate_row(delta[i], target, weights[i])


def calibrate(distances: np.ndarray, perplexity: float, neighbours: int) -> Calibration:
    """Affinities whose perplexity over the k = min(neighbours, n - 1) nearest samples is the one
    asked for.

    distances: int64 [n, n] exact squared distances, n >= 2, below 2^28. perplexity: 1..k. Van der
    Maaten and Hinton, "Visualizing Data using t-SNE" (2008), section 2; the neighbour limit as in
    Barnes-Hut SNE (2013). Raises ValueError when the tile or the perplexity is out of range.
    """
    n = len(distances)
    if n < 2:
        raise ValueError(f"a tile of {n} samples has no pairs; at least 2 are needed")
    k = min(neighbours, n - 1)
    if not 1 <= perplexity <= k:
        raise ValueError(
            f"perplexity {perplexity:g} cannot be reached with {k} neighbours; choose 1 to {k}"
        )
    index, kept = nearest(distances, k)
    delta = kept - kept.min(axis=1, keepdims=True)
    weights = np.empty((n, k), np.uint8)
    codes = np.empty(n, np.int32)
    status = np.empty(n, np.uint8)
    _calibrate_rows(delta, entropy_target(perplexity), weights, codes, status)
    return Calibration(neighbours=index, weights=weights, status=status, code=codes)
