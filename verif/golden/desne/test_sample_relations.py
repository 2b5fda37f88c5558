# SPDX-License-Identifier: Apache-2.0
"""The choice on a map: what a change of the input changes, and what it does not."""

import numpy as np
import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st

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
from verif.golden.desne.drawn import edges

FEW = settings(max_examples=40)
CASES = st.integers(0, 1 << 30)
PHASES = st.integers(0, 65535)
REGISTERS = st.integers(1, (1 << 32) - 1)


@st.composite
def maps(draw):
    """Points in a map of any extent, features, and how many of them."""
    rng = np.random.default_rng(draw(CASES))
    m = draw(st.integers(1, 40))
    extent = draw(st.sampled_from([0, 3, 31, 500, 16383]))
    points = rng.integers(-extent, extent + 1, (m, 2))
    return points, rng.integers(0, 200, (m, 4), np.uint8), draw(st.integers(1, m))


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
