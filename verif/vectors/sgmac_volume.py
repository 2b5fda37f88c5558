# SPDX-License-Identifier: Apache-2.0
"""Many sparse-gradient jobs: every layer of MobileNetV2, then random ones of every kind."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from golden.sgmac import Convolution, Update
from hw.config import Configuration
from verif.vectors.mobilenet import mobilenet
from verif.vectors.sgmac import draw, draw_update

PARTS = 8
MOST_CYCLES = 100_000
"""Of a job, at least: more positions or rows get fewer channels."""


@dataclass(frozen=True)
class VolumeJob:
    """Arguments of run_job."""

    name: str
    x: np.ndarray
    error: np.ndarray
    channels: np.ndarray
    sizes: Convolution
    update: Update | None


def layer_shapes(config: Configuration) -> list[Convolution]:
    """Every shape of the network once; those that the configuration can do."""
    shapes = dict.fromkeys(layer.sizes for layer in mobilenet())
    return [
        sizes for sizes in shapes if max(sizes.in_channels, sizes.out_channels) <= config.channels
    ]


def volume_jobs(config: Configuration, part: int, seed: int) -> Iterator[VolumeJob]:
    """Part `part` of PARTS, without end: its share of the layers first. Job i depends on (seed,
    part, i) alone."""
    layers = layer_shapes(config)[part::PARTS]
    number = 0
    while True:
        rng = np.random.default_rng([seed, part, number])
        if number < len(layers):
            sizes, name = layers[number], "layer"
        elif number % 2:
            sizes, name = _many_values(rng, config), "small maps"
        else:
            sizes, name = _any(rng, config), "any"
        yield _job(f"{name}, number {number}", rng, config, sizes)
        number += 1


def _job(name: str, rng: np.random.Generator, config: Configuration, sizes: Convolution):
    positions = sizes.out_height * sizes.out_width
    if sizes.depthwise:
        each = positions * -(-sizes.taps // config.outputs)
    else:
        blocks = -(-sizes.out_channels // config.outputs)
        each = blocks * sizes.taps * max(positions, config.outputs)
    most = max(1, min(sizes.in_channels, MOST_CYCLES // each))
    large = name.startswith("small maps")
    selected = most if large else int(rng.integers(1, most + 1))
    images = 1 if large or rng.random() < 0.7 else int(rng.integers(2, 4))
    x, error = draw(rng, images, sizes)
    if rng.random() < 0.1:  # sums as large as they get
        x, error = (np.where(a < 0, -128, 127).astype(np.int8) for a in (x, error))
    update = None
    if rng.random() < 0.25 and selected * sizes.taps <= 1 << 16:
        update = draw_update(rng, sizes, ("nearest", "stochastic")[int(rng.integers(2))], images)
    channels = np.sort(rng.choice(sizes.in_channels, selected, replace=False))
    return VolumeJob(name, x, error, channels, sizes, update)


def _up_to(rng: np.random.Generator, most: int) -> int:
    """1 to most, every order of magnitude as likely."""
    return min(most, int(np.exp(rng.uniform(0, np.log(most + 1)))))


def _many_values(rng: np.random.Generator, config: Configuration) -> Convolution:
    """Few positions, many channels: a gradient in a little more than a cycle."""
    side = int(rng.integers(1, 5))
    inputs, outputs = (int(n) for n in rng.integers(200, config.channels // 2, 2))
    return Convolution(
        out_channels=outputs,
        in_channels=inputs,
        height=side,
        width=4,
        out_height=side,
        out_width=4,
    )


def _any(rng: np.random.Generator, config: Configuration) -> Convolution:
    """Every kind of convolution, with sizes that divide nothing."""
    kernel = int(rng.choice([1, 2, 3, 5, config.kernel]))
    stride = int(rng.integers(1, 4))
    padding, above = (int(n) for n in rng.integers(0, kernel, 2))
    height, width = (_up_to(rng, 40) for _ in range(2))

    def reached(size: int, before: int) -> int:
        low = max((size + before - kernel) // stride + 1, 1)
        return int(rng.integers(low, (size + before - 1) // stride + 2))

    depthwise = bool(rng.random() < 0.3)
    inputs = _up_to(rng, config.channels // 4)
    return Convolution(
        out_channels=inputs if depthwise else _up_to(rng, config.channels // 4),
        in_channels=inputs,
        height=height,
        width=width,
        out_height=reached(height, above),
        out_width=reached(width, padding),
        kernel=kernel,
        stride=stride,
        padding=padding,
        padding_above=above,
        depthwise=depthwise,
    )
