# SPDX-License-Identifier: Apache-2.0
"""The map and the choice on it: what a change of the input changes, and what it does not."""

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
from golden.desne.sample import (
    RULES,
    candidates,
    curve,
    curve_order,
    grid,
    hilbert_index,
    in_degree,
    medoid,
    sample,
)
from golden.desne.tiles import plan_class, shares

FEW = settings(max_examples=40)
CASES = st.integers(0, 1 << 30)
PHASES = st.integers(0, 65535)
REGISTERS = st.integers(1, (1 << 32) - 1)


def edges(rng, n, k):
    """k others of each sample, ascending, and weights."""
    rows = [np.sort(rng.permutation(np.delete(np.arange(n), i))[:k]) for i in range(n)]
    return np.array(rows, np.int32).reshape(n, k), rng.integers(0, 256, (n, k), np.uint8)


@st.composite
def maps(draw):
    """Points in a map of any extent, features, and how many of them."""
    rng = np.random.default_rng(draw(CASES))
    m = draw(st.integers(1, 40))
    extent = draw(st.sampled_from([0, 3, 31, 500, 16383]))
    points = rng.integers(-extent, extent + 1, (m, 2))
    return points, rng.integers(0, 200, (m, 4), np.uint8), draw(st.integers(1, m))


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


# sample


@seed(8)
@FEW
@given(CASES, st.integers(2, 20), st.integers(1, 19))
def test_in_degrees_count_every_edge_once(case, n, k):
    rng = np.random.default_rng(case)
    neighbours, _ = edges(rng, n, min(k, n - 1))
    degree = in_degree(neighbours)
    assert len(degree) == n and degree.sum() == neighbours.size
    name = rng.permutation(n)  # the sample i gets the number name[i]
    renamed = np.empty_like(neighbours)
    renamed[name] = name[neighbours]
    assert np.array_equal(in_degree(renamed)[name], degree)


