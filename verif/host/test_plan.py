# SPDX-License-Identifier: Apache-2.0
"""nms plan: what it counts, what it chooses, what it refuses."""

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from host.errors import TrainingError
from host.trainer.network import NETWORKS, make_network, padding
from host.trainer.plan import Plan
from host.trainer.planner import make_plan, whole_plan, window_channels
from verif.host.conftest import nms, one_sentence

KIB = 1024


@pytest.mark.parametrize(
    "name, convolutions, weights, backbone",
    [  # parameters of the backbone without its top as Keras counts them, batch norm in four parts
        ("mobilenetv2-0.35", 52, None, 410_208),
        ("mobilenetv2-1.0", 52, 2_189_760, 2_257_984),
        ("resnet8", 9, None, None),
    ],
)
def test_networks_have_the_sizes_of_the_papers(name, convolutions, weights, backbone) -> None:
    network = make_network(name)
    assert len(network.layers) == convolutions
    if weights is not None:
        assert network.weights == weights
    if backbone is not None:
        assert network.weights + 4 * sum(layer.outputs for layer in network.layers) == backbone


def test_resnet8_has_the_parameters_of_mlperf_tiny() -> None:
    """78,666 with ten classes: weights, biases, and batch norm's four values a channel, which the
    shortcuts' convolutions lack."""
    network = make_network("resnet8")
    biases = sum(layer.outputs for layer in network.layers)
    normed = sum(layer.outputs for layer in network.layers if "shortcut" not in layer.name)
    assert network.weights + biases + 4 * normed + 64 * 10 + 10 == 78_666


@pytest.mark.parametrize("side, stride, expected", [(8, 2, (0, 1)), (9, 2, (1, 1)), (8, 1, (1, 1))])
def test_same_padding_puts_the_odd_row_below(side, stride, expected) -> None:
    assert padding(side, 3, stride) == expected


def test_a_known_case() -> None:
    """MobileNetV2 at 128 pixels, the 19 convolutions from block 11 on: a count made by hand before
    there was a planner gave 43,537 weights, 1.99 %, and 97.94 % of the feature memory saved."""
    plan = make_plan(make_network("mobilenetv2-1.0"), 128, 10, 256 * KIB, start="block11")
    assert len(plan.tail) == 19 and plan.updated == 43_537
    assert round(100 * plan.ratio, 2) == 1.99
    assert round(100 * plan.saved_share, 2) == 97.94
    wide = {11: 576 * 64 * 2, 12: 576 * 64 * 2, 13: 576 * (64 + 16)}
    bits = sum(wide.values()) + 3 * 960 * 16 * 2 + 1280 * 16
    assert plan.masks_bytes == bits // 8
    assert plan.peak_bytes == 2 * 576 * 64 + 96 * 64 + 13 * 9 * 4  # depthwise of block 11, backward


@pytest.mark.parametrize("name, side", [("mobilenetv2-0.35", 96), ("mobilenetv2-1.0", 160)])
@pytest.mark.parametrize("budget", [160, 256, 512])
def test_a_plan_keeps_its_limits_and_starts_as_early_as_they_let_it(name, side, budget) -> None:
    network = make_network(name)
    try:
        plan = make_plan(network, side, 10, budget * KIB)
    except TrainingError:
        assert name == "mobilenetv2-1.0" and side == 160 and budget < 512
        return
    five = (plan.parameters_bytes, plan.optimiser_bytes, plan.inputs_bytes, plan.masks_bytes)
    assert sum(five) + plan.peak_bytes == plan.total_bytes <= budget * KIB
    assert plan.parameters_bytes + plan.front_bytes <= budget * KIB
    assert plan.ratio <= 0.02 and plan.saved_share >= 0.975
    assert all(1 <= count for count in plan.channels.values())
    if _full(plan):  # then no earlier start could have used up the ratio
        for block in network.blocks[: plan.start]:
            try:
                assert not _full(make_plan(network, side, 10, budget * KIB, start=block.name))
            except TrainingError:
                continue


def _full(plan: Plan) -> bool:
    """Whether the plan updates as much as the ratio of 2 % lets it."""
    layers = [place.layer for place in plan.tail]
    return plan.channels == window_channels(layers, int(0.02 * plan.network.weights))


def test_fewer_channels_where_the_budget_asks_for_that() -> None:
    network = make_network("mobilenetv2-1.0")
    tight = make_plan(network, 128, 10, 180 * KIB, start="block14")
    loose = make_plan(network, 128, 10, 256 * KIB, start="block14")
    assert tight.needed_bytes <= 180 * KIB < loose.needed_bytes
    assert tight.updated < loose.updated and _full(loose)


