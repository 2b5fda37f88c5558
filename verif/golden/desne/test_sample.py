# SPDX-License-Identifier: Apache-2.0
"""sample: every rule against a naive second implementation, and the properties users rely on."""

import numpy as np
import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st

from golden.desne.sample import RULES, curve_order, hilbert_index, in_degree, sample
from verif.golden import plain_sample


def both(points, neighbours, features, budget, rule, quarters, spread, phase, branches):
    """The golden choice, after it was found equal to the naive one."""
    chosen = sample(
        points,
        neighbours,
        features,
        budget,
        rule=rule,
        drop_quarters=quarters,
        spread=spread,
        phase=phase,
    )
    naive = plain_sample.sample(
        points.tolist(),
        neighbours.tolist(),
        features.tolist(),
        budget,
        rule,
        quarters,
        spread,
        phase,
        branches,
    )
    assert chosen.tolist() == naive
    assert chosen.dtype == np.int64
    assert len(np.unique(chosen)) == budget
    return chosen


def random_map(rng, n, extent):
    """A map (ties where the extent is small), lists without the sample itself, features."""
    points = rng.integers(-extent, extent + 1, (n, 2), np.int32)
    k = int(rng.integers(1, n)) if n > 1 else 0
    neighbours = np.array(
        [np.sort(rng.permutation(np.delete(np.arange(n), i))[:k]) for i in range(n)], np.int32
    ).reshape(n, k)
    features = rng.integers(0, 256 if extent > 4 else 3, (n, 5), np.uint8)
    return points, neighbours, features


@pytest.mark.parametrize("rule", RULES)
@seed(1)
@settings(max_examples=120)
@given(
    map_seed=st.integers(0, 1 << 30),
    n=st.integers(1, 40),
    extent=st.sampled_from([0, 1, 3, 31, 32, 500, 16384 - 1]),
    position=st.floats(0, 1),
    quarters=st.integers(0, 2),
    spread=st.sampled_from([0, 1, 128, 255, 256]),
    phase=st.sampled_from([0, 1, 32768, 65535]),
)
def test_equals_the_naive_rule(rule, map_seed, n, extent, position, quarters, spread, phase):
    points, neighbours, features = random_map(np.random.default_rng(map_seed), n, extent)
    budget = 1 + round(position * (n - 1))
    both(points, neighbours, features, budget, rule, quarters, spread, phase, set())


@pytest.mark.parametrize("rule", RULES)
def test_equals_the_naive_rule_on_a_larger_map_and_meets_every_branch(rule):
    branches = set()
    for case in range(12):
        rng = np.random.default_rng(case)
        points, neighbours, features = random_map(rng, 200, [16000, 300, 9, 60][case % 4])
        if (
            case % 3 == 0
        ):  # twins share a cell at every side: a full budget is out of reach of cells
            points[100:] = points[:100]
        budget = [1, 30, 110, 150, 199, 200][case % 6]
        both(points, neighbours, features, budget, rule, case % 3, 128, 777 * case, branches)
    expected = {"dropped", "all candidates"}
    assert branches >= expected | ({"surplus", "shortfall", "exact"} if rule == "grid" else set())


# The Hilbert curve


def test_curve_visits_every_cell_once_by_unit_steps():
    x, y = (v.ravel() for v in np.meshgrid(np.arange(64), np.arange(64)))
    index = hilbert_index(x, y)
    assert sorted(index.tolist()) == list(range(4096))
    path = np.empty((4096, 2), int)
    path[index] = np.stack([x, y], axis=1)
    assert (np.abs(np.diff(path, axis=0)).sum(axis=1) == 1).all()
    assert path[0].tolist() == [0, 0] and path[-1].tolist() == [63, 0]


def test_curve_is_hilberts_construction():
    cells = np.array(plain_sample.hilbert_cells(6))
    assert np.array_equal(hilbert_index(cells[:, 0], cells[:, 1]), np.arange(4096))


def test_curve_ties_keep_the_order_of_the_samples():
    assert curve_order(np.zeros((9, 2), np.int32)).tolist() == list(range(9))


def test_curve_does_not_move_with_the_map():
    points = np.random.default_rng(4).integers(-8000, 8000, (300, 2))
    assert np.array_equal(curve_order(points), curve_order(points + [77, -200]))


# What a user relies on


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("quarters", [0, 1, 2])
def test_budget_one_and_all(rule, quarters):
    points, neighbours, features = random_map(np.random.default_rng(8), 50, 2000)
    arguments = (rule, quarters, 128, 999, set())
    assert len(both(points, neighbours, features, 1, *arguments)) == 1
    everything = both(points, neighbours, features, 50, *arguments)
    assert everything.tolist() == list(range(50))


