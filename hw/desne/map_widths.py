# SPDX-License-Identifier: Apache-2.0
"""Formats of the map, and the widths that follow from the ranges of its numbers."""

from functools import cache

from amaranth.hdl import Shape, signed, unsigned
from amaranth.lib import data

from hw.config import Configuration, width_for

POSITION_WIDTH = 15
"""S7.8: a recentred coordinate."""

VELOCITY_WIDTH = 12
"""S4.8."""

SIMILARITY_BITS = 12
"""Fraction bits of q, U1.12."""

SQUARE_WIDTH = 17
"""q2, U0.17."""

RATIO_WIDTH = 24
"""n / Z, U4.20; of the scale of the start too."""

WEIGHT_WIDTH = 8
EXAGGERATION_WIDTH = 4
MOMENTUM_WIDTH = 4
RATE_WIDTH = 8
ITERATIONS_WIDTH = 10

POSITION_MAXIMUM = (1 << POSITION_WIDTH - 1) - 1
DIFFERENCE_MAXIMUM = (1 << POSITION_WIDTH) - 1
VELOCITY_MAXIMUM = (1 << VELOCITY_WIDTH - 1) - 1
RATIO_MAXIMUM = (1 << RATIO_WIDTH) - 1
SQUARE_MAXIMUM = (1 << SQUARE_WIDTH) - 1


def vector(shape: Shape) -> data.StructLayout:
    """A number of each axis."""
    return data.StructLayout({"x": shape, "y": shape})


POSITION = vector(signed(POSITION_WIDTH))
VELOCITY = vector(signed(VELOCITY_WIDTH))
DIFFERENCE = vector(signed(POSITION_WIDTH + 1))


def signed_for(magnitude: int) -> Shape:
    """Of a number -magnitude..magnitude."""
    return signed(magnitude.bit_length() + 1)


def similarity_bound(distance: int) -> int:
    """No pair this far apart, or farther, has a larger q (both in units of the last place).

    The mantissa of the reciprocal errs by less than a unit and the rounding by half of one.
    """
    x = 4096 + (distance**2 >> 4)
    return min((2 * (1 << 2 * SIMILARITY_BITS) + 3 * x) // (2 * x), 1 << SIMILARITY_BITS)


def squared_similarity(similarity: int) -> int:
    """q2 of q."""
    return min((similarity**2 + 64) >> 7, SQUARE_MAXIMUM)


@cache
def pull_maximum() -> int:
    """Largest |q * dx|: far pairs have a small q."""
    return max(d * similarity_bound(d) for d in range(DIFFERENCE_MAXIMUM + 1))


@cache
def push_maximum() -> int:
    """Largest |q2 * dx|."""
    return max(d * squared_similarity(similarity_bound(d)) for d in range(DIFFERENCE_MAXIMUM + 1))


def pull_sum_maximum(config: Configuration) -> int:
    """Largest |sum of weight * q * dx| of the edges from one sample, or of those to it."""
    return (config.samples - 1) * ((1 << WEIGHT_WIDTH) - 1) * pull_maximum()


def attraction_maximum(config: Configuration) -> int:
    """Largest |A| on an axis: all other samples point to this one, which has K edges of its own."""
    edges = config.samples - 1 + config.neighbours
    return edges * ((1 << WEIGHT_WIDTH) - 1) * pull_maximum()


def repulsion_maximum(config: Configuration) -> int:
    """Largest |R| on an axis."""
    return (config.samples - 1) * push_maximum()


def similarity_sum_maximum(config: Configuration) -> int:
    """Largest Z, over all ordered pairs."""
    return config.samples * (config.samples - 1) << SIMILARITY_BITS


def projection_maximum(config: Configuration) -> int:
    """Largest |sum of +-feature|."""
    return 255 * config.features


def stored_shape(config: Configuration) -> Shape:
    """Of a coordinate in its memory: a projection, or one that moved and is not yet recentred."""
    moved = POSITION_MAXIMUM + 1 + VELOCITY_MAXIMUM + 1
    return signed_for(max(projection_maximum(config), moved))


def centred_shape(config: Configuration) -> Shape:
    """Of a stored coordinate less the mean, before it saturates."""
    return signed(stored_shape(config).width + 1)


def magnitude_maximum(config: Configuration) -> int:
    """Largest sum of |y| over all samples and both axes, at the start."""
    return 2 * config.samples * (1 << centred_shape(config).width - 1)


def biased_sum_shape(config: Configuration) -> Shape:
    """Of the sum of all samples' coordinates on an axis, each made unsigned by turning its sign."""
    return unsigned(width_for(config.samples * ((1 << stored_shape(config).width) - 1)))
