# SPDX-License-Identifier: Apache-2.0
"""The descent: what a change of the input changes, and what it does not."""

import numpy as np
import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st

from golden.desne.embed import (
    COORDINATE_LIMIT,
    Schedule,
    _attraction,
    _descend,
    _recentre,
    _repulsion,
    _similarity,
    embed,
    similarity,
    start_positions,
)
from verif.golden.desne.drawn import edges

FEW = settings(max_examples=40)
CASES = st.integers(0, 1 << 30)
PHASES = st.integers(0, 65535)
REGISTERS = st.integers(1, (1 << 32) - 1)


# similarity, forces and descent


@seed(1)
@FEW
@given(st.integers(0, 32767), st.integers(0, 32767), st.integers(0, 4000))
def test_similarity_depends_on_the_distance_alone_and_falls(dx, dy, more):
    q = similarity(dx, dy)
    assert q == similarity(-dx, dy) == similarity(dy, -dx) == _similarity(dx, -dy)
    assert similarity(dx + more, dy) <= q <= 4096 == similarity(0, 0)

    # Twice the difference: between a quarter and all of it.
    assert 4 * similarity(2 * dx, 2 * dy) >= q - 13 or 2 * max(dx, dy) > 32767


@seed(2)
@FEW
@given(CASES, st.integers(2, 9))
def test_forces_of_a_pair_are_opposite(case, n):
    rng = np.random.default_rng(case)
    y = rng.integers(-9000, 9000, (n, 2))
    neighbours, weights = edges(rng, n, n - 1)
    repulsion, attraction = np.zeros((2, n, 2), np.int64)
    z = _repulsion(y, repulsion)
    _attraction(y, neighbours, weights, attraction)
    assert not repulsion.sum(axis=0).any() and not attraction.sum(axis=0).any()
    assert z % 2 == 0 and 0 < z <= 4096 * n * (n - 1)
    turned = np.zeros((n, 2), np.int64)
    assert _repulsion(y[::-1].copy(), turned) == z and np.array_equal(turned[::-1], repulsion)
    beside = np.zeros((n, 2), np.int64)  # the axes are alike
    _attraction(y[:, ::-1].copy(), neighbours, weights, beside)
    assert np.array_equal(beside[:, ::-1], attraction)
    alone = np.zeros((n, 2), np.int64)
    _attraction(y, neighbours, np.zeros_like(weights), alone)
    assert not alone.any()


@seed(3)
@FEW
@given(CASES, st.integers(1, 12), st.integers(-5000, 5000))
def test_recentring_forgets_where_the_map_was(case, n, offset):
    y = np.random.default_rng(case).integers(-4000, 4000, (n, 2))
    there = y + [offset, -offset // 3]
    for points in (y, there):
        _recentre(points)
    assert np.array_equal(y, there)
    total = y.sum(axis=0)
    assert (-n <= 2 * total).all() and (2 * total < n).all()


@seed(4)
@FEW
@given(CASES, st.integers(2, 8), st.integers(1, 6), st.integers(-3000, 3000))
def test_the_descent_knows_no_origin_and_no_axis(case, n, iterations, offset):
    rng = np.random.default_rng(case)
    y = rng.integers(-600, 600, (n, 2))
    steering = (*edges(rng, n, int(rng.integers(1, n))), iterations, 16, 8, 8, 13)
    moved, swapped = y + [offset, offset // 2], y[:, ::-1].copy()
    for points in (y, moved, swapped):
        _descend(points, *steering)
    assert np.array_equal(moved, y) and np.array_equal(swapped[:, ::-1], y)


@seed(5)
@FEW
@given(CASES, st.integers(2, 8), REGISTERS)
def test_without_a_rate_samples_stay_at_the_start(case, n, register):
    rng = np.random.default_rng(case)
    features = rng.integers(0, 256, (n, 5), np.uint8)
    affinities = edges(rng, n, n - 1)
    start = start_positions(features, register)
    assert np.array_equal(embed(features, *affinities, register, Schedule(iterations=0)), start)
    _recentre(start)
    assert np.array_equal(
        embed(features, *affinities, register, Schedule(iterations=9, rate=0)), start
    )


@seed(6)
@FEW
@given(CASES, st.integers(2, 8), st.integers(0, 4), st.integers(0, 15), st.integers(0, 15))
def test_fewer_than_five_iterations_have_no_early_part(case, n, iterations, pull, keep):
    rng = np.random.default_rng(case)
    features = rng.integers(0, 256, (n, 5), np.uint8)
    job = (features, *edges(rng, n, n - 1), 99)
    plain = embed(*job, Schedule(iterations=iterations))
    other = Schedule(iterations=iterations, exaggeration=pull, early_momentum=keep)
    assert np.array_equal(embed(*job, other), plain)


def test_exaggeration_and_each_momentum_matter_where_they_hold(seed):
    rng = np.random.default_rng(seed)
    features = rng.integers(0, 256, (12, 5), np.uint8)
    job = (features, *edges(rng, 12, 4), 99)
    for name, iterations in (("exaggeration", 5), ("early_momentum", 10), ("momentum", 2)):
        a, b = (
            embed(*job, Schedule(**{"iterations": iterations, name: value})) for value in (0, 15)
        )
        assert not np.array_equal(a, b), name
    # A momentum acts on the step after the first of its part.
    first = [embed(*job, Schedule(iterations=1, momentum=value)) for value in (0, 15)]
    assert np.array_equal(*first)
    early = [embed(*job, Schedule(iterations=5, early_momentum=value)) for value in (0, 15)]
    assert np.array_equal(*early)


@pytest.mark.parametrize(
    ("name", "most"),
    [("iterations", 1023), ("rate", 255), ("exaggeration", 15), ("early_momentum", 15),
     ("momentum", 15)],
)  # fmt: skip
def test_what_registers_hold_is_a_schedule(name, most):
    for value in (0, most):
        assert getattr(Schedule(**{name: value}), name) == value
    for value in (-1, most + 1):
        with pytest.raises(ValueError, match=f"{name} is {value}: it must be from 0 to {most}"):
            Schedule(**{name: value})


@seed(7)
@FEW
@given(CASES, st.integers(1, 30), st.integers(1, 8), REGISTERS, st.integers(0, 55))
def test_the_start_moves_with_the_samples_and_not_with_an_offset(case, n, width, register, up):
    rng = np.random.default_rng(case)
    features = rng.integers(0, 200, (n, width), np.uint8)
    order = rng.permutation(n)
    y = start_positions(features, register)
    assert np.array_equal(start_positions(features[order], register), y[order])
    assert np.array_equal(start_positions(features + np.uint8(up), register), y)
    assert y.min() >= -COORDINATE_LIMIT and y.max() < COORDINATE_LIMIT
    twins = start_positions(np.concatenate([features, features]), register)
    assert np.array_equal(twins[:n], twins[n:])
