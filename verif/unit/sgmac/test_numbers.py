# SPDX-License-Identifier: Apache-2.0
"""hw.sgmac.numbers: what is derived, and that exactly golden's illegal jobs are refused."""

import dataclasses

import numpy as np
import pytest
from amaranth.sim import Simulator

from golden.sgmac.layout import piece_stride
from golden.sgmac.shape import Convolution
from hw.config import PRESETS
from hw.sgmac.numbers import Numbers
from hw.sgmac.registers import ADDRESSES, GradientOperation, GradientRefusal

CONFIG = dataclasses.replace(PRESETS["tiny"], outputs=8, plane=256, kernel=5, channels=40)
BEAT = CONFIG.data_width // 8
GOOD = {
    "width": 5,
    "height": 7,
    "out_width": 5,
    "out_height": 7,
    "in_channels": 12,
    "outputs": 20,
    "selected": 3,
    "kernel": 3,
    "stride": 1,
    "padding": 1,
    "padding_above": 1,
    "depthwise": 0,
    "accumulate": 0,
    "update": 1,
    "bias": 1,
} | {f"{name}_address": 0x1000 * i for i, name in enumerate(ADDRESSES)}


def run(jobs: list[dict[str, int]], *outputs: str) -> list[tuple]:
    """The refusal of each job, and the outputs asked for, memory and array unless told."""
    dut = Numbers(CONFIG)
    results = []

    async def testbench(ctx):
        for job in jobs:
            ctx.set(dut.asked, job)
            ctx.set(dut.check, 1)
            await ctx.tick().repeat(dut.latency)
            names = ("refusal", *(outputs or ("memory", "array")))
            results.append(tuple(ctx.get(getattr(dut, name)) for name in names))
            ctx.set(dut.check, 0)
            await ctx.tick()

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(testbench)
    simulator.run()
    return results


