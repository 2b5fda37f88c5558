# SPDX-License-Identifier: Apache-2.0
"""hw.desne.embed_control in the Amaranth simulator: the order of things, with made-up events."""

import random

import pytest
from amaranth.sim import Simulator

from hw.config import PRESETS
from hw.desne.embed_control import Division, EmbedControl

SWEEPS = ("measuring", "rescaling", "descending", "emitting")
ENDS = {"measuring": "measured", "rescaling": "rescaled", "descending": "descended"}


def order(samples, iterations):
    """What must happen, in this order."""
    means = [Division.MEAN_X, Division.MEAN_Y]
    steps = ["project", *means, "measuring", Division.SCALE, "rescaling"]
    if iterations == 0:
        steps += ["attract"]
    for iteration in range(iterations):
        early = iteration < iterations // 5
        steps += ["repel", "attract", Division.RATIO, ("descending", early), *means]
    return [*steps, "emitting"]


@pytest.mark.parametrize("iterations", [0, 1, 4, 5, 14, 15])
def test_order(iterations, seed):
    dut = EmbedControl(PRESETS["tiny"])
    rng = random.Random(seed)
    happened = []

    async def pulse(ctx, name):
        await ctx.tick().repeat(rng.randint(1, 5))
        ctx.set(getattr(dut, name), 1)
        await ctx.tick()
        ctx.set(getattr(dut, name), 0)

    async def testbench(ctx):
        for samples in (2, 5):
            happened.clear()
            ctx.set(dut.samples, samples)
            ctx.set(dut.iterations, iterations)
            ctx.set(dut.emptied, 1)
            ctx.set(dut.room, 1)
            ctx.set(dut.loaded, 1)
            await ctx.tick()
            assert not ctx.get(dut.busy)
            ctx.set(dut.begin, 1)
            await ctx.tick()
            ctx.set(dut.begin, 0)
            assert ctx.get(dut.busy) and ctx.get(dut.begun) and ctx.get(dut.clear_sums)
            happened.append("project")
            await pulse(ctx, "projected")
            while ctx.get(dut.busy):
                if ctx.get(dut.divide):
                    happened.append(ctx.get(dut.division))
                    await pulse(ctx, "divided")
                    continue
                flags = [name for name in SWEEPS if ctx.get(getattr(dut, name))]
                assert len(flags) <= 1
                if flags and ctx.get(dut.step):
                    early = ctx.get(dut.early)
                    happened.append(
                        (flags[0], bool(early)) if flags[0] == "descending" else flags[0]
                    )
                    for index in range(samples):
                        assert ctx.get(dut.step) and ctx.get(dut.index) == index
                        assert ctx.get(dut.at_end) == (index == samples - 1)
                        await ctx.tick()
                    assert not ctx.get(dut.step)
                    if flags[0] in ENDS:
                        await pulse(ctx, ENDS[flags[0]])
                    continue
                started = [name for name in ("repel", "attract") if ctx.get(getattr(dut, name))]
                if started:
                    happened.extend(started)
                    assert ctx.get(dut.first) == (happened.count("attract") == 1)
                    ends = ["repelled", "attracted"][-len(started) :]
                    await ctx.tick()
                    for end in rng.sample(ends, len(ends)):
                        await pulse(ctx, end)
                    continue
                await ctx.tick()
            assert happened == order(samples, iterations)

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(testbench)
    simulator.run()