def test_the_ratio_is_used_up() -> None:
    """A share of channels a little larger would update too many weights."""
    layers = list(make_network("mobilenetv2-1.0").layers)
    limit = sum(layer.weights for layer in layers) // 50
    channels = window_channels(layers, limit)
    assert channels is not None
    count = sum(layer.window_weights(channels[layer.name]) for layer in layers)
    largest = max(layer.window_weights(1) for layer in layers if layer.inputs > 100)
    assert limit - largest * len(layers) < count <= limit
    assert window_channels(layers, 10) is None


def test_batch_and_widths_scale_what_they_should() -> None:
    network = make_network("mobilenetv2-0.35")
    one = make_plan(network, 96, 10, 10**9)
    four = replace(one, batch=4)
    assert four.inputs_bytes == 4 * one.inputs_bytes and four.masks_bytes == 4 * one.masks_bytes
    assert four.parameters_bytes == one.parameters_bytes and four.saved_share == one.saved_share
    wide = replace(one, widths=replace(one.widths, weight=4))
    extra = one.updated + network.features * 10
    assert wide.parameters_bytes - one.parameters_bytes == 3 * extra
    dense = whole_plan(network, 96, 10, 0)
    inputs = sum(p.layer.inputs * p.side**2 for p in dense.places)
    assert dense.inputs_bytes == inputs + 4 * network.features
    assert one.dense_features_bytes == inputs


def test_the_refusal_says_by_how_much() -> None:
    """As many bytes more, and it fits."""
    message = nms("plan", "--model", "mobilenetv2-1.0", "--input", 224).stderr
    needs, more = (
        int(found.replace(",", ""))
        for found in re.search(r"needs ([\d,]+) bytes.*?, ([\d,]+) more", message).groups()
    )
    assert needs - more == 256 * KIB
    network = make_network("mobilenetv2-1.0")
    assert make_plan(network, 224, 10, needs).needed_bytes == needs
    with pytest.raises(TrainingError):
        make_plan(network, 224, 10, needs - 1)


def test_the_command_needs_no_torch() -> None:
    """It says so, and the answer comes at once."""
    program = (
        "import sys; sys.modules['torch'] = None; from host.cli import app; "
        "app(['plan', '--model', 'mobilenetv2-0.35'])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0 and "peak buffers" in done.stdout, done.stderr


def test_command_prints_what_it_writes(tmp_path: Path) -> None:
    out = tmp_path / "plan.json"
    result = nms("plan", "--model", "mobilenetv2-1.0", "--budget-kib", 256, "--out", out)
    assert result.exit_code == 0, result.output
    document = json.loads(out.read_text())
    keys = ("weights_and_biases", "optimiser_state", "saved_inputs", "masks", "peak_buffers")
    five = [document[f"{key}_bytes"] for key in keys]
    assert sum(five) == document["total_bytes"] <= 256 * KIB
    for value in (*five, document["total_bytes"], document["updated_weights"]):
        assert f"{value:,}" in result.stdout
    assert f"{document['feature_memory_saved']:.2%}" in result.stdout
    assert set(document["channels"]) <= {la.name for la in make_network("mobilenetv2-1.0").layers}


@pytest.mark.parametrize(
    "arguments, parts",
    [
        (("--model", "vgg"), ("'vgg'", *NETWORKS)),
        (("--input", 4), ("input 4",)),
        (("--budget-kib", 0), ("budget",)),
        (("--budget-kib", 30), ("more than the budget of 30,720", "--budget-kib")),
        (("--ratio", 0), ("ratio 0.0",)),
        (("--ratio", 0.0001), ("--ratio",)),
        (("--batch", 0), ("batch 0",)),
        (("--classes", 1), ("classes 1",)),
        (("--least-saved", 1), ("least-saved 1",)),
        (("--least-saved", 0.9999), ("--least-saved",)),
        (("--first-block", "block99"), ("block99", "block16")),
        (("--precision", "int4"), ("int4",)),
    ],
)
def test_bad_options_are_refused(tmp_path: Path, arguments: tuple, parts: tuple) -> None:
    out = tmp_path / "plan.json"
    one_sentence(nms("plan", "--model", "mobilenetv2-1.0", "--out", out, *arguments), *parts)
    assert not out.exists()