def test_derived():
    jobs = [
        GOOD,
        GOOD
        | {
            "depthwise": 1,
            "outputs": 12,
            "kernel": 5,
            "padding": 2,
            "padding_above": 0,
            "update": 0,
        },
        GOOD | {"width": 16, "height": 16, "out_width": 16, "out_height": 16, "selected": 3},
        GOOD
        | {
            "kernel": 1,
            "padding": 0,
            "padding_above": 0,
            "outputs": 65535,
            "selected": 12,
            "bias": 0,
        },
    ]
    for job, (refusal, memory, array) in zip(jobs, run(jobs), strict=True):
        assert refusal == GradientRefusal.NONE
        taps = job["kernel"] ** 2
        values = taps if job["depthwise"] else job["outputs"]
        x = -(-job["width"] * job["height"] // BEAT)
        error = -(-job["out_width"] * job["out_height"] // BEAT)
        assert (array.x_beats, array.error_beats) == (x, error)
        assert memory.error_bytes == job["out_width"] * job["out_height"]
        assert (memory.x_stride, memory.error_stride) == (x * BEAT, error * BEAT)
        assert memory.gradient_row == piece_stride(4 * values, BEAT)
        assert memory.weights_row == piece_stride(values, BEAT)
        rows = 1 if job["depthwise"] else taps
        assert memory.weights_piece == rows * memory.weights_row
        fits = job["selected"] * x * BEAT <= 2 * CONFIG.plane and not job["depthwise"]
        assert memory.resident == array.resident == fits
        assert array.taps == taps
        assert array.positions == job["out_width"] * job["out_height"]
        assert array.line == job["stride"] * job["width"] % (2 * CONFIG.plane)
        offset = job["padding_above"] * job["width"] + job["padding"]
        assert array.first_offset == -offset % (2 * CONFIG.plane)
        assert memory.gradient_address == job["result_address"]
        assert memory.scale_address == job["scale_address"]
        for name in (
            "kernel",
            "stride",
            "padding",
            "padding_above",
            "out_width",
            "selected",
            "outputs",
        ):
            assert array[name] == job[name]


REFUSED = [
    ("KERNEL", {"kernel": 0}),
    ("KERNEL", {"kernel": 6}),
    ("KERNEL", {"stride": 0}),
    ("KERNEL", {"padding": 3}),
    ("KERNEL", {"padding_above": 3}),
    ("INPUT_SIZE", {"width": 0}),
    ("INPUT_SIZE", {"height": 52}),
    ("INPUT_SIZE", {"width": 256, "height": 256}),
    ("ERROR_SIZE", {"out_height": 0}),
    ("ERROR_SIZE", {"out_width": 3}),
    ("ERROR_SIZE", {"out_width": 8}),
    ("IN_CHANNELS", {"in_channels": 0}),
    ("IN_CHANNELS", {"in_channels": 41}),
    ("OUTPUTS", {"outputs": 0}),
    ("OUTPUTS", {"outputs": 65536, "bias": 0}),
    ("OUTPUTS", {"outputs": 41}),
    ("OUTPUTS", {"depthwise": 1}),
    ("SELECTED", {"selected": 0}),
    ("SELECTED", {"selected": 13}),
    ("SELECTED", {"selected": 1 << 20}),
    ("CHANNELS_ADDRESS", {"channels_address": 4}),
    ("INPUT_ADDRESS", {"input_address": 1}),
    ("ERROR_ADDRESS", {"error_address": 0x1007}),
    ("RESULT_ADDRESS", {"result_address": 2, "accumulate": 1}),
    ("RESULT_ADDRESS", {"result_address": 2, "update": 0}),
    ("WEIGHTS_ADDRESS", {"weights_address": 4}),
    ("SCALE_ADDRESS", {"scale_address": 4}),
    ("BIAS_ADDRESS", {"bias_address": 4}),
]


def test_refused():
    results = run([GOOD | wrong for _, wrong in REFUSED])
    for (reason, wrong), (refusal, *_) in zip(REFUSED, results, strict=True):
        assert refusal == GradientRefusal[reason], wrong


def test_addresses_that_are_not_used_may_be_anything():
    jobs = [
        GOOD | {"result_address": 1},
        GOOD
        | {"update": 0, "bias": 0, "weights_address": 1, "scale_address": 1, "bias_address": 1},
    ]
    assert [refusal for refusal, *_ in run(jobs)] == [GradientRefusal.NONE] * 2


@pytest.mark.parametrize("kernel, stride", [(1, 1), (1, 3), (2, 1), (3, 2), (5, 1), (4, 3), (2, 5)])
def test_sizes_as_golden(kernel, stride):
    """Every size of error map for many maps and paddings."""
    jobs = []
    for padding, above in {(p, a) for p in range(kernel) for a in (p, kernel - 1 - p)}:
        for size in (1, 2, 5, 8, 13):
            for out in range(1, 16):
                jobs.append(
                    GOOD
                    | {"kernel": kernel, "stride": stride}
                    | {"padding": padding, "padding_above": above}
                    | {"width": size, "out_width": out, "height": size, "out_height": out}
                )
    refused = np.array([refusal != GradientRefusal.NONE for refusal, *_ in run(jobs)])
    for job, wrong in zip(jobs, refused, strict=True):
        try:
            Convolution(
                out_channels=20,
                in_channels=12,
                kernel=kernel,
                stride=stride,
                **{name: job[name] for name in ("width", "height", "out_width", "out_height")},
                padding=job["padding"],
                padding_above=job["padding_above"],
            )
            legal = True
        except ValueError:
            legal = False
        assert legal == (not wrong), job


UNUSED = 0xFFFFFFFF
RANK = {
    "operation": GradientOperation.RANK,
    "in_channels": 40,
    "outputs": 20,
    "kernel": 3,
    "weights_address": 0x800,
    "ranking_address": 0x1000,
    **dict.fromkeys(("selected", "pool", "place"), UNUSED),
    **{f"{name}_address": 1 for name in ("channels", "input", "error", "result", "scale", "bias")},
    **dict.fromkeys(("accumulate", "update", "bias"), 1),
}
SCHEDULE = RANK | {
    "operation": GradientOperation.SCHEDULE,
    "outputs": 0,
    "kernel": 0,
    "selected": 7,
    "pool": 9,
    "place": 8,
    "weights_address": 1,
    "channels_address": 0x800,
}


def run_choices(jobs: list[dict[str, int]]) -> list[tuple[GradientRefusal, object]]:
    return run(jobs, "choice")


def test_derived_for_rank_and_schedule():
    jobs = [
        RANK,
        RANK | {"outputs": 65535, "kernel": 1},
        RANK | {"outputs": 40, "kernel": 5, "depthwise": 1},
        RANK | {"outputs": 10485, "kernel": 5},  # the most weights of a channel
        SCHEDULE,
        SCHEDULE | {"selected": 40, "pool": 40, "place": 0},
    ]
    for job, (refusal, choice) in zip(jobs, run_choices(jobs), strict=True):
        assert refusal == GradientRefusal.NONE, job
        if job["operation"] == GradientOperation.RANK:
            taps = job["kernel"] ** 2
            depthwise = job.get("depthwise", 0)
            rows, row = (1, taps) if depthwise else (taps, job["outputs"])
            assert (choice.rows, choice.row_bytes) == (rows, row)
            assert choice.layer_bytes == job["in_channels"] * rows * piece_stride(row, BEAT)
            assert choice.weights_address == job["weights_address"]
        else:
            for name in ("selected", "pool", "place", "channels_address"):
                assert choice[name] == job[name]
        assert choice.in_channels == job["in_channels"]
        assert choice.ranking_address == job["ranking_address"]


REFUSED_CHOICES = [
    ("OPERATION", RANK, {"operation": 3}),
    ("IN_CHANNELS", RANK, {"in_channels": 0}),
    ("IN_CHANNELS", RANK, {"in_channels": 41}),
    ("KERNEL", RANK, {"kernel": 0}),
    ("KERNEL", RANK, {"kernel": 6}),
    ("OUTPUTS", RANK, {"outputs": 0}),
    ("OUTPUTS", RANK, {"outputs": 65536}),
    ("OUTPUTS", RANK, {"depthwise": 1}),
    ("LAYER", RANK, {"outputs": 10486, "kernel": 5}),
    ("LAYER", RANK, {"outputs": 65535}),
    ("WEIGHTS_ADDRESS", RANK, {"weights_address": 4}),
    ("RANKING_ADDRESS", RANK, {"ranking_address": 7}),
    ("IN_CHANNELS", SCHEDULE, {"in_channels": 41}),
    ("SELECTED", SCHEDULE, {"selected": 0}),
    ("SELECTED", SCHEDULE, {"selected": 41, "pool": 41}),
    ("POOL", SCHEDULE, {"pool": 6}),
    ("POOL", SCHEDULE, {"pool": 41}),
    ("POOL", SCHEDULE, {"pool": (1 << 20) + 9}),
    ("PLACE", SCHEDULE, {"place": 9}),
    ("PLACE", SCHEDULE, {"place": 1 << 20}),
    ("CHANNELS_ADDRESS", SCHEDULE, {"channels_address": 1}),
    ("RANKING_ADDRESS", SCHEDULE, {"ranking_address": 4}),
]


def test_refused_choices():
    results = run_choices([good | wrong for _, good, wrong in REFUSED_CHOICES])
    for (reason, _, wrong), (refusal, _) in zip(REFUSED_CHOICES, results, strict=True):
        assert refusal == GradientRefusal[reason], wrong
