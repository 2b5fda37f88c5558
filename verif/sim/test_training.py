# SPDX-License-Identifier: Apache-2.0
"""Training with weight gradients and steps from the generated hardware, and from golden."""

import os
from contextlib import closing
from pathlib import Path

import pytest

from host.gradient_backends import GoldenGradient, RtlGradient
from verif.int8_network import side_by_side
from verif.records import record
from verif.vectors.int8_networks import CIFAR10, MOBILENET_WEIGHTS, digits_network, mobilenet_pair

pytestmark = [pytest.mark.verilator]

STEPS = 20


def train(make, preset, batch, seed, test):
    """All weights are the same after every step, and the loss falls."""
    (first, samples), (second, _) = make(), make()
    before = [weights.copy() for weights in first.weights]
    with closing(RtlGradient(preset)) as hardware:
        backends = GoldenGradient(), hardware
        steps = list(side_by_side((first, second), backends, samples, STEPS, batch))
    assert len(steps) == STEPS + 1
    for layer, old, new in zip(first.layers, before, first.weights, strict=True):
        assert (old != new).any() == bool(layer.selected), "what is selected changes, only that"
    record(
        test,
        seed=seed,
        vectors=STEPS * sum(weights.size for weights in first.weights),
        mismatches=sum(step.differ for step in steps),
        cycles=sum(step.counters.get("cycles", 0) for step in steps),
    )
    assert [step.differ for step in steps] == [0] * (STEPS + 1), f"seed {seed}"
    losses = [step.loss for step in steps]
    assert losses[-1] < 0.8 * losses[0], f"losses {losses}, seed {seed}"
    assert sum(losses[-5:]) < sum(losses[5:10]), f"losses {losses}, seed {seed}"


def test_digits(seed, request):
    """Depthwise, pointwise and a classifier on tiny."""
    train(lambda: digits_network(seed, batch=24), "tiny", 24, seed, request.node.name)


@pytest.mark.slow
def test_mobilenet(seed, request):
    """A depthwise and a pointwise layer of MobileNetV2 with real weights on real images."""
    default = Path(__file__).parents[3] / "shared" / "data"
    folder = Path(os.environ.get("NMS_DATA") or default)
    for name in (CIFAR10, MOBILENET_WEIGHTS):
        if not (folder / name).exists():
            pytest.skip(f"no {name} in NMS_DATA or shared/data")
    train(lambda: mobilenet_pair(seed, folder), "train", 8, seed, request.node.name)
