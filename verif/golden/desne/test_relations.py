# SPDX-License-Identifier: Apache-2.0
"""Distances, reduce and a whole tile: what a change of the input changes, and what it does not."""

import dataclasses
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given, seed, settings
from hypothesis import strategies as st

from golden.desne import Parameters, run_tile
from golden.desne.distance import distance
from golden.desne.reduce import (
    hashing_table,
    identity_table,
    make_table,
    pooling_table,
    reduce,
)
from golden.desne.sample import RULES
from golden.desne.tiles import class_budgets
from verif.golden.desne.drawn import FIELDS, perplexity_of, tiles

FEW = settings(max_examples=40)


# distance


@seed(1)
@FEW
@given(tiles(), st.randoms(use_true_random=False))
def test_permuted_samples_have_permuted_distances(features, random):
    order = np.array(random.sample(range(len(features)), len(features)))
    assert np.array_equal(distance(features[order]), distance(features)[np.ix_(order, order)])
    columns = random.sample(range(features.shape[1]), features.shape[1])
    assert np.array_equal(distance(features[:, columns]), distance(features))


@seed(2)
@FEW
@given(tiles(85), tiles())
def test_distances_add_over_features_and_scale_with_the_square(features, others):
    n = min(len(features), len(others))
    features, others = features[:n], others[:n]
    beside = distance(np.concatenate([features, others], axis=1))
    assert np.array_equal(beside, distance(features) + distance(others))
    assert np.array_equal(distance(np.concatenate([features] * 2, axis=1)), 2 * distance(features))
    assert np.array_equal(distance(3 * features), 9 * distance(features))


@seed(3)
@FEW
@given(tiles())
def test_distances_obey_the_triangle(features):
    root = np.sqrt(distance(features))
    assert (root[:, None, :] <= root[:, :, None] + root[None] + 1e-9).all()


# reduce


@seed(4)
@FEW
@given(
    st.integers(1, 80), st.integers(1, 20), st.integers(0, 99), st.randoms(use_true_random=False)
)
def test_bytes_may_stand_anywhere_if_the_table_says_so(dimensions, features, case, random):
    table = make_table((dimensions,), features, case)
    samples = np.random.default_rng(case).integers(0, 256, (3, dimensions), np.uint8)
    order = random.sample(range(dimensions), dimensions)
    wanted = reduce(samples, table)
    if table.kind != "identity":
        moved = dataclasses.replace(table, bucket=table.bucket[order], sign=table.sign[order])
        assert np.array_equal(reduce(samples[:, order], moved), wanted)
    assert np.array_equal(reduce(samples[::-1], table), wanted[::-1])
    assert wanted.shape == (3, table.features) and wanted.dtype == np.uint8


@seed(5)
@FEW
@given(st.integers(1, 90), st.integers(0, 90), st.integers(0, 999))
def test_hashing_buckets_and_signs_are_balanced(features, beyond, case):
    table = hashing_table(features + beyond, features, case)
    sizes = np.bincount(table.bucket, minlength=features)
    assert sizes.min() >= 1 and sizes.max() - sizes.min() <= 1
    signs = np.bincount(table.bucket, table.sign, features)
    assert set(signs) <= {0.0, 1.0} and (signs == sizes % 2).all()
    assert set(table.sign.tolist()) <= {1, -1}
    assert (table.kind, table.features, table.offset) == ("hashing", features, 128)
    # The smallest shift that holds the largest sum of one sign.
    most = -(-sizes.max() // 2) * 255
    assert table.shift == min(s for s in range(40) if most >> s <= 127)


@seed(6)
@FEW
@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 4), st.integers(1, 70))
def test_pooling_cells_are_rectangles_in_reading_order(height, width, channels, features):
    table = pooling_table(height, width, channels, features)
    cells = table.bucket.reshape(height, width, channels)
    assert (cells == cells[:, :, :1]).all()
    rows, columns = cells[:, 0, 0], cells[0, :, 0]
    assert np.array_equal(cells[:, :, 0], rows[:, None] + columns[None])
    wide = columns[-1] + 1
    assert set(np.diff(columns)) <= {0, 1} and set(np.diff(rows)) <= {0, wide}
    assert rows[-1] // wide + 1 <= int(features**0.5) and wide <= int(features**0.5)
    assert table.features == rows[-1] + wide
    assert (table.sign == 1).all() and (table.kind, table.offset) == ("pooling", 0)
    for sizes in (np.bincount(rows)[::wide], np.bincount(columns)):
        assert max(sizes) - min(sizes) <= 1


