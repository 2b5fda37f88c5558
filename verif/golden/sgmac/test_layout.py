# SPDX-License-Identifier: Apache-2.0
"""layout: what lies where in memory, and back again."""

import numpy as np
import pytest

from golden.sgmac import layout


@pytest.mark.parametrize("beat", layout.BEATS)
@pytest.mark.parametrize("shape", [(1, 1, 1, 1), (2, 3, 5, 7), (1, 4, 4, 8), (3, 1, 1, 33)])
def test_maps(beat, shape, seed):
    maps = np.random.default_rng(seed).integers(-128, 128, shape, np.int8)
    memory = layout.pack_maps(maps, beat)
    stride = memory.shape[-1]
    assert stride % beat == 0 and 0 <= stride - shape[2] * shape[3] < beat
    flat = memory.tobytes()
    for n, c, y, z in np.ndindex(shape):
        address = (n * shape[1] + c) * stride + y * shape[3] + z
        assert flat[address] == int(maps[n, c, y, z]) & 0xFF
    assert np.array_equal(layout.unpack_maps(memory, *shape[2:]), maps)
    assert not memory[..., shape[2] * shape[3] :].any()


@pytest.mark.parametrize("beat", layout.BEATS)
@pytest.mark.parametrize("dtype", [np.int8, np.int32])
@pytest.mark.parametrize("shape", [(1, 1, 1, 1), (5, 3, 3, 3), (16, 2, 1, 1), (7, 4, 2, 2)])
def test_weights(beat, dtype, shape, seed):
    limits = np.iinfo(dtype)
    weights = np.random.default_rng(seed).integers(limits.min, limits.max, shape, dtype, True)
    memory = layout.pack_weights(weights, beat)
    out_channels, _, k, _ = shape
    stride, size = memory.shape[-1], np.dtype(dtype).itemsize
    assert memory.shape[:2] == (shape[1], k * k)
    assert stride == layout.piece_stride(out_channels * size, beat)
    flat = memory.tobytes()
    for o, c, u, v in np.ndindex(shape):
        address = ((c * k + u) * k + v) * stride + o * size
        word = int.from_bytes(flat[address : address + size], "little", signed=True)
        assert word == weights[o, c, u, v]
    assert not memory[..., out_channels * size :].any()
    back = layout.unpack_weights(memory, out_channels, k, dtype)
    assert back.dtype == dtype and np.array_equal(back, weights)


@pytest.mark.parametrize("dtype", [np.int8, np.int32])
def test_depthwise_weights(dtype, seed):
    weights = np.random.default_rng(seed).integers(-128, 128, (5, 1, 3, 3)).astype(dtype)
    memory = layout.pack_weights(weights, 8, depthwise=True)
    assert memory.shape == (5, 1, 16 if dtype == np.int8 else 40)
    third = np.frombuffer(memory[2].tobytes(), dtype)[:9]
    assert np.array_equal(third, weights[2].ravel())
    back = layout.unpack_weights(memory, 5, 3, dtype, depthwise=True)
    assert np.array_equal(back, weights)


def test_rows_of_the_gradient_are_rows_of_the_random_bits(seed):
    """Row position * k * k + u * k + v of the update is a row of C_out words of the layout."""
    gradient = np.random.default_rng(seed).integers(-99, 99, (5, 2, 3, 3), np.int32)
    memory = layout.pack_weights(gradient, 8)
    words = memory.view("<i4").reshape(2 * 9, 6)
    assert np.array_equal(words[:, :5], gradient.reshape(5, 18).T)


def test_words():
    words = [40 << 16 | 1, 3 << 16 | 65535]
    for depthwise in (False, True):
        scale = layout.pack_scale(np.array([1, 65535]), np.array([40, 3]), 16, depthwise=depthwise)
        assert scale.dtype == "<u4"
        assert scale.tolist() == ([[word, 0, 0, 0] for word in words] if depthwise else words)
        assert [values.tolist() for values in layout.unpack_scale(scale)] == [[1, 65535], [40, 3]]
    assert layout.pack_channels(np.array([1, 300])).tobytes() == b"\1\0\0\0\x2c\1\0\0"


def test_a_beat_that_cannot_be():
    with pytest.raises(ValueError, match="beat is 4: it must be 8, 16 or 32 bytes"):
        layout.pack_maps(np.zeros((1, 1, 1, 1), np.int8), 4)
