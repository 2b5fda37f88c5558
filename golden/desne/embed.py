# SPDX-License-Identifier: Apache-2.0
"""embed: the 2-D map of a tile by gradient descent on the SNE cost, in integers."""

from dataclasses import dataclass

import numpy as np
from numba import njit

from golden.arith.lfsr import lfsr_bits
from golden.arith.log2 import floor_log2
from golden.arith.reciprocal import reciprocal_mantissa
from golden.arith.rounding import divide_round, round_shift

COORDINATE_FRACTION_BITS = 8
COORDINATE_LIMIT = 64 << COORDINATE_FRACTION_BITS
VELOCITY_LIMIT = 8 << COORDINATE_FRACTION_BITS
SIMILARITY_BITS = 12
RATIO_LIMIT = (1 << 24) - 1
SCALE_LIMIT = (1 << 24) - 1
SQUARED_SIMILARITY_LIMIT = (1 << 17) - 1


_SCHEDULE_LIMITS = {
    "iterations": 1023,
    "rate": 255,
    "exaggeration": 15,
    "early_momentum": 15,
    "momentum": 15,
}


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """The registers that steer the descent.

    iterations: 0..1023. rate: 0..255, eta = n * rate / 16. exaggeration: 0..15, U.2: attraction is
    multiplied by exaggeration / 4 for the first fifth of the iterations. early_momentum, momentum:
    0..15, sixteenths, during exaggeration and after. ValueError outside these ranges.
    """

    iterations: int = 50
    rate: int = 16
    exaggeration: int = 8
    early_momentum: int = 8
    momentum: int = 13

    def __post_init__(self) -> None:
        for name, most in _SCHEDULE_LIMITS.items():
            value = getattr(self, name)
            if not 0 <= value <= most:
                raise ValueError(f"{name} is {value}: it must be from 0 to {most}")


# A similarity depends on the squared distance only through 16 bits below the leading one, and a
# table of the unit's results is quicker than the unit.
_MANTISSA_BITS = SIMILARITY_BITS + 4
_SIMILARITY_MANTISSA = reciprocal_mantissa(
    (1 << _MANTISSA_BITS) + np.arange(1 << _MANTISSA_BITS), SIMILARITY_BITS
).astype(np.int32)


@njit(cache=True, nogil=True, inline="always")
def _leading_one(x):
    """floor(log2 x) of 1 <= x < 2^53, read off the exponent of the exact float64."""
    return (np.float64(x).view(np.int64) >> 52) - 1023


@njit(cache=True, nogil=True, inline="always")
def _similarity(dx, dy):
    x = np.int64(1 << SIMILARITY_BITS) + ((dx * dx + dy * dy) >> 4)
    bits = np.float64(x).view(np.int64)
    shift = (bits >> 52) - (1023 + SIMILARITY_BITS)
    v = np.int64(
        _SIMILARITY_MANTISSA[(bits >> (52 - _MANTISSA_BITS)) & ((1 << _MANTISSA_BITS) - 1)]
    )
    return (v + ((np.int64(1) << shift) >> 1)) >> shift


@njit(cache=True, nogil=True)
def similarity(dx, dy):
    """q = 1 / (1 + dx^2 + dy^2) as U1.12. dx, dy: differences of coordinates, 8 fraction bits,
    below 128.0 each."""
    x = (1 << SIMILARITY_BITS) + ((dx * dx + dy * dy) >> 4)
    return round_shift(reciprocal_mantissa(x, SIMILARITY_BITS), floor_log2(x) - SIMILARITY_BITS)


@njit(cache=True, nogil=True)
def _repulsion(y, force):
    """force[i] = sum over j != i of q^2 (y[i] - y[j]); returns Z = sum of q over all ordered pairs.

    Both directions of a pair have the same q: half of the pairs are visited, and exact sums make
    the result the same.
    """
    n = len(y)
    total = np.int64(0)
    for i in range(n):
        xi, yi = y[i, 0], y[i, 1]
        fx, fy = np.int64(0), np.int64(0)
        for j in range(i):
            dx, dy = xi - y[j, 0], yi - y[j, 1]
            q = _similarity(dx, dy)
            total += q
            q2 = min((q * q + 64) >> 7, np.int64(SQUARED_SIMILARITY_LIMIT))
            fx += q2 * dx
            fy += q2 * dy
            force[j, 0] -= q2 * dx
            force[j, 1] -= q2 * dy
        force[i, 0] += fx
        force[i, 1] += fy
    return 2 * total


