# SPDX-License-Identifier: Apache-2.0
"""layout: how a job's arrays lie in the memory of the hardware (docs/numerics.md).

Everything is little-endian. Each piece (a plane of a map, the outputs' weights of one tap of an
input channel) starts at a multiple of the memory port's beat; the bytes between pieces are zero
when packed here, ignored when read and never written by the hardware.
"""

import numpy as np

BEATS = (8, 16, 32)
"""Bytes a beat of the memory port."""


def piece_stride(size: int, beat: int) -> int:
    """Bytes from one piece of `size` bytes to the next: the next multiple of the beat. Raises
    ValueError for a beat that is not 8, 16 or 32 bytes."""
    if beat not in BEATS:
        raise ValueError(f"beat is {beat}: it must be 8, 16 or 32 bytes")
    return -(-size // beat) * beat


def _pack(pieces: np.ndarray, beat: int) -> np.ndarray:
    """[..., length] of int8 or int32 -> uint8 [..., stride]."""
    content = np.ascontiguousarray(pieces.astype(pieces.dtype.newbyteorder("<"))).view(np.uint8)
    size = content.shape[-1]
    packed = np.zeros((*content.shape[:-1], piece_stride(size, beat)), np.uint8)
    packed[..., :size] = content
    return packed


def _unpack(memory: np.ndarray, length: int, dtype: type[np.generic]) -> np.ndarray:
    item = np.dtype(dtype).newbyteorder("<")
    content = np.ascontiguousarray(memory[..., : length * item.itemsize])
    return content.view(item).astype(dtype)


def pack_maps(maps: np.ndarray, beat: int) -> np.ndarray:
    """Inputs or errors, int8 [N, C, H, W], as uint8 [N, C, stride]: a plane of H * W bytes each."""
    return _pack(maps.reshape(*maps.shape[:2], -1), beat)


def unpack_maps(memory: np.ndarray, height: int, width: int) -> np.ndarray:
    """The inverse of pack_maps: int8 [N, C, H, W]."""
    return _unpack(memory, height * width, np.int8).reshape(*memory.shape[:2], height, width)


def pack_weights(weights: np.ndarray, beat: int, *, depthwise: bool = False) -> np.ndarray:
    """Weights (int8) or weight gradients (int32) [C_out, C, k, k] as uint8 [C, k * k, stride]: for
    each input channel and tap a row of C_out. Depthwise [C, 1, k, k] as [C, 1, stride]: for each
    channel a row of k * k."""
    rows = weights if depthwise else weights.transpose(1, 2, 3, 0)
    length = weights[0].size if depthwise else len(weights)
    return _pack(rows.reshape(len(rows), -1, length), beat)


def unpack_weights(
    memory: np.ndarray,
    out_channels: int,
    kernel: int,
    dtype: type[np.generic],
    *,
    depthwise: bool = False,
) -> np.ndarray:
    """The inverse of pack_weights: [C_out, C, k, k], depthwise [C, 1, k, k]. dtype: np.int8 or
    np.int32."""
    outputs = 1 if depthwise else out_channels
    rows = _unpack(memory, kernel * kernel if depthwise else out_channels, dtype)
    taps = rows.reshape(len(memory), kernel, kernel, outputs)
    return np.ascontiguousarray(taps.transpose((0, 3, 1, 2) if depthwise else (3, 0, 1, 2)))


def pack_channels(channels: np.ndarray) -> np.ndarray:
    """The selected channels as 32-bit words, uint32 [K]."""
    return channels.astype("<u4")


def pack_scale(
    multiplier: np.ndarray, shift: np.ndarray, beat: int, *, depthwise: bool = False
) -> np.ndarray:
    """A 32-bit word for each output, uint32 [O]: the multiplier in bits 15..0, the shift in bits
    21..16. Depthwise, for each selected channel in the lowest word of its beat, uint32 [K, W/4]."""
    words = (multiplier | shift << 16).astype("<u4")
    return _pack(words[:, None], beat).view("<u4") if depthwise else words


def unpack_scale(words: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The inverse of pack_scale: multiplier and shift, int64 [O], depthwise int64 [K]."""
    values = (words[:, 0] if words.ndim == 2 else words).astype(np.int64)
    return values & 0xFFFF, values >> 16 & 0x3F
