# SPDX-License-Identifier: Apache-2.0
"""calibrate against plain integers and float64."""

import numpy as np
import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st

from golden.desne.calibrate import HIGHEST_CODE, Status, calibrate, nearest
from golden.desne.distance import distance
from verif.golden import plain
from verif.golden.perplexity import (
    entropy_slack,
    row_shifted,
    true_perplexity,
)

PERPLEXITY, NEIGHBOURS = 30.0, 64


def equal_to_plain(distances, perplexity, limit):
    result = calibrate(distances, perplexity, limit)
    neighbours, weights, status, codes = plain.calibrate(distances.tolist(), perplexity, limit)
    assert result.neighbours.tolist() == neighbours
    assert result.code.tolist() == codes
    assert result.status.tolist() == status
    assert result.weights.tolist() == weights
    return result


FEATURES = st.integers(2, 14).flatmap(
    lambda n: st.integers(1, 5).flatmap(
        lambda f: st.lists(
            st.lists(st.sampled_from([0, 1, 2, 100, 101, 254, 255]), min_size=f, max_size=f),
            min_size=n,
            max_size=n,
        )
    )
)


@seed(20260101)
@settings(max_examples=150)
@given(FEATURES, st.integers(1, 16), st.floats(0, 1))
def test_equals_plain_integers_with_ties(features, limit, position):
    features = np.array(features, np.uint8)
    k = min(limit, len(features) - 1)
    equal_to_plain(distance(features), 1 + position * (k - 1), limit)


@pytest.mark.parametrize("rng_seed", range(4))
def test_equals_plain_integers_on_random_tiles(rng_seed):
    rng = np.random.default_rng(rng_seed)
    features = rng.integers(0, 256, (40, 9), np.uint8)
    result = equal_to_plain(distance(features), 8.0, [16, 24, 39, 64][rng_seed])
    assert (result.status == Status.CONVERGED).all()


def test_equals_plain_integers_on_digits(tile):
    equal_to_plain(distance(tile[:80]), PERPLEXITY, NEIGHBOURS)


def test_equals_plain_integers_at_the_widest_distances():
    # 2^28 - 1 is the largest distance the formats hold.
    rng = np.random.default_rng(28)
    d = rng.integers(0, 1 << 28, (20, 20))
    d[3, 5:9] = (1 << 28) - 1
    d[4] = (1 << 28) - 1
    np.fill_diagonal(d, 0)
    equal_to_plain(d, 5.0, 12)


# Neighbours


def test_neighbours_are_the_nearest_and_ties_go_to_the_lowest_index():
    d = np.array(
        [[0, 5, 5, 5, 1], [5, 0, 0, 0, 0], [5, 0, 0, 9, 9], [5, 0, 9, 0, 9], [1, 0, 9, 9, 0]]
    )
    index, kept = nearest(d, 2)
    assert index.tolist() == [[1, 4], [2, 3], [0, 1], [0, 1], [0, 1]]
    assert kept.tolist() == [[5, 1], [0, 0], [5, 0], [5, 0], [1, 0]]


def test_neighbours_agree_with_a_full_sort(tile):
    d = distance(tile)
    index, kept = nearest(d, NEIGHBOURS)
    for i in range(len(d)):
        others = np.delete(np.arange(len(d)), i)
        expected = others[np.argsort(d[i, others], kind="stable")[:NEIGHBOURS]]
        assert index[i].tolist() == sorted(expected.tolist())
        assert np.array_equal(kept[i], d[i, index[i]])


# Perplexity


@pytest.mark.parametrize("label", range(10))
def test_every_digit_reaches_the_perplexity(digits, label):
    samples, labels = digits
    d = distance(samples[labels == label])
    result = calibrate(d, PERPLEXITY, NEIGHBOURS)
    assert (result.status == Status.CONVERGED).all()
    reached = true_perplexity(row_shifted(d, result.neighbours), result.code)
    assert np.abs(reached / PERPLEXITY - 1).max() < 0.01