@seed(9)
@FEW
@given(CASES, st.integers(2, 24), st.floats(0, 1))
def test_a_larger_drop_leaves_a_subset(case, n, share):
    rng = np.random.default_rng(case)
    neighbours, _ = edges(rng, n, int(rng.integers(1, n)))
    budget = 1 + round(share * (n - 1))
    degree = in_degree(neighbours)
    before = np.arange(n)
    for quarters in range(3):
        left = candidates(neighbours, budget, quarters)
        assert len(left) == max(n - n * quarters // 4, budget)
        assert (np.diff(left) > 0).all() and np.isin(left, before).all()
        gone = np.setdiff1d(np.arange(n), left)
        for place in gone:  # of equal ones the lowest go first
            assert all((degree[place], place) < (degree[i], i) for i in left)
        before = left


@seed(10)
@FEW
@given(st.integers(0, 5), st.integers(0, 63), st.integers(0, 63))
def test_hilbert_fills_every_aligned_square_before_the_next(bits, x, y):
    side = 1 << bits
    a, b = x // side * side, y // side * side
    cells = np.stack(np.meshgrid(np.arange(side), np.arange(side)), axis=-1).reshape(-1, 2)
    cells += [a, b]
    index = hilbert_index(cells[:, 0], cells[:, 1])
    first = index.min()
    assert first % side**2 == 0
    assert sorted(index.tolist()) == list(range(first, first + side**2))
    path = cells[np.argsort(index)]
    assert (np.abs(np.diff(path, axis=0)).sum(axis=1) == 1).all()
    assert 0 <= first and first + side**2 <= 4096


@seed(11)
@FEW
@given(maps(), st.integers(-9999, 9999))
def test_the_order_along_the_curve_knows_no_origin_and_no_scale(drawn, offset):
    points, _, _ = drawn
    order = curve_order(points)
    assert sorted(order.tolist()) == list(range(len(points)))
    assert np.array_equal(curve_order(points + [offset, offset + 7]), order)
    if np.ptp(points, axis=0).max() >= 32:
        assert np.array_equal(curve_order(2 * points), order)
    # Points of one place stay in the order in which they came.
    twice = curve_order(np.concatenate([points, points]))
    place = np.empty(2 * len(points), int)
    place[twice] = np.arange(2 * len(points))
    assert (place[: len(points)] < place[len(points) :]).all()


@seed(12)
@FEW
@given(maps(), PHASES)
def test_twice_the_budget_holds_the_draw_of_half(drawn, phase):
    """Places are (j + phase / 65536) m / budget: every second one of twice as many."""
    points, _, budget = drawn
    half = curve(points, budget, phase)
    assert len(set(half.tolist())) == budget
    if 2 * budget <= len(points):
        assert set(half) <= set(curve(points, 2 * budget, 2 * phase & 0xFFFF))
    everything = curve(points, len(points), phase)
    assert np.array_equal(everything, curve_order(points))


@seed(13)
@FEW
@given(maps(), PHASES, st.integers(0, 256), st.integers(0, 55))
def test_medoids_move_with_nothing_that_leaves_distances(drawn, phase, spread, up):
    points, features, budget = drawn
    chosen = medoid(points, features, budget, phase, spread)
    assert len(set(chosen.tolist())) == budget
    for other in (features + np.uint8(up), 255 - features, np.repeat(features, 2, axis=1)):
        assert np.array_equal(medoid(points, other, budget, phase, spread), chosen)
    assert np.array_equal(
        medoid(points, features, budget, phase, 0), medoid(points, features, budget, 0, 0)
    )
    place = np.empty(len(points), int)  # one of each stratum, in turn
    place[curve_order(points)] = np.arange(len(points))
    assert (place[chosen] * budget // len(points)).tolist() == list(range(budget))


@seed(14)
@FEW
@given(maps(), PHASES, st.integers(-9999, 9999))
def test_the_grid_knows_no_origin(drawn, phase, offset):
    points, _, budget = drawn
    chosen = grid(points, budget, phase)
    assert len(set(chosen.tolist())) == budget
    assert np.array_equal(grid(points + [offset, 5], budget, phase), chosen)
    if len(np.unique(points, axis=0)) == 1:  # a single cell: the first of it, and a draw
        assert 0 in chosen


@pytest.mark.parametrize("rule", RULES)
@seed(15)
@settings(max_examples=25)
@given(CASES, st.integers(2, 24), st.floats(0, 1), st.integers(0, 2), PHASES)
def test_a_choice_is_the_budget_of_the_candidates(rule, case, n, share, quarters, phase):
    rng = np.random.default_rng(case)
    neighbours, _ = edges(rng, n, int(rng.integers(1, n)))
    points = rng.integers(-2000, 2000, (n, 2), np.int32)
    features = rng.integers(0, 256, (n, 3), np.uint8)
    budget = 1 + round(share * (n - 1))
    chosen = sample(
        points,
        neighbours,
        features,
        budget,
        rule=rule,
        drop_quarters=quarters,
        spread=128,
        phase=phase,
    )
    assert len(chosen) == budget and (np.diff(chosen) > 0).all()
    assert np.isin(chosen, candidates(neighbours, budget, quarters)).all()


# tiles


@seed(16)
@FEW
@given(st.integers(0, 1 << 40), st.integers(1, 60))
def test_shares_are_nearly_equal(total, parts):
    cut = shares(total, parts)
    assert len(cut) == parts and cut.sum() == total and np.ptp(cut) <= 1
    assert np.array_equal(shares(total + parts, parts), cut + 1)


@seed(17)
@FEW
@given(st.integers(1, 200), st.floats(0, 1), st.integers(2, 50), CASES)
def test_a_plan_depends_on_places_not_on_names(m, share, tile, number):
    budget = 1 + round(share * (m - 1))
    a, b = (
        plan_class(names, budget, tile, number, 3) for names in (np.arange(m), np.arange(m) * 7 + 2)
    )
    assert [part for _, part in a] == [part for _, part in b]
    for (first, _), (second, _) in zip(a, b, strict=True):
        assert np.array_equal(first * 7 + 2, second)
