# SPDX-License-Identifier: Apache-2.0
"""hw.sgmac.counting, in the Amaranth simulator."""

import random

from amaranth.hdl import Module, Signal
from amaranth.sim import Simulator

from hw.sgmac.counting import passes, tally


def simulate(m, testbench):
    simulator = Simulator(m)
    simulator.add_clock(1e-6)
    simulator.add_testbench(testbench)
    simulator.run()


def test_passes(seed):
    """Loops of 1 to 5 passes, begun anew in any of them."""
    m = Module()
    count, begin, step = Signal(3), Signal(), Signal()
    last = passes(m, "loop", count, begin, step)

    async def testbench(ctx):
        rng = random.Random(seed)
        for number in [1, 2, 3, 4, 5, 1, 5, 2] * 3:
            ctx.set(count, number)
            ctx.set(begin, 1)
            await ctx.tick()
            ctx.set(begin, 0)
            at = 0
            for _ in range(rng.randrange(25)):
                assert ctx.get(last) == (at == number - 1)
                steps = rng.randrange(2)
                ctx.set(step, steps)
                await ctx.tick()
                ctx.set(step, 0)
                at = (at + steps) % number

    simulate(m, testbench)


def test_tally(seed):
    m = Module()
    begin, up, down = Signal(), Signal(), Signal()
    count, some = tally(m, "things", 3, begin, up, down)

    async def testbench(ctx):
        rng = random.Random(seed)
        there = 0
        for _ in range(300):
            assert (ctx.get(count), ctx.get(some)) == (there, there > 0)
            more = rng.randrange(2) if there < 3 else 0
            fewer = rng.randrange(2) if there else 0
            again = not rng.randrange(20)
            ctx.set(up, more)
            ctx.set(down, fewer)
            ctx.set(begin, again)
            await ctx.tick()
            there = 0 if again else there + more - fewer

    simulate(m, testbench)
