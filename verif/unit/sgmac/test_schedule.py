# SPDX-License-Identifier: Apache-2.0
"""hw.sgmac.schedule against the golden model, in the Amaranth simulator."""

import random

import numpy as np
import pytest
from amaranth.sim import Simulator

from golden.sgmac.layout import pack_channels
from golden.sgmac.schedule import Schedule as Golden
from hw.sgmac.schedule import Schedule
from verif.cocotb.streams import PATTERNS, stalls
from verif.unit.streams import receive, send

CHANNELS, DATA_WIDTH = 21, 64


def beats_of(words, data_width=DATA_WIDTH) -> list[int]:
    """32-bit words as beats; ones behind the last."""
    size = data_width // 8
    content = pack_channels(np.asarray(words)).tobytes()
    content += b"\xff" * (-len(content) % size)
    return [int.from_bytes(content[i : i + size], "little") for i in range(0, len(content), size)]


class Bench:
    """Steps one after the other on one block."""

    def __init__(self, dut: Schedule, pattern: str, seed: int):
        self.dut, self.pattern, self.seed = dut, pattern, seed
        self.pause = [random.Random(f"{seed} {side}") for side in "io"]

    def stalls(self, side: int):
        return stalls(self.pattern, self.pause[side])

    async def begin(self, ctx, ranking, **numbers: int) -> list[int]:
        """Starts a step; returns the beats it will ask for."""
        for name, value in numbers.items():
            ctx.set(getattr(self.dut, name), value)
        ctx.set(self.dut.start, 1)
        await ctx.tick()
        ctx.set(self.dut.start, 0)
        return beats_of(ranking[: numbers["pool"]], self.dut.data_width)

    def run(self, *testbenches) -> None:
        async def clears(ctx):
            for _ in range(self.dut.channels):
                assert ctx.get(self.dut.busy)
                await ctx.tick()
            assert not ctx.get(self.dut.busy)
            await testbenches[0](ctx)

        simulator = Simulator(self.dut)
        simulator.add_clock(1e-6)
        simulator.add_testbench(clears)
        for testbench in testbenches[1:]:
            simulator.add_testbench(testbench, background=True)
        simulator.run()


class Feeder:
    """A background testbench that gives the beats of step after step."""

    def __init__(self, bench: Bench):
        self.bench = bench
        self.beats: list[int] = []
        self.given = 0

    async def run(self, ctx):
        while True:
            if self.beats:
                beats, self.beats = self.beats, []
                await send(ctx, self.bench.dut.beats, beats, self.bench.stalls(0))
                self.given += 1
            else:
                await ctx.tick()


@pytest.mark.parametrize("pattern", PATTERNS)
def test_stages(pattern, seed):
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
    if pattern != "none":
        plans = plans[:2]
    dut = Schedule(CHANNELS, DATA_WIDTH)
    bench = Bench(dut, pattern, seed)
    feeder = Feeder(bench)

    async def step(ctx, plan, pool, place, expected):
        numbers = {"count": CHANNELS, "window": plan.window, "pool": pool, "place": place}
        feeder.beats = await bench.begin(ctx, ranking, **numbers)
        cycles = []
        got = await receive(ctx, dut.chosen, plan.window, bench.stalls(1), cycles)
        assert got == expected.tolist(), f"{plan}, place {place}, seed {seed}"
        if pattern == "none":
            # the cycle in which channel 0 would come
            assert cycles == (pool + dut.latency + expected).tolist()
        assert not ctx.get(dut.chosen.valid)
        assert not ctx.get(dut.illegal)
        if pattern == "none":
            await ctx.tick()
        while pattern != "none" and ctx.get(dut.busy):
            await ctx.tick()
        assert not ctx.get(dut.busy)
        return ctx.get(dut.following)

    async def testbench(ctx):
        for plan in plans:
            place, following, pools = 0, 0, dict(plan.pools)
            for t in range(plan.pools[-1][0] + 12):
                stage = max(first for first in pools if first <= t)
                if t == stage:
                    place = 0
                elif (t - stage) % plan.period == 0:
                    place = following
                following = await step(ctx, plan, pools[stage], place, plan.channels(t, ranking))

    bench.run(testbench, feeder.run)


@pytest.mark.parametrize("data_width", [64, 256])
def test_narrow_layer(data_width, seed):
    """A layer of fewer channels than the configuration has; only they are gone through."""
    rng = np.random.default_rng(seed)
    dut = Schedule(CHANNELS, data_width)
    bench = Bench(dut, "none", seed)
    ranking = rng.permutation(7)

    async def testbench(ctx):
        numbers = {"count": 7, "window": 3, "pool": 7, "place": 6}
        feeder.beats = await bench.begin(ctx, ranking, **numbers)
        got = await receive(ctx, dut.chosen, 3, bench.stalls(1))
        assert got == sorted(ranking[[6, 0, 1]])
        assert ctx.get(dut.following) == 2

    feeder = Feeder(bench)
    bench.run(testbench, feeder.run)


@pytest.mark.parametrize(
    "ranking",
    [
        [3, 1, 12, 4, 5, 0, 2],  # no channel of the layer
        [3, 1, 4 + (1 << 20), 4, 5, 0, 2],
        [12, 1, 3, 4, 5, 0, 2],  # outside of the window, too
        [3, 1, 2, 2, 5, 0, 4],  # twice, one behind the other
        [3, 1, 2, 4, 2, 0, 5],  # twice, apart
        [3, 1, 5, 4, 2, 12, 12],
    ],
)
def test_illegal_rankings(ranking, seed):
    """Nothing is chosen, the block becomes free, and the next step is right."""
    dut = Schedule(CHANNELS, DATA_WIDTH)
    bench = Bench(dut, "none", seed)
    numbers = {"count": 12, "window": 3, "pool": 7, "place": 2}

    async def testbench(ctx):
        for _ in range(2):
            feeder.beats = await bench.begin(ctx, np.array(ranking), **numbers)
            ctx.set(dut.chosen.ready, 1)
            waited = 0
            while ctx.get(dut.busy):
                assert not ctx.get(dut.chosen.valid)
                await ctx.tick()
                waited += 1
            assert 1 + waited == numbers["pool"] + CHANNELS + 5
            assert ctx.get(dut.illegal)
            ctx.set(dut.chosen.ready, 0)
        right = np.array([11, 1, 5, 4, 2, 0, 3])
        feeder.beats = await bench.begin(ctx, right, **numbers)
        assert await receive(ctx, dut.chosen, 3, bench.stalls(1)) == [2, 4, 5]
        assert not ctx.get(dut.illegal)

    feeder = Feeder(bench)
    bench.run(testbench, feeder.run)


def test_outside_of_the_window_a_channel_may_stand_twice(seed):
    dut = Schedule(CHANNELS, DATA_WIDTH)
    bench = Bench(dut, "none", seed)

    async def testbench(ctx):
        numbers = {"count": 12, "window": 2, "pool": 5, "place": 1}
        feeder.beats = await bench.begin(ctx, np.array([3, 7, 3, 7, 3]), **numbers)
        assert await receive(ctx, dut.chosen, 2, bench.stalls(1)) == [3, 7]

    feeder = Feeder(bench)
    bench.run(testbench, feeder.run)


def test_no_channels():
    with pytest.raises(ValueError, match="channels is 0: it must be at least 1"):
        Schedule(0, DATA_WIDTH)