@pytest.mark.parametrize("perplexity, limit", [(5.0, 16), (2.0, 64), (50.0, 64), (63.5, 64)])
def test_other_perplexities_are_reached(tile, perplexity, limit):
    d = distance(tile)
    result = calibrate(d, perplexity, limit)
    assert (result.status == Status.CONVERGED).all()
    reached = true_perplexity(row_shifted(d, result.neighbours), result.code)
    assert np.abs(reached / perplexity - 1).max() < 0.01


@seed(7)
@settings(max_examples=100)
@given(FEATURES, st.floats(0.05, 0.95))
def test_the_code_brackets_the_true_entropy(features, position):
    """On any row the entropy reaches the target at the code, and at the next code no longer.

    Both within what flooring t to 1/256 and rounding w to 2^-16 can move it.
    """
    features = np.array(features, np.uint8)
    k = len(features) - 1
    perplexity = 1 + position * (k - 1)
    d = distance(features)
    result = calibrate(d, perplexity, k)
    rows = np.flatnonzero(result.status == Status.CONVERGED)
    delta, code = row_shifted(d, result.neighbours)[rows], result.code[rows]
    at = np.log2(true_perplexity(delta, code))
    after = np.log2(true_perplexity(delta, code + 1))
    assert (at >= np.log2(perplexity) - entropy_slack(delta, code)).all()
    assert (after <= np.log2(perplexity) + entropy_slack(delta, code + 1)).all()


def test_successive_approximation_equals_an_exhaustive_scan(tile):
    """The largest of all 8,192 codes whose entropy reaches the target is the one that was found."""
    d = distance(tile)
    result = calibrate(d, PERPLEXITY, NEIGHBOURS)
    target = round(2**16 * np.log2(PERPLEXITY))
    for i in (0, 50, 100):
        delta = row_shifted(d, result.neighbours)[i].tolist()
        reaching = [plain.reaches(delta, code, target) for code in range(HIGHEST_CODE + 1)]
        assert result.code[i] == max(np.flatnonzero(reaching))
        assert all(reaching[: result.code[i] + 1]), "the test is not monotone"


# Status and edge cases


def test_two_samples():
    result = equal_to_plain(np.array([[0, 77], [77, 0]]), 1.0, 64)
    assert result.neighbours.tolist() == [[1], [0]]
    assert result.weights.tolist() == [[255], [255]]
    assert (result.status == Status.DEGENERATE).all()


def test_three_samples():
    result = equal_to_plain(distance(np.array([[0], [10], [30]], np.uint8)), 1.5, 64)
    assert result.neighbours.tolist() == [[1, 2], [0, 2], [0, 1]]
    assert (result.status == Status.CONVERGED).all()
    # The nearer of the two weighs more, and an entropy of 0.585 bits means 0.8598 against 0.1402.
    p = 0.8598
    assert -(p * np.log2(p) + (1 - p) * np.log2(1 - p)) == pytest.approx(np.log2(1.5), abs=1e-3)
    near, far = round(256 * p), round(256 * (1 - p))
    nearer = result.weights.max(axis=1), result.weights.min(axis=1)
    assert np.abs(nearer[0].astype(int) - near).max() <= 1
    assert np.abs(nearer[1].astype(int) - far).max() <= 1


