# SPDX-License-Identifier: Apache-2.0
"""Neighbours, codes and weights: what a change of the input changes, and what it does not."""

import numpy as np
from hypothesis import assume, given, seed, settings
from hypothesis import strategies as st

from golden.desne.calibrate import (
    HIGHEST_CODE,
    Status,
    calibrate,
    entropy_target,
    exponent,
    nearest,
)
from golden.desne.distance import distance
from verif.golden.desne.drawn import perplexity_of, tiles

FEW = settings(max_examples=40)


@seed(9)
@FEW
@given(tiles(), st.integers(1, 15))
def test_a_longer_list_holds_the_shorter_one(features, k):
    k = min(k, len(features) - 2)
    d = distance(features)
    (short, _), (long, kept) = nearest(d, k), nearest(d, k + 1)
    for i in range(len(d)):
        assert set(short[i]) < set(long[i]) and i not in long[i]
        left_out = np.delete(d[i], [i, *long[i]])
        assert not len(left_out) or kept[i].max() <= left_out.min()
        assert kept[i].tolist() == d[i, long[i]].tolist()
        assert (np.diff(long[i]) > 0).all()


@seed(10)
@FEW
@given(st.integers(0, 1 << 20), st.integers(0, HIGHEST_CODE - 256), st.integers(0, 1 << 12))
def test_exponents_grow_with_delta_and_code(delta, code, more):
    t = exponent(delta, code)
    assert 0 <= t <= 18 * 256
    assert t <= exponent(delta + more, code)
    assert t <= exponent(delta, code + 1)
    assert exponent(2 * delta, code) == exponent(delta, code + 256)
    # delta * 2^(code / 256 - 28), floored to 1/256, within the mantissa's half unit.
    exact = 256 * delta * 2.0 ** (code / 256 - 28)
    assert t == 18 * 256 or -1 - exact * 2.0**-15 <= t - exact <= exact * 2.0**-15


@seed(11)
@FEW
@given(st.floats(1, 500), st.floats(1, 500))
def test_entropy_targets_are_ordered_and_add(a, b):
    assert (entropy_target(a) <= entropy_target(b)) == (a <= b) or entropy_target(
        a
    ) == entropy_target(b)
    assert abs(entropy_target(a) + entropy_target(b) - entropy_target(a * b)) <= 1.5
    assert entropy_target(2 * a) == entropy_target(a) + 65536


@seed(12)
@FEW
@given(tiles(), st.floats(0, 1), st.floats(0, 1))
def test_a_higher_perplexity_never_raises_the_code(features, one, other):
    low, high = sorted((one, other))
    d = distance(features)
    narrow, wide = (calibrate(d, perplexity_of(features, p), 99) for p in (low, high))
    assert (narrow.code >= wide.code).all()


@seed(13)
@FEW
@given(tiles(), st.floats(0, 1), st.integers(1, 15))
def test_nearer_neighbours_weigh_no_less(features, position, limit):
    k = min(limit, len(features) - 1)
    d = distance(features)
    result = calibrate(d, 1 + position * (k - 1), limit)
    kept = np.take_along_axis(d, result.neighbours.astype(np.int64), axis=1)
    order = np.argsort(kept, axis=1, kind="stable")
    weights = np.take_along_axis(result.weights.astype(int), order, axis=1)
    kept = np.take_along_axis(kept, order, axis=1)
    assert (np.diff(weights, axis=1) <= 0).all()
    assert (np.diff(weights, axis=1)[np.diff(kept, axis=1) == 0] == 0).all()
    assert (weights[:, 0] >= 256 // k - 1).all()
    same = kept[:, 0] == kept[:, -1]
    assert ((result.status == Status.DEGENERATE) == same).all()


@seed(14)
@FEW
@given(tiles(), st.floats(0.1, 0.9))
def test_doubled_features_lower_the_code_by_an_octave(features, position):
    d, perplexity = distance(features), perplexity_of(features, position)
    twice = distance(np.concatenate([features, features], axis=1))
    once, doubled = calibrate(d, perplexity, 99), calibrate(twice, perplexity, 99)
    rows = once.status == Status.CONVERGED
    assert np.array_equal(doubled.code[rows], once.code[rows] - 256)
    assert np.array_equal(doubled.weights[rows], once.weights[rows])
    assert np.array_equal(doubled.neighbours, once.neighbours)


@seed(15)
@FEW
@given(tiles(), st.floats(0, 1), st.randoms(use_true_random=False))
def test_permuted_samples_have_permuted_affinities(features, position, random):
    """Where no two distances of a row tie; ties go by index."""
    d = distance(features)
    assume(all(len(np.unique(row)) == len(row) for row in d))
    order = np.array(random.sample(range(len(d)), len(d)))
    k = max(len(d) // 2, 1)
    a = calibrate(d, 1 + position * (k - 1), k)
    b = calibrate(d[np.ix_(order, order)], 1 + position * (k - 1), k)
    assert np.array_equal(b.code, a.code[order]) and np.array_equal(b.status, a.status[order])
    for i, old in enumerate(order):
        pairs = zip(order[b.neighbours[i]].tolist(), b.weights[i].tolist(), strict=True)
        assert dict(pairs) == dict(
            zip(a.neighbours[old].tolist(), a.weights[old].tolist(), strict=True)
        )
