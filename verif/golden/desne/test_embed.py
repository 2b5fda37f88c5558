# SPDX-License-Identifier: Apache-2.0
"""embed against plain integers, and against the derivative of the cost in float64."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st
from sklearn.datasets import load_digits

from golden.arith.lfsr import seed_register
from golden.desne.calibrate import calibrate
from golden.desne.distance import distance
from golden.desne.embed import (
    COORDINATE_LIMIT,
    Schedule,
    _descend,
    embed,
    similarity,
    start_positions,
)
from verif.golden import plain

UNIT = 2.0**-8


def affinities(features, perplexity=None, limit=64):
    k = min(limit, len(features) - 1)
    result = calibrate(distance(features), perplexity or max(1, k / 3), limit)
    return result.neighbours, result.weights


def equal_to_plain(features, neighbours, weights, register, iterations, rate=16):
    schedule = Schedule(iterations=iterations, rate=rate)
    y = embed(features, neighbours, weights, register, schedule)
    expected = plain.embed(
        features.tolist(), neighbours.tolist(), weights.tolist(), register, iterations, rate
    )
    assert y.dtype == np.int32
    assert y.tolist() == expected
    return y


# Against docs/numerics.md in plain integers


@seed(1)
@settings(max_examples=60)
@given(
    n=st.integers(2, 9),
    width=st.integers(1, 6),
    levels=st.sampled_from([1, 2, 256]),
    case=st.integers(0, 1 << 30),
    iterations=st.integers(0, 12),
)
def test_equals_plain_integers(n, width, levels, case, iterations):
    rng = np.random.default_rng(case)
    features = (rng.integers(0, levels, (n, width)) * (255 // max(levels - 1, 1))).astype(np.uint8)
    neighbours, weights = affinities(features, limit=int(rng.integers(1, n)))
    equal_to_plain(features, neighbours, weights, int(rng.integers(1, 1 << 32)), iterations)


@pytest.mark.parametrize("perplexity, limit", [(10.0, 64), (5.0, 12)])
def test_equals_plain_integers_on_digits(perplexity, limit):
    digits = load_digits()
    features = np.round(digits.data[:60] * 255 / 16).astype(np.uint8)
    neighbours, weights = affinities(features, perplexity, limit)
    equal_to_plain(features, neighbours, weights, seed_register(1), 11)


def test_equals_plain_integers_where_velocity_and_coordinates_saturate():
    # No attraction and the highest rate: the samples fly apart into the walls.
    rng = np.random.default_rng(5)
    features = rng.integers(0, 256, (40, 8), np.uint8)
    neighbours, weights = affinities(features)
    y = equal_to_plain(features, neighbours, np.zeros_like(weights), 12345, 10, rate=255)
    assert y.max() == COORDINATE_LIMIT - 1 and y.min() == -COORDINATE_LIMIT


def test_equals_plain_integers_with_the_largest_weights():
    # Every sample's every edge at 255, as no calibration gives, and a rate that swings widely.
    rng = np.random.default_rng(6)
    features = rng.integers(0, 256, (12, 8), np.uint8)
    neighbours, weights = affinities(features)
    equal_to_plain(features, neighbours, np.full_like(weights, 255), 999, 12, rate=64)


# Against the cost


def student_sum(y):
    """Z: the sum of 1 / (1 + |y_i - y_j|^2) over all ordered pairs."""
    return (1 / (1 + ((y[:, None] - y[None]) ** 2).sum(axis=2))).sum() - len(y)


def kullback_leibler(y, p):
    """The cost less the entropy of p, which y does not move, as attractive and repulsive part."""
    attraction = (p * np.log1p(((y[:, None] - y[None]) ** 2).sum(axis=2))).sum()
    return np.array([attraction, np.log(student_sum(y))])


def symmetrised(neighbours, weights):
    """p [n, n] = (p(j given i) + p(i given j)) / 2n from the integer weights."""
    n = len(neighbours)
    conditional = np.zeros((n, n))
    np.put_along_axis(conditional, neighbours.astype(int), weights / 256, axis=1)
    return (conditional + conditional.T) / (2 * n)


def derivative(cost, y, step=1e-5):
    """Central differences of the parts of a cost, [parts, n, 2]."""
    gradient = np.empty((len(cost(y)), *y.shape))
    for place in np.ndindex(y.shape):
        y[place] += step
        above = cost(y)
        y[place] -= 2 * step
        below = cost(y)
        y[place] += step
        gradient[:, *place] = (above - below) / (2 * step)
    return gradient


def quantisation(y, p):
    """How far the integer step of eta = n may lie from n * gradient, per sample and axis.

    A similarity is off by 2.5 units of 2^-12 at most (one from the reciprocal, a half from its
    rounding, one from the floored distance), its square by twice that of q and 2^-18. The velocity
    is rounded to 2^-8 once, the terms before it to 2^-12, the means to half a unit.
    """
    n = len(y)
    difference = np.abs(y[:, None] - y[None])
    q = 1 / (1 + (difference**2).sum(axis=2))
    np.fill_diagonal(q, 0)
    z = q.sum()
    error = 2.5 * 2.0**-12
    attraction = 4 * n * error * (p[:, :, None] * difference).sum(axis=1)
    squared = (2 * q * error + error**2 + 2.0**-18)[:, :, None]
    repulsion = 4 * n / z * (squared * difference).sum(axis=1)
    force = np.abs(((q * q)[:, :, None] * (y[:, None] - y[None])).sum(axis=1))
    repulsion += 4 * n / z * force * (n * (n - 1) * error / z + 2.0**-18)
    return attraction + repulsion + UNIT + 2 * 2.0**-12


@pytest.mark.parametrize("advance", [0, 10, 40])
@pytest.mark.parametrize("n", [3, 25, 60])
def test_one_step_is_the_gradient_of_the_cost(n, advance):
    """From rest, the step is -n times the numeric derivative of the cost, within quantisation.

    n / Z has the documented limit of 16, which only a handful of samples far apart can meet.
    """
    rng = np.random.default_rng(n)
    features = np.concatenate(
        [rng.integers(0, 120, (n // 2, 12)), rng.integers(80, 256, (n - n // 2, 12))]
    )
    features = features.astype(np.uint8)
    neighbours, weights = affinities(features)
    y = embed(features, neighbours, weights, 77, Schedule(iterations=advance)).astype(np.int64)
    before = y * UNIT
    _descend(y, neighbours, weights, 1, 16, 8, 8, 13)  # one iteration: no exaggeration yet
    step = y * UNIT - before
    p = symmetrised(neighbours, weights)
    attraction, repulsion = derivative(lambda at: kullback_leibler(at, p), before.copy())
    limit = min(1, 16 * student_sum(before) / n)
    assert limit == 1 or n == 3
    gradient = attraction + limit * repulsion
    bound = quantisation(before, p)
    assert (np.abs(step + n * gradient) <= bound).all()
    if advance == 0:  # the forces are large here, and the bound must not swallow them
        assert np.median(bound) < 0.2 * np.abs(n * gradient).max()


def test_the_descent_lowers_the_cost():
    digits = load_digits()
    features = np.round(digits.data[:300] * 255 / 16).astype(np.uint8)
    neighbours, weights = affinities(features, 30.0)
    p = symmetrised(neighbours, weights)
    costs = [
        kullback_leibler(
            embed(features, neighbours, weights, 5, Schedule(iterations=i)) * UNIT, p
        ).sum()
        for i in (0, 10, 25, 50, 100)
    ]
    assert all(after < before for before, after in pairwise(costs))


# Similarity


def test_similarity_over_differences_is_within_two_and_a_half_units():
    rng = np.random.default_rng(2)
    for scale in (64, 600, 5000, 32767):
        for dx, dy in rng.integers(-scale, scale + 1, (2000, 2)).tolist():
            exact = 4096 / (1 + (dx * dx + dy * dy) / 65536)
            q = similarity(dx, dy)
            assert 0 <= q <= 4096
            assert abs(q - exact) < 2.5
            assert q == plain.student(dx, dy)


# Symmetries


@pytest.mark.parametrize("n", [2, 3, 50, 333])
def test_the_map_is_centred(n):
    rng = np.random.default_rng(n)
    features = rng.integers(0, 256, (n, 16), np.uint8)
    neighbours, weights = affinities(features)
    for iterations in (1, 7, 50):
        y = embed(features, neighbours, weights, 3, Schedule(iterations=iterations))
        assert (np.abs(y.mean(axis=0)) <= 0.5).all()


def test_two_samples_end_opposite_each_other():
    features = np.array([[0, 0], [255, 90]], np.uint8)
    neighbours, weights = affinities(features)
    y = equal_to_plain(features, neighbours, weights, 3, 50)
    assert (np.abs(y[0] + y[1]) <= 1).all()
    assert (y[0] != y[1]).any()


def test_three_samples():
    features = np.array([[0], [10], [200]], np.uint8)
    neighbours, weights = affinities(features, 1.5)
    y = equal_to_plain(features, neighbours, weights, 3, 50)
    apart = np.linalg.norm(y[:, None] - y[None], axis=2)
    assert apart[0, 1] < apart[0, 2] and apart[0, 1] < apart[1, 2]


def test_identical_samples_all_stay_at_the_centre():
    features = np.full((20, 4), 9, np.uint8)
    neighbours, weights = affinities(features)
    y = embed(features, neighbours, weights, 3)
    assert not y.any()


def test_twins_stay_together_where_every_sample_is_a_neighbour():
    rng = np.random.default_rng(4)
    features = rng.integers(0, 256, (30, 8), np.uint8)
    features[20:] = features[10:20]
    neighbours, weights = affinities(features, 10.0, 64)
    y = embed(features, neighbours, weights, 3)
    assert np.array_equal(y[20:], y[10:20])
    assert len(np.unique(y, axis=0)) == 20


def test_the_order_of_the_samples_does_not_matter_where_nothing_ties():
    rng = np.random.default_rng(5)
    features = rng.integers(0, 256, (80, 32), np.uint8)
    d = distance(features)
    assert all(len(np.unique(row)) == len(row) for row in d)
    order = rng.permutation(80)
    y = embed(features, *affinities(features, 8.0, 20), 3)
    shuffled = embed(features[order], *affinities(features[order], 8.0, 20), 3)
    assert np.array_equal(shuffled, y[order])


def test_an_offset_of_all_features_does_not_matter():
    rng = np.random.default_rng(6)
    features = rng.integers(0, 200, (60, 9), np.uint8)
    raised = features + np.uint8(55)
    a = embed(features, *affinities(features), 3)
    assert np.array_equal(a, embed(raised, *affinities(raised), 3))


# Start


@pytest.mark.parametrize("n, width", [(2, 1), (3, 5), (100, 64)])
def test_start_equals_plain_integers_and_has_a_mean_magnitude_of_a_quarter(n, width):
    rng = np.random.default_rng(n)
    features = rng.integers(0, 256, (n, width), np.uint8)
    y = start_positions(features, 0x1234567)
    assert y.tolist() == plain.start(features.tolist(), 0x1234567)
    # 64 units are a quarter; rounding moves each by up to one, a mean divided out by one more.
    assert abs(np.abs(y).mean() - 64) <= 1
    assert (np.abs(y.mean(axis=0)) <= 1 + 64 / n).all()


def test_start_follows_the_seed():
    features = np.random.default_rng(7).integers(0, 256, (50, 16), np.uint8)
    a, b, c = (start_positions(features, seed_register(s)) for s in (1, 1, 2))
    assert np.array_equal(a, b) and not np.array_equal(a, c)


@pytest.mark.parametrize(
    ("name", "value"),
    [("iterations", 1024), ("rate", 256), ("exaggeration", 16), ("early_momentum", 16),
     ("momentum", 16), ("momentum", -1)],
)  # fmt: skip
def test_a_schedule_that_no_register_holds_is_refused(name, value):
    with pytest.raises(ValueError, match=f"{name} is {value}"):
        Schedule(**{name: value})
