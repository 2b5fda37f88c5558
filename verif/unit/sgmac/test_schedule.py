# SPDX-License-Identifier: Apache-2.0
"""hw.sgmac.schedule against the golden model, in the Amaranth simulator."""

import random

import numpy as np
import pytest
from amaranth.sim import Simulator

from golden.sgmac.schedule import Schedule as Golden
from hw.sgmac.schedule import Schedule
from verif.cocotb.streams import PATTERNS, stalls
from verif.unit.streams import receive

CHANNELS, LATENCY = 21, 3


def memory(dut, ranking):
    """A testbench that answers positions LATENCY cycles later."""

    async def testbench(ctx):
        line = [0] * (LATENCY - 1)
        while True:
            *_, position = await ctx.tick().sample(dut.position)
            line.append(position)
            position = line.pop(0)
            ctx.set(dut.channel, int(ranking[position]) if position < len(ranking) else 0)

    return testbench


@pytest.mark.parametrize("backpressure", PATTERNS)
def test_stages(backpressure, seed):
    """Steps of whole stages: windows that wrap, that are the pool, of one channel; the place goes
    on as `following` says and is 0 where a stage begins."""
    rng = np.random.default_rng(seed)
    ranking = rng.permutation(CHANNELS)
    plans = [
        Golden(window=4, period=2, pools=((0, 9), (12, 14), (30, CHANNELS))),
        Golden(window=CHANNELS, period=1, pools=((0, CHANNELS),)),
        Golden(window=5, period=1, pools=((0, 5), (3, 20))),
        Golden(window=1, period=1, pools=((0, 2),)),
    ]
    if backpressure != "none":
        plans = plans[:2]
    dut = Schedule(CHANNELS, LATENCY)
    pause = random.Random(seed)

    async def step(ctx, plan, pool, place, expected):
        numbers = {"count": CHANNELS, "window": plan.window, "pool": pool, "place": place}
        for name, value in numbers.items():
            ctx.set(getattr(dut, name), value)
        ctx.set(dut.start, 1)
        await ctx.tick()
        ctx.set(dut.start, 0)
        cycles = []
        got = await receive(ctx, dut.chosen, plan.window, stalls(backpressure, pause), cycles)
        assert got == expected.tolist(), f"{plan}, place {place}, seed {seed}"
        if backpressure == "none":
            # the cycle in which channel 0 would come
            first = plan.window + LATENCY + 6
            assert cycles == (first + expected).tolist()
        following = ctx.get(dut.following)
        ctx.set(dut.chosen.ready, 1)
        waited = cycles[-1] + 1
        while ctx.get(dut.busy):
            assert not ctx.get(dut.chosen.valid)
            await ctx.tick()
            waited += 1
        ctx.set(dut.chosen.ready, 0)
        if backpressure == "none":
            assert waited == plan.window + CHANNELS + LATENCY + 7
        return following

    async def testbench(ctx):
        for _ in range(CHANNELS):
            assert ctx.get(dut.busy)
            await ctx.tick()
        assert not ctx.get(dut.busy)
        for plan in plans:
            place, following, pools = 0, 0, dict(plan.pools)
            for t in range(plan.pools[-1][0] + 12):
                stage = max(first for first in pools if first <= t)
                if t == stage:
                    place = 0
                elif (t - stage) % plan.period == 0:
                    place = following
                following = await step(ctx, plan, pools[stage], place, plan.channels(t, ranking))

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(testbench)
    simulator.add_testbench(memory(dut, ranking), background=True)
    simulator.run()


def test_narrow_layer(seed):
    """A layer of fewer channels than the configuration has; only they are gone through."""
    rng = np.random.default_rng(seed)
    dut = Schedule(CHANNELS, LATENCY)
    ranking = rng.permutation(7)

    async def testbench(ctx):
        await ctx.tick().repeat(CHANNELS)
        for name, value in {"count": 7, "window": 3, "pool": 7, "place": 6}.items():
            ctx.set(getattr(dut, name), value)
        ctx.set(dut.start, 1)
        await ctx.tick()
        ctx.set(dut.start, 0)
        got = await receive(ctx, dut.chosen, 3, stalls("none", random.Random(seed)))
        assert got == sorted(ranking[[6, 0, 1]])
        assert ctx.get(dut.following) == 2

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(testbench)
    simulator.add_testbench(memory(dut, ranking), background=True)
    simulator.run()


@pytest.mark.parametrize("sizes", [(0, 1), (4, 0)])
def test_illegal_sizes(sizes):
    with pytest.raises(ValueError, match="must be at least 1"):
        Schedule(*sizes)