@pytest.mark.parametrize("value", [0, 255])
def test_identical_samples_are_degenerate_and_uniform(value):
    features = np.full((40, 6), value, np.uint8)
    result = equal_to_plain(distance(features), 8.0, 16)
    assert (result.status == Status.DEGENERATE).all()
    assert (result.weights == 256 // 16).all()


def test_more_duplicates_than_the_perplexity_are_clamped_high():
    features = np.array([[100]] * 12 + [[200], [210], [220], [230]], np.uint8)
    result = equal_to_plain(distance(features), 4.0, 15)
    assert (result.status[:12] == Status.CLAMPED_HIGH).all()
    assert (result.code[:12] == HIGHEST_CODE).all()
    # The eleven twins share the weight, the others get none.
    assert (result.weights[:12, :11] == round(256 / 11)).all()
    assert (result.weights[:12, 11:] == 0).all()


def test_fewer_duplicates_than_the_perplexity_converge():
    features = np.array([[100]] * 3 + [[v] for v in range(110, 200, 5)], np.uint8)
    result = equal_to_plain(distance(features), 8.0, 20)
    assert (result.status[:3] == Status.CONVERGED).all()


def test_targets_above_the_entropy_at_the_smallest_beta_are_clamped_low():
    # At beta = 2^-28 these distances still spread the weights, and log2 k needs equal ones.
    rng = np.random.default_rng(5)
    d = rng.integers(0, 1 << 28, (6, 6))
    np.fill_diagonal(d, 0)
    result = equal_to_plain(d, 5.0, 5)
    assert (true_perplexity(row_shifted(d, result.neighbours), np.zeros(6)) < 4.99).all()
    assert (result.status == Status.CLAMPED_LOW).all()
    assert (result.code == 0).all()


def test_perplexity_of_all_neighbours_is_reached_where_beta_can_be_small_enough(tile):
    result = equal_to_plain(distance(tile[:20]), 19.0, 64)
    assert np.isin(result.status, [Status.CONVERGED, Status.CLAMPED_LOW]).all()
    reached = true_perplexity(row_shifted(distance(tile[:20]), result.neighbours), result.code)
    assert np.abs(reached / 19 - 1).max() < 1e-3


def test_perplexity_one_is_clamped_high():
    features = np.array([[0], [10], [30], [70]], np.uint8)
    result = equal_to_plain(distance(features), 1.0, 3)
    assert (result.status == Status.CLAMPED_HIGH).all()
    assert (result.weights.max(axis=1) == 255).all()


def test_all_0_against_all_255():
    features = np.array([[0] * 64] * 5 + [[255] * 64] * 5, np.uint8)
    result = equal_to_plain(distance(features), 6.0, 9)
    assert (result.status == Status.CONVERGED).all()
    # Perplexity 6 of 4 twins and 5 strangers: the same by symmetry for every row.
    assert (np.sort(result.weights, axis=1) == np.sort(result.weights[0])).all()
    assert len(np.unique(result.code)) == 1


def test_one_feature():
    features = np.arange(0, 256, 5, dtype=np.uint8)[:, None]
    result = equal_to_plain(distance(features), 10.0, 30)
    reached = true_perplexity(row_shifted(distance(features), result.neighbours), result.code)
    assert np.abs(reached / 10 - 1).max() < 0.01


def test_weights_sum_to_one_within_rounding(tile):
    weights = calibrate(distance(tile), PERPLEXITY, NEIGHBOURS).weights
    assert np.abs(weights.sum(axis=1, dtype=int) - 256).max() <= NEIGHBOURS / 2


def test_a_distance_added_to_all_changes_nothing(tile):
    """The row shift removes it."""
    d = distance(tile)
    raised = d + 1000 * (1 - np.eye(len(d), dtype=np.int64))
    a, b = calibrate(d, 20.0, 40), calibrate(raised, 20.0, 40)
    for field in ("neighbours", "weights", "status", "code"):
        assert np.array_equal(getattr(a, field), getattr(b, field)), field


def test_distances_times_four_lower_the_code_by_two_octaves(tile):
    d = distance(tile)
    a, b = calibrate(d, 20.0, 40), calibrate(4 * d, 20.0, 40)
    assert np.array_equal(a.code, b.code + 512)
    assert np.array_equal(a.weights, b.weights)


@pytest.mark.parametrize(
    "n, perplexity, message",
    [
        (1, 1.0, "a tile of 1 samples has no pairs; at least 2 are needed"),
        (5, 4.5, "perplexity 4.5 cannot be reached with 4 neighbours; choose 1 to 4"),
        (5, 0.5, "perplexity 0.5 cannot be reached with 4 neighbours; choose 1 to 4"),
    ],
)
def test_errors(n, perplexity, message):
    with pytest.raises(ValueError) as error:
        calibrate(np.zeros((n, n), np.int64), perplexity, 64)
    assert str(error.value) == message
