# SPDX-License-Identifier: Apache-2.0
"""hw.sgmac.bias against the golden model, in the Amaranth simulator."""

import random

import numpy as np
import pytest
from amaranth.sim import Simulator

from golden.sgmac import Convolution
from golden.sgmac.gradient import bias_gradient
from golden.sgmac.layout import pack_maps
from hw.config import Configuration
from hw.sgmac.bias import Bias
from hw.sgmac.byte_sums import RunBeats
from verif.cocotb.streams import stalls
from verif.unit.streams import receive, send

SIZES = [(1, 1, 1), (5, 3, 3), (9, 2, 4), (7, 8, 8), (2, 5, 5), (4, 1, 63)]
"""Planes, height, width."""


def draw(rng, number):
    planes, height, width = SIZES[number]
    errors = rng.integers(-128, 128, (1, planes, height, width), np.int8)
    errors[0, 0] = -128
    if planes > 1:
        errors[0, 1] = 127
    return errors


def expected(errors):
    planes, height, width = errors.shape[1:]
    convolution = Convolution(
        out_channels=planes,
        in_channels=1,
        height=height,
        width=width,
        out_height=height,
        out_width=width,
    )
    return bias_gradient(errors, [0], convolution)


def to_beats(values, size):
    content = values.astype("<i4").tobytes()
    return [
        int.from_bytes(content[i : i + size].ljust(size, b"\0"), "little")
        for i in range(0, len(content), size)
    ]


@pytest.mark.parametrize("data_width", [64, 256])
@pytest.mark.parametrize("idle", ["none", "random"])
@pytest.mark.parametrize("accumulate", [False, True])
def test_sums(data_width, idle, accumulate, seed):
    """Extremes, planes of all sizes, noise behind their ends; to the cycle without stalls."""
    config = Configuration(
        name="a",
        samples=8,
        features=4,
        rows=1,
        lanes=1,
        neighbours=2,
        dimensions=4,
        outputs=32,
        plane=64,
        kernel=1,
        channels=9,
        data_width=data_width,
    )
    rng, pause = np.random.default_rng(seed), random.Random(seed)
    dut, size = Bias(config), data_width // 8
    assert dut.latency == 5 and dut.settled == {64: 6, 256: 7}[data_width]

    async def job(ctx, number):
        errors = draw(rng, number)
        memory = pack_maps(errors, size)[0]
        length = errors[0, 0].size
        memory[:, length:] = rng.integers(0, 256, memory[:, length:].shape)
        want = expected(errors).astype(np.int64)
        partials = np.zeros_like(want)
        if accumulate:
            partials = rng.integers(-(1 << 31) + (1 << 20), (1 << 31) - (1 << 20), len(want))
        numbers = {"planes": len(want), "plane_bytes": length, "accumulate": accumulate}
        for name, value in numbers.items():
            ctx.set(getattr(dut, name), value)
        ctx.set(dut.start, 1)
        await ctx.tick()
        ctx.set(dut.start, 0)
        pattern = stalls(idle, pause)
        for word in memory.reshape(-1, size):
            ctx.set(dut.passes, 0)
            for _ in range(next(pattern)):
                await ctx.tick()
            ctx.set(dut.passes, 1)
            ctx.set(dut.word, int.from_bytes(word.tobytes(), "little"))
            await ctx.tick()
        ctx.set(dut.passes, 0)
        given.append(to_beats(partials, size) if accumulate else [])
        ctx.set(dut.emit, 1)
        await ctx.tick()
        ctx.set(dut.emit, 0)
        assert not ctx.get(dut.idle)
        beats = to_beats(want + partials, size)
        cycles = []
        got = await receive(ctx, dut.beats, len(beats), stalls(idle, pause), cycles)
        assert got == beats, f"{SIZES[number]}, seed {seed}"
        assert ctx.get(dut.idle) and not ctx.get(dut.beats.valid)
        if idle == "none":  # counted from the second cycle behind the last word
            assert cycles[-1] == dut.settled + dut.latency + len(beats) - 1 - 1

    given = []

    async def testbench(ctx):
        for number in range(len(SIZES)):
            await job(ctx, number)

    async def partial_sums(ctx):
        for number in range(len(SIZES)):
            while len(given) <= number:
                await ctx.tick()
            await send(ctx, dut.partials, given[number], stalls(idle, pause))

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(testbench)
    simulator.add_testbench(partial_sums, background=True)
    simulator.run()


@pytest.mark.parametrize("sizes", [(3, 4), (8, 0)])
def test_illegal_runs(sizes):
    with pytest.raises(ValueError, match="a power of two and at least 1"):
        RunBeats(*sizes)