@njit(cache=True, nogil=True)
def _attraction(y, neighbours, weights, force):
    """Every directed edge (i, j, w) adds w q (y[i] - y[j]) to i and takes it from j: the
    symmetrised affinity."""
    for i in range(len(y)):
        for e in range(neighbours.shape[1]):
            j = neighbours[i, e]
            dx, dy = y[i, 0] - y[j, 0], y[i, 1] - y[j, 1]
            strength = np.int64(weights[i, e]) * _similarity(dx, dy)
            force[i, 0] += strength * dx
            force[i, 1] += strength * dy
            force[j, 0] -= strength * dx
            force[j, 1] -= strength * dy


@njit(cache=True, nogil=True)
def _recentre(y):
    """Take the rounded mean from both axes and saturate to the coordinate format."""
    for axis in range(2):
        mean = divide_round(y[:, axis].sum(), len(y))
        for i in range(len(y)):
            y[i, axis] = min(max(y[i, axis] - mean, -COORDINATE_LIMIT), COORDINATE_LIMIT - 1)


@njit(cache=True, nogil=True)
def _descend(y, neighbours, weights, iterations, rate, exaggeration, early_momentum, momentum):
    n = len(y)
    velocity = np.zeros((n, 2), np.int64)
    repulsion = np.empty((n, 2), np.int64)
    attraction = np.empty((n, 2), np.int64)
    for iteration in range(iterations):
        early = iteration < iterations // 5
        pull = exaggeration if early else 4
        keep = early_momentum if early else momentum
        repulsion[:] = 0
        attraction[:] = 0
        z = _repulsion(y, repulsion)
        _attraction(y, neighbours, weights, attraction)
        ratio = min((n << 32) // max(z, 1), RATIO_LIMIT)
        for i in range(n):
            for axis in range(2):
                towards = round_shift(pull * attraction[i, axis], 17)
                away = round_shift(ratio * repulsion[i, axis], 31)
                moved = (keep * velocity[i, axis] << 4) - rate * (towards - away)
                step = min(max(round_shift(moved, 8), -VELOCITY_LIMIT), VELOCITY_LIMIT - 1)
                velocity[i, axis] = step
                y[i, axis] += step
        _recentre(y)


def start_positions(features: np.ndarray, register: int) -> np.ndarray:
    """Two random sign projections of the reduced sample, recentred and scaled to a mean magnitude
    of 1/4.

    features: uint8 [n, F]. register: seed register, two bits a feature, x first; a one means minus.
    Returns int64 [n, 2], 8 fraction bits. Identical samples start together.
    """
    n, width = features.shape
    signs = 1 - 2 * lfsr_bits(register, 2 * width).reshape(width, 2)
    y = features.astype(np.int64) @ signs
    for axis in range(2):
        y[:, axis] -= divide_round(int(y[:, axis].sum()), n)
    magnitude = max(int(np.abs(y).sum()), 1)
    scale = min((2 * n * 64 << 16) // magnitude, SCALE_LIMIT)
    y = np.clip(round_shift(y * scale, 16), -COORDINATE_LIMIT, COORDINATE_LIMIT - 1)
    return np.ascontiguousarray(y)


def embed(
    features: np.ndarray,
    neighbours: np.ndarray,
    weights: np.ndarray,
    register: int,
    schedule: Schedule | None = None,
) -> np.ndarray:
    """The map. Minimises the Kullback-Leibler divergence between symmetrised affinities and
    Student-t similarities.

    features: uint8 [n, F] for the start. neighbours: int32 [n, k], weights: uint8 [n, k] from
    calibrate. register: seed. Returns int32 [n, 2], 8 fraction bits, -64..64. Van der Maaten and
    Hinton (2008), section 3; see docs/numerics.md for the schedule.
    """
    schedule = schedule or Schedule()
    y = start_positions(features, register)
    _descend(
        y,
        neighbours,
        weights,
        schedule.iterations,
        schedule.rate,
        schedule.exaggeration,
        schedule.early_momentum,
        schedule.momentum,
    )
    return y.astype(np.int32)
