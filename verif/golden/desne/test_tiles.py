# SPDX-License-Identifier: Apache-2.0
"""tiles: budgets are exact, tiles cover a class once, and no tile is asked for more than it has."""

from fractions import Fraction
from math import ceil

import numpy as np
import pytest
from hypothesis import example, given, seed, settings
from hypothesis import strategies as st

from golden.desne.tiles import class_budgets, plan_class, shares


@seed(1)
@settings(max_examples=200)
@given(st.lists(st.integers(1, 7000), min_size=1, max_size=20), st.floats(0.01, 1))
def test_budgets_are_exact_and_within_one_of_proportional(counts, keep):
    try:
        budgets = class_budgets(np.array(counts), keep)
    except ValueError as error:
        assert "empty" in str(error)
        return
    total = round(keep * sum(counts))
    assert budgets.sum() == total
    for count, budget in zip(counts, budgets.tolist(), strict=True):
        assert 1 <= budget <= count
        assert abs(budget - Fraction(count * total, sum(counts))) < 1


def test_largest_remainders_and_ties():
    # Quotas 2.5, 2.5, 5.0: one sample is over, and equal remainders favour the lower class.
    assert class_budgets(np.array([5, 5, 10]), 0.5).tolist() == [3, 2, 5]
    # Quotas 1.2, 1.7, 2.1 of round(0.1 * 50) = 5: the largest remainder is the second.
    assert class_budgets(np.array([12, 17, 21]), 0.1).tolist() == [1, 2, 2]


@pytest.mark.parametrize("keep", [0, -0.1, 1.01, float("nan")])
def test_keep_out_of_range(keep):
    with pytest.raises(ValueError, match="keep must be above 0 and at most 1"):
        class_budgets(np.array([10, 10]), keep)


def test_an_empty_class_is_named():
    with pytest.raises(ValueError) as error:
        class_budgets(np.array([1000, 3]), 0.1)
    assert str(error.value) == (
        "keep 0.1 leaves class number 1 (3 samples) empty; keep more than 0.333"
    )


@seed(2)
@given(st.integers(0, 10_000), st.integers(1, 40))
def test_shares_are_cumulated_rounding(total, parts):
    def edge(t):
        return (Fraction(total * t, parts) + Fraction(1, 2)).__floor__()

    assert shares(total, parts).tolist() == [edge(t + 1) - edge(t) for t in range(parts)]


@seed(3)
@settings(max_examples=300)
@given(st.integers(1, 400), st.floats(0, 1), st.integers(2, 60), st.booleans(), st.integers(0, 9))
@example(8, 6 / 7, 3, False, 0)  # tiles of 3, 2 and 3 samples; 7 dealt as evenly would be 2, 3, 2
def test_plan(m, position, tile, all_tiles, plan_seed):
    members = 3 * np.arange(m) + 5
    budget = 1 + round(position * (m - 1))
    plan = plan_class(members, budget, tile, plan_seed, 4, all_tiles)
    assert sum(part for _, part in plan) == budget
    for indices, part in plan:
        assert 1 <= part <= len(indices) <= tile
        assert (np.diff(indices) > 0).all()
    read = np.concatenate([indices for indices, _ in plan])
    assert len(np.unique(read)) == len(read)
    assert np.isin(read, members).all()
    number = ceil(m / tile)
    assert len(plan) <= number
    sizes = [len(indices) for indices, _ in plan]
    assert max(sizes) - min(sizes) <= 1
    if all_tiles and budget >= number:
        assert np.array_equal(np.sort(read), members)
        assert len(plan) == number
    elif not all_tiles and budget <= 300:
        # One tile, unless a share would exceed a tile.
        fewer = len(plan) - 1
        assert fewer == 0 or budget > fewer * (m // number)


@pytest.mark.parametrize(
    "budget, used", [(1, 1), (300, 1), (301, 2), (600, 2), (601, 3), (1800, 6)]
)
def test_one_tile_for_every_300(budget, used):
    plan = plan_class(np.arange(6000), budget, 1024, 1, 0)
    assert len(plan) == used
    assert {len(indices) for indices, _ in plan} == {1000}


def test_the_same_seed_gives_the_same_tiles_and_others_differ():
    def read(*arguments):
        return [
            indices.tolist() for indices, _ in plan_class(np.arange(2000), 700, 500, *arguments)
        ]

    assert read(1, 0) == read(1, 0)
    assert read(1, 0) != read(2, 0)
    assert read(1, 0) != read(1, 1)


def test_labels_may_be_negative():
    for label in (-1, np.int64(-1)):
        plan_class(np.arange(20), 5, 10, 1, label)


@pytest.mark.parametrize("budget", [0, 21])
def test_budget_out_of_range(budget):
    with pytest.raises(ValueError, match=f"a budget of {budget} does not fit a class of 20"):
        plan_class(np.arange(20), budget, 10, 1, 0)


def test_tile_of_one_sample_is_refused():
    with pytest.raises(ValueError, match="a tile must hold at least 2 samples, not 1"):
        plan_class(np.arange(20), 5, 1, 1, 0)
