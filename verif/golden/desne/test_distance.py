# SPDX-License-Identifier: Apache-2.0
"""distance against three nested loops in plain integers, and scipy."""

import numpy as np
import pytest
from hypothesis import given, seed, settings
from hypothesis.extra.numpy import array_shapes, arrays
from scipy.spatial.distance import cdist
from sklearn.datasets import load_digits

from golden.desne.distance import distance


def three_loops(features):
    rows = features.tolist()
    return [[sum((a - b) ** 2 for a, b in zip(x, y, strict=True)) for y in rows] for x in rows]


@seed(1)
@settings(max_examples=100)
@given(arrays(np.uint8, array_shapes(min_dims=2, max_dims=2, max_side=9)))
def test_equals_three_loops(features):
    result = distance(features)
    assert result.dtype == np.int64
    assert result.tolist() == three_loops(features)


@pytest.mark.parametrize("dimensions", [1, 2, 7, 8, 9, 49, 63, 64, 65, 1000])
def test_any_number_of_features_whole_beats_or_not(dimensions):
    rng = np.random.default_rng(dimensions)
    features = rng.integers(0, 256, (6, dimensions), np.uint8)
    assert distance(features).tolist() == three_loops(features)
    padded = np.pad(features, ((0, 0), (0, -dimensions % 8)))
    assert np.array_equal(distance(padded), distance(features))


@pytest.mark.parametrize("dimensions", [1, 64, 784, 1 << 16])
def test_all_0_against_all_255(dimensions):
    features = np.zeros((2, dimensions), np.uint8)
    features[1] = 255
    d = dimensions * 255 * 255
    assert distance(features).tolist() == [[0, d], [d, 0]]


def test_equals_scipy_on_digits():
    features = np.round(load_digits().data * 255 / 16).astype(np.uint8)
    reference = cdist(features.astype(float), features.astype(float), "sqeuclidean")
    assert np.array_equal(distance(features), reference)  # integers below 2^53: exact in float64


def test_symmetric_zero_diagonal_and_unmoved_by_an_offset():
    rng = np.random.default_rng(3)
    features = rng.integers(0, 200, (50, 20), np.uint8)
    d = distance(features)
    assert np.array_equal(d, d.T)
    assert not d.diagonal().any()
    assert np.array_equal(distance(features + np.uint8(55)), d)
    assert np.array_equal(distance(255 - features), d)
