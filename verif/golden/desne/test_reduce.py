# SPDX-License-Identifier: Apache-2.0
"""reduce: the tables do what docs/numerics.md says, and the sums are exact."""

import numpy as np
import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st

from golden.desne.reduce import ReduceTable, make_table, reduce

SHAPES = st.one_of(
    st.tuples(st.integers(1, 300)),
    st.tuples(st.integers(1, 40), st.integers(1, 40)),
    st.tuples(st.integers(1, 20), st.integers(1, 20), st.integers(1, 6)),
)


def in_loops(samples, table):
    result = []
    for sample in samples.tolist():
        sums = [0] * table.features
        for value, bucket, sign in zip(sample, table.bucket, table.sign, strict=True):
            sums[bucket] += int(sign) * value
        result.append([min(max((s >> table.shift) + table.offset, 0), 255) for s in sums])
    return result


@seed(1)
@settings(max_examples=100)
@given(SHAPES, st.integers(1, 70), st.integers(0, 1000))
def test_equals_loops_and_never_saturates(shape, features, table_seed):
    table = make_table(shape, features, table_seed)
    dimensions = int(np.prod(shape))
    assert 1 <= table.features <= features
    assert np.unique(table.bucket).tolist() == list(range(table.features))
    rng = np.random.default_rng(table_seed)
    samples = rng.integers(0, 256, (4, dimensions), np.uint8)
    samples[0] = 255
    samples[1] = np.where(table.sign > 0, 255, 0)
    samples[2] = np.where(table.sign < 0, 255, 0)
    assert reduce(samples, table).tolist() == in_loops(samples, table)
    for sign in (1, -1):  # what the shift is chosen for: extremes stay inside
        extreme = 255 * int(np.bincount(table.bucket, table.sign == sign).max())
        assert 0 <= ((sign * extreme) >> table.shift) + table.offset <= 255


@pytest.mark.parametrize("shape", [(16, 16), (300,), (33, 35, 3), (257, 257), (514, 2), (600, 700)])
@pytest.mark.parametrize("features", [1, 4, 64])
def test_shift_is_the_smallest(shape, features):
    """One bit less would let some bucket leave the byte."""
    table = make_table(shape, features, 1)
    assert table.kind != "identity"
    assert table.shift > 0
    largest = 255 * int(np.bincount(table.bucket, table.sign > 0).max())
    assert (largest >> table.shift) + table.offset <= 255
    assert (largest >> (table.shift - 1)) + table.offset > 255


def test_identity_when_the_sample_fits():
    table = make_table((8, 8), 64)
    samples = np.arange(128, dtype=np.uint8).reshape(2, 64)
    assert table.kind == "identity"
    assert np.array_equal(reduce(samples, table), samples)
    assert reduce(samples, table) is not samples


def test_pooling_of_28_by_28_is_the_floored_mean_of_4_by_4():
    images = np.random.default_rng(1).integers(0, 256, (5, 28, 28), np.uint8)
    table = make_table((28, 28), 64)
    assert (table.kind, table.features, table.shift, table.offset) == ("pooling", 49, 4, 0)
    cells = images.reshape(5, 7, 4, 7, 4).transpose(0, 1, 3, 2, 4).reshape(5, 49, 16)
    assert np.array_equal(reduce(images.reshape(5, -1), table), cells.sum(axis=2) // 16)


def test_pooling_takes_the_channels_together():
    images = np.random.default_rng(2).integers(0, 256, (3, 32, 32, 3), np.uint8)
    table = make_table((32, 32, 3), 64)
    assert (table.kind, table.features) == ("pooling", 64)
    cells = images.reshape(3, 8, 4, 8, 4, 3).transpose(0, 1, 3, 2, 4, 5).reshape(3, 64, 48)
    assert np.array_equal(reduce(images.reshape(3, -1), table), cells.sum(axis=2) // 64)


def test_pooling_cells_differ_by_one_pixel_where_no_divisor_suits():
    table = make_table((31, 37), 64)
    assert table.features == 64
    cell = table.bucket.reshape(31, 37)
    heights = np.bincount(cell[:, 0] // 8)
    widths = np.bincount(cell[0] % 8)
    assert set(heights) == {3, 4} and set(widths) == {4, 5}


def test_hashing_deals_evenly_and_a_constant_nearly_cancels():
    table = make_table((1152,), 64, seed=5)
    assert (table.kind, table.offset) == ("hashing", 128)
    assert set(np.bincount(table.bucket)) == {18}
    assert set(np.bincount(table.bucket, table.sign)) == {0.0}
    rng = np.random.default_rng(5)
    samples = rng.integers(0, 200, (4, 1152), np.uint8)
    assert np.array_equal(reduce(samples, table), reduce(samples + np.uint8(55), table))


def test_hashing_follows_the_seed():
    a, b, c = (make_table((500,), 64, seed=s) for s in (1, 1, 2))
    assert np.array_equal(a.bucket, b.bucket) and np.array_equal(a.sign, b.sign)
    assert not np.array_equal(a.bucket, c.bucket)


@pytest.mark.parametrize("shape, kind", [((128, 9), "pooling"), ((20, 20, 9), "hashing")])
def test_long_trailing_axes_are_not_colours(shape, kind):
    assert make_table(shape, 64).kind == kind


def test_errors():
    with pytest.raises(ValueError, match="features must be at least 1, not 0"):
        make_table((28, 28), 0)
    with pytest.raises(ValueError, match="holds no bytes"):
        make_table((), 64)
    with pytest.raises(ValueError, match="holds no bytes"):
        make_table((4, 0), 64)
    with pytest.raises(ValueError, match="samples of 9 bytes do not fit a reduce table for 10"):
        reduce(np.zeros((1, 9), np.uint8), make_table((10,), 64))


def test_saturates():
    table = ReduceTable(
        kind="hashing",
        bucket=np.zeros(4, np.int32),
        sign=np.array([1, 1, -1, -1], np.int8),
        shift=0,
        offset=128,
        features=1,
    )
    samples = np.array([[255, 0, 0, 0], [0, 0, 255, 0], [3, 0, 5, 0]], np.uint8)
    assert reduce(samples, table).tolist() == [[255], [0], [126]]