@seed(7)
@FEW
@given(st.integers(2, 9), st.integers(2, 9), st.integers(0, 999))
def test_a_brighter_byte_never_darkens_a_pool(height, width, case):
    rng = np.random.default_rng(case)
    table = pooling_table(height, width, 1, 4)
    image = rng.integers(0, 255, (1, height * width), np.uint8)
    brighter = image.copy()
    brighter[0, rng.integers(image.size)] += 1
    step = reduce(brighter, table).astype(int) - reduce(image, table)
    assert set(step.ravel()) <= {0, 1} and step.sum() <= 1


@seed(8)
@FEW
@given(tiles())
def test_identity_changes_no_byte(features):
    table = identity_table(features.shape[1])
    assert (table.kind, table.shift, table.offset) == ("identity", 0, 0)
    assert table.features == features.shape[1]
    assert (table.bucket == np.arange(table.features)).all() and (table.sign == 1).all()
    assert np.array_equal(reduce(features, table), features)
    as_hashing = dataclasses.replace(table, kind="hashing")
    assert np.array_equal(reduce(features, as_hashing), features)


# a whole tile


@pytest.mark.parametrize(
    "name, values",
    [
        ("perplexity", (1.0, 1000.0)),
        ("neighbours", (1, 2047)),
        ("iterations", (0, 1023)),
        ("drop", (0.0, 0.25, 0.5)),
        ("spread", (0, 256)),
        ("seed", (0, 1 << 70)),
        ("rule", ("curve", "medoid", "grid")),
    ],
)
def test_parameters_reach_their_limits(name, values):
    for value in values:
        assert getattr(Parameters(**{name: value}), name) == value


@pytest.mark.parametrize("rule", RULES)
@seed(16)
@settings(max_examples=12)
@given(
    tiles(200),
    st.integers(1, 55),
    st.floats(0, 1),
    st.floats(0, 1),
    st.sampled_from([0, 0.25, 0.5]),
)
def test_an_offset_changes_nothing_of_a_tile(rule, features, offset, position, share, drop):
    table = identity_table(features.shape[1])
    parameters = Parameters(
        perplexity=perplexity_of(features, position), iterations=4, rule=rule, drop=drop
    )
    budget = 1 + round(share * (len(features) - 1))
    a = run_tile(features, table, parameters, budget)
    b = run_tile(features + np.uint8(offset), table, parameters, budget)
    for field in (*FIELDS, "coordinates", "chosen"):
        assert np.array_equal(getattr(a, field), getattr(b, field)), field
    assert len(np.unique(a.chosen)) == budget and (np.diff(a.chosen) > 0).all()


@seed(17)
@FEW
@given(st.integers(1, 12), st.integers(1, 400), st.integers(1, 50))
def test_budgets_of_alike_classes_are_alike(classes, count, percent):
    total = round(percent / 100 * classes * count)
    assume(total >= classes)
    budgets = class_budgets(np.full(classes, count), percent / 100)
    assert budgets.sum() == total and budgets.max() - budgets.min() <= 1
    assert (np.diff(budgets) <= 0).all(), "what is over goes to the lower classes"
    assert abs(Fraction(int(budgets[0])) - Fraction(total, classes)) < 1
    assert class_budgets(np.arange(1, classes + 1), 1.0).tolist() == list(range(1, classes + 1))