def test_drop_takes_the_samples_that_stand_in_the_fewest_lists():
    neighbours = np.array([[1], [0], [1], [1]], np.int32)
    assert in_degree(neighbours).tolist() == [1, 3, 0, 0]
    points = np.array([[0, 0], [1, 0], [2, 0], [3, 0]], np.int32)
    features = np.zeros((4, 1), np.uint8)
    # Ties fall to the lowest index: of 2 and 3, a quarter of four drops 2.
    for quarters, left in ((0, [0, 1, 2, 3]), (1, [0, 1, 3]), (2, [0, 1])):
        budget = len(left)
        chosen = both(points, neighbours, features, budget, "curve", quarters, 0, 0, set())
        assert chosen.tolist() == left
    # The budget is never undercut.
    assert len(both(points, neighbours, features, 3, "curve", 2, 0, 0, set())) == 3


def test_medoid_with_spread_0_is_nearest_to_the_mean_of_its_stratum():
    rng = np.random.default_rng(9)
    points, neighbours, features = random_map(rng, 120, 4000)
    chosen = both(points, neighbours, features, 10, "medoid", 0, 0, 0, set())
    strata = curve_order(points).reshape(10, 12)  # 120 = 10 strata of 12
    for members in strata:
        own = np.intersect1d(members, chosen)
        assert len(own) == 1
        f = features[members].astype(float)
        distances = ((f - f.mean(axis=0)) ** 2).sum(axis=1)
        nearest = distances[members == own[0]][0]
        assert nearest == pytest.approx(distances.min(), rel=1e-12)


def test_medoid_spread_256_reaches_the_outermost_and_0_never_does():
    rng = np.random.default_rng(10)
    points, neighbours, features = random_map(rng, 60, 4000)
    wide = {
        int(i)
        for phase in range(0, 65536, 997)
        for i in sample(
            points, neighbours, features, 4, rule="medoid", drop_quarters=0, spread=256, phase=phase
        )
    }
    assert wide == set(range(60))


def test_medoid_hash_over_many_strata():
    """Two hundred strata at eight phases: enough for a hash that is off by one to show."""
    rng = np.random.default_rng(13)
    points = rng.integers(-8000, 8000, (600, 2), np.int32)
    features = rng.integers(0, 256, (600, 3), np.uint8)
    neighbours = np.zeros((600, 1), np.int32)
    for phase in range(0, 65536, 8192):
        both(points, neighbours, features, 200, "medoid", 0, 256, phase, set())


def test_curve_draws_in_proportion_to_density():
    # Two clusters far apart, 300 and 100 samples: a budget of 40 takes 30 and 10.
    rng = np.random.default_rng(11)
    points = rng.integers(0, 100, (400, 2), np.int32)
    points[300:, 0] += 12000
    neighbours = np.zeros((400, 1), np.int32)
    features = np.zeros((400, 1), np.uint8)
    chosen = both(points, neighbours, features, 40, "curve", 0, 0, 12345, set())
    assert abs((chosen < 300).sum() - 30) <= 1


def test_grid_takes_one_sample_of_each_corner():
    corners = np.array([[0, 0], [9999, 0], [0, 9999], [9999, 9999]], np.int32)
    points = np.repeat(corners, 5, axis=0)
    neighbours = np.zeros((20, 1), np.int32)
    features = np.zeros((20, 1), np.uint8)
    chosen = both(points, neighbours, features, 4, "grid", 0, 0, 0, set())
    assert chosen.tolist() == [0, 5, 10, 15]


@pytest.mark.parametrize("rule", RULES)
def test_seed_phase_moves_the_draw(rule):
    points, neighbours, features = random_map(np.random.default_rng(12), 100, 3000)
    draws = {
        tuple(both(points, neighbours, features, 10, rule, 0, 256, phase, set()))
        for phase in (0, 20000, 40000, 60000)
    }
    assert len(draws) == (1 if rule == "grid" else 4)


@pytest.mark.parametrize("budget", [0, 6])
def test_budget_out_of_range(budget):
    points, neighbours, features = random_map(np.random.default_rng(1), 5, 100)
    with pytest.raises(ValueError, match=f"a budget of {budget} does not fit a tile of 5 samples"):
        sample(
            points, neighbours, features, budget, rule="curve", drop_quarters=0, spread=0, phase=0
        )


def test_unknown_rule():
    points, neighbours, features = random_map(np.random.default_rng(1), 5, 100)
    with pytest.raises(ValueError, match="unknown rule 'best'; choose one of curve, medoid, grid"):
        sample(points, neighbours, features, 2, rule="best", drop_quarters=0, spread=0, phase=0)
