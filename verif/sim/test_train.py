# SPDX-License-Identifier: Apache-2.0
"""Layers of MobileNetV2 at 128 pixels through the sparse-gradient unit of preset `train`."""

import numpy as np
import pytest

from host.gradient_backends import BothGradient
from verif.records import record
from verif.vectors.sgmac import convolution, draw, draw_update

pytestmark = [pytest.mark.verilator, pytest.mark.slow]

LAYERS = [  # selected channels, with an update, convolution
    (2, False, convolution(576, 96, (8, 8))),
    (24, False, convolution(576, 96, (8, 8))),
    (12, False, convolution(96, 576, (8, 8))),
    (3, False, convolution(960, 160, (4, 4))),
    (19, True, convolution(160, 960, (4, 4))),
    (480, False, convolution(160, 960, (4, 4))),
    (19, False, convolution(320, 960, (4, 4))),
    (6, False, convolution(1280, 320, (4, 4))),
    (12, False, convolution(576, 576, (8, 8), kernel=3, padding=1, depthwise=True)),
    (12, True, convolution(576, 576, (8, 8), (4, 4), kernel=3, stride=2, depthwise=True)),
    (8, False, convolution(32, 32, (16, 16), kernel=3, padding=1)),
]


@pytest.fixture(scope="module")
def both():
    backend = BothGradient("train")
    yield backend
    backend.close()


@pytest.mark.parametrize("number", range(len(LAYERS)))
def test_layers(both, number, seed, request):
    """Equal to golden (both raises otherwise), and every product once."""
    selected, updates, sizes = LAYERS[number]
    rng = np.random.default_rng([seed, number])
    x, error = draw(rng, 1, sizes)
    channels = np.sort(rng.choice(sizes.in_channels, selected, replace=False))
    update = draw_update(rng, sizes, "stochastic") if updates else None
    result = both.run_job(x, error, channels, sizes, update)
    counters, work = both.counters, sizes.multiply_accumulates(1, selected)
    values = result.weight_gradient.size + result.bias_gradient.size
    record(request.node.name, seed=seed, vectors=values, mismatches=0, cycles=counters["cycles"])
    extra = sizes.outputs(selected) * sizes.rows(selected) if updates else 0
    assert counters["lanes"] == work + extra, "the update is a job over a map of one zero"
