# SPDX-License-Identifier: Apache-2.0
"""gradient: the weight and bias gradients of a convolution, for selected input channels only."""

from collections.abc import Iterator, Sequence

import numpy as np
from numba import njit
from numpy.lib.stride_tricks import sliding_window_view

from golden.sgmac.shape import Convolution, check_channels, check_positions

_POSITIONS_AT_ONCE = 1 << 13
_PATCH_BYTES_AT_ONCE = 1 << 21


def _check(x: np.ndarray | None, error: np.ndarray, convolution: Convolution) -> None:
    wanted = {
        "error": (
            error,
            (convolution.out_channels, convolution.out_height, convolution.out_width),
        )
    }
    if x is not None:
        sizes = (convolution.in_channels, convolution.height, convolution.width)
        wanted = {"x": (x, sizes), **wanted}
    for name, (array, sizes) in wanted.items():
        if array.dtype != np.int8:
            raise ValueError(f"{name} holds {array.dtype} values: they must be int8")
        if array.ndim != 4 or array.shape[1:] != sizes or not len(array):
            raise ValueError(
                f"{name} has shape {array.shape}: it must be (N, {', '.join(map(str, sizes))}) "
                "with at least one image"
            )
    if x is not None and len(x) != len(error):
        raise ValueError(
            f"x holds {len(x)} images and error {len(error)}: they must be of the same images"
        )
    check_positions(len(error), convolution)


def _patches(maps: np.ndarray, convolution: Convolution) -> np.ndarray:
    """What each tap meets at each position. maps: int8 [n, K, H, W]. Returns int8 [K, k * k,
    n * H' * W'], zero outside the map."""
    k, stride = convolution.kernel, convolution.stride
    above, left = convolution.above, convolution.padding
    height = (convolution.out_height - 1) * stride + k
    width = (convolution.out_width - 1) * stride + k
    inside = maps.transpose(1, 0, 2, 3)[:, :, : height - above, : width - left]
    padded = np.zeros((*inside.shape[:2], height, width), np.int8)
    rows, columns = inside.shape[2:]
    padded[:, :, above : above + rows, left : left + columns] = inside
    windows = sliding_window_view(padded, (k, k), axis=(2, 3))[:, :, ::stride, ::stride]
    patches = windows.transpose(0, 4, 5, 1, 2, 3).reshape(len(padded), k * k, -1)
    return np.ascontiguousarray(patches)


@njit(cache=True, nogil=True)
def _add_products(errors, patches, first, total):
    """total[b, o, first + row] += errors[b, o] . patches[b, row], all sums in 32 bits."""
    for b in range(errors.shape[0]):
        for o in range(errors.shape[1]):
            d = errors[b, o]
            for row in range(patches.shape[1]):
                x = patches[b, row]
                dot = np.int32(0)
                for i in range(len(d)):
                    dot = np.int32(dot + np.int32(d[i]) * np.int32(x[i]))
                total[b, o, first + row] += dot


def _pieces(length: int, size: int) -> Iterator[slice]:
    size = max(size, 1)
    return (slice(start, start + size) for start in range(0, length, size))


def weight_gradient(
    x: np.ndarray, error: np.ndarray, channels: Sequence[int] | np.ndarray, convolution: Convolution
) -> np.ndarray:
    """The exact gradient of the weights that belong to the selected input channels.

    dW[o, i, u, v] = sum over n, y, z of error[n, o, y, z] * x[n, channels[i], y * stride + u -
    above, z * stride + v - padding], with x zero outside the map. Depthwise, channel channels[i]
    of the error takes the place of every o: dW[i, 0, u, v].

    x: int8 [N, C_in, H, W]. error: int8 [N, C_out, H', W'], the gradient at the output of the
    convolution. channels: K integers, strictly ascending. Returns int32 [C_out, K, k, k], depthwise
    int32 [K, 1, k, k]. Raises ValueError for other types or shapes, for channels that do not exist,
    and where N * H' * W' * 2^14 >= 2^31, so that no sum can overflow.
    """
    chosen = check_channels(channels, convolution.in_channels)
    _check(x, error, convolution)
    depthwise, taps = convolution.depthwise, convolution.taps
    positions = convolution.out_height * convolution.out_width
    total = np.zeros((convolution.outputs(len(chosen)), convolution.rows(len(chosen))), np.int32)
    for images in _pieces(len(x), _POSITIONS_AT_ONCE // positions):
        errors = error[images, chosen] if depthwise else error[images]
        errors = errors.transpose(1, 0, 2, 3).reshape(errors.shape[1], -1)
        errors = np.ascontiguousarray(errors)
        for piece in _pieces(len(chosen), _PATCH_BYTES_AT_ONCE // (taps * errors.shape[1])):
            patches = _patches(x[images, chosen[piece]], convolution)
            if depthwise:
                _add_products(errors[piece, None], patches, 0, total[piece, None])
            else:
                patches = patches.reshape(1, -1, errors.shape[1])
                _add_products(errors[None], patches, piece.start * taps, total[None])
    return total.reshape(convolution.gradient_shape(len(chosen)))


def bias_gradient(
    error: np.ndarray, channels: Sequence[int] | np.ndarray, convolution: Convolution
) -> np.ndarray:
    """db[o] = sum over n, y, z of error[n, o, y, z]: int32 [C_out], of every output; depthwise
    int32 [K], of the selected channels. Arguments and errors as in weight_gradient."""
    chosen = check_channels(channels, convolution.in_channels)
    _check(None, error, convolution)
    sums = error.sum(axis=(0, 2, 3), dtype=np.int32)
    return sums[chosen] if convolution.depthwise else sums
