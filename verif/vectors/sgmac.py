# SPDX-License-Identifier: Apache-2.0
"""Sparse-gradient jobs: sizes that do not divide an array, and every kind of convolution."""

import numpy as np

from golden.sgmac import Convolution, Update


def convolution(
    out_channels: int,
    in_channels: int,
    size: tuple[int, int],
    out_size: tuple[int, int] | None = None,
    **rest,
) -> Convolution:
    """With the error map of the same padding on all sides, unless `out_size` is given."""
    if out_size is None:
        kernel, padding = rest.get("kernel", 1), rest.get("padding", 0)
        height, width = (
            (side + 2 * padding - kernel) // rest.get("stride", 1) + 1 for side in size
        )
        out_size = height, width
    return Convolution(
        out_channels=out_channels,
        in_channels=in_channels,
        height=size[0],
        width=size[1],
        out_height=out_size[0],
        out_width=out_size[1],
        **rest,
    )


CASES = [
    # images, selected channels, convolution
    (1, (0,), convolution(1, 1, (1, 1))),
    (1, (4,), convolution(1, 5, (1, 1))),
    (3, (0, 1, 2), convolution(17, 3, (1, 1))),
    (1, (0, 7), convolution(8, 8, (8, 8))),
    (1, tuple(range(16)), convolution(16, 16, (4, 4))),
    (2, (1, 5, 12), convolution(33, 13, (7, 5))),
    (1, (30,), convolution(9, 31, (1, 19))),
    (2, (0, 2, 3, 9), convolution(5, 11, (9, 6), stride=2)),
    (1, (2, 6), convolution(3, 7, (10, 13), stride=3)),
    (1, (0, 1), convolution(4, 2, (5, 4), kernel=3)),
    (2, (1, 2), convolution(7, 3, (6, 9), kernel=3, padding=1)),
    (1, (0, 3), convolution(2, 4, (3, 3), kernel=3, padding=2)),
    (1, (0,), convolution(6, 2, (1, 1), kernel=3, padding=1)),
    (3, (3, 4, 8), convolution(10, 9, (11, 7), kernel=3, stride=2, padding=1)),
    (1, (1,), convolution(3, 2, (10, 8), kernel=3, stride=3, padding=1)),
    (1, (0, 2), convolution(5, 3, (9, 11), kernel=5, padding=2)),
    (2, (1,), convolution(2, 2, (8, 12), kernel=5, stride=2, padding=2)),
    (1, (0,), convolution(3, 1, (13, 9), kernel=7, stride=2, padding=3)),
    (1, (1, 2), convolution(4, 3, (7, 7), kernel=7)),
    (1, (1,), convolution(2, 2, (2, 3), kernel=7, stride=1, padding=3)),
    (1, (0, 1), convolution(3, 2, (5, 6), kernel=2)),
    # TensorFlow's "same": stride 2 pads below and to the right only
    (2, (0, 2), convolution(5, 3, (8, 6), (4, 3), kernel=3, stride=2)),
    (1, (1,), convolution(3, 2, (14, 10), (7, 5), kernel=5, stride=2, padding=1)),
    (1, (0, 1), convolution(2, 2, (6, 7), (6, 7), kernel=2)),
    # the furthest that windows may reach below and to the right, and the least
    (1, (0,), convolution(2, 1, (4, 4), (6, 6), kernel=3, padding=2)),
    (1, (0,), convolution(2, 1, (3, 2), (3, 2), kernel=7)),
    (1, (0, 1), convolution(3, 2, (7, 9), (2, 3), kernel=3, stride=3)),
    # less above than to the left, or more
    (1, (1, 2), convolution(4, 3, (6, 7), (4, 7), kernel=3, padding=1, padding_above=0)),
    (1, (0,), convolution(9, 2, (3, 5), (3, 2), kernel=4, stride=2, padding_above=3)),
    # depthwise
    (1, (0,), convolution(1, 1, (1, 1), kernel=3, padding=1, depthwise=True)),
    (2, (0, 3, 4), convolution(7, 7, (5, 6), kernel=3, padding=1, depthwise=True)),
    (1, (2, 16), convolution(17, 17, (9, 7), kernel=3, stride=2, padding=1, depthwise=True)),
    (2, (1, 2), convolution(3, 3, (8, 10), (4, 5), kernel=3, stride=2, depthwise=True)),
    (1, (0, 1), convolution(2, 2, (12, 9), kernel=5, stride=3, padding=2, depthwise=True)),
    (1, (1,), convolution(4, 4, (8, 9), kernel=7, padding=3, depthwise=True)),
    (3, (0, 4), convolution(5, 5, (3, 4), depthwise=True)),
    (
        1,
        (0, 2),
        convolution(3, 3, (5, 8), (4, 8), kernel=3, padding=1, padding_above=0, depthwise=True),
    ),
]


def draw(
    rng: np.random.Generator, images: int, sizes: Convolution
) -> tuple[np.ndarray, np.ndarray]:
    """Random x and error of a job, all bytes alike."""
    x = rng.integers(-128, 128, (images, sizes.in_channels, sizes.height, sizes.width), np.int8)
    shape = (images, sizes.out_channels, sizes.out_height, sizes.out_width)
    return x, rng.integers(-128, 128, shape, np.int8)


def draw_update(
    rng: np.random.Generator, sizes: Convolution, rounding: str, images: int = 1
) -> Update:
    """Random weights of the layer, and scales that give steps of some dozens."""
    shape = sizes.gradient_shape(sizes.in_channels)
    positions = images * sizes.out_height * sizes.out_width
    shift = 13 + positions.bit_length() // 2
    return Update(
        weights=rng.integers(-128, 128, shape, np.int8),
        multiplier=rng.integers(1, 1 << 16, shape[0]),
        shift=rng.integers(shift - 2, shift + 16, shape[0]),
        rounding=rounding,
        seed=int(rng.integers(1, 1000)),
    )
