# SPDX-License-Identifier: Apache-2.0
"""hw.sgmac.products: every product at its time, of products too, whenever it is asked."""

import random

import pytest
from amaranth.hdl import Module, Signal
from amaranth.sim import Simulator

from hw.sgmac.products import Products


@pytest.mark.parametrize("widths", [(9, 12), (16, 24)])
def test_every_product_at_its_time(widths, seed):
    """a b, c d and, after a pause, (a b) c: from the first rise, and after an early end."""
    m, products = Module(), Products(*widths)
    a, b, c, d = (Signal(4, name=name) for name in "abcd")
    go = Signal()
    first = products.add(a, b, "first")
    second = products.add(c, d, "second")
    products.pause(products.latency - 2)
    third = products.add(c, first, "third")
    products.build(m, go)
    rng = random.Random(seed)

    async def testbench(ctx):
        for _ in range(40):
            values = [rng.randrange(16) for _ in range(4)]
            for signal, value in zip((a, b, c, d), values, strict=True):
                ctx.set(signal, value)
            ctx.set(go, 1)
            if rng.randrange(3) == 0:  # left early, then from the beginning
                await ctx.tick().repeat(rng.randrange(len(products)) + 1)
                ctx.set(go, 0)
                await ctx.tick()
                ctx.set(go, 1)
            want = (values[0] * values[1], values[2] * values[3])
            want += (values[2] * want[0],)
            places = (0, 1, len(products) - 1)
            for cycle in range(1, len(products) + products.latency):
                await ctx.tick()
                for result, value, place in zip((first, second, third), want, places, strict=True):
                    if cycle >= place + products.latency:
                        assert ctx.get(result) == value, (cycle, values)
            ctx.set(go, 0)
            await ctx.tick().repeat(rng.randrange(1, 4))

    simulator = Simulator(m)
    simulator.add_clock(1e-6)
    simulator.add_testbench(testbench)
    simulator.run()


def test_operands_that_do_not_fit():
    with pytest.raises(ValueError, match="operands of 5 and 3 bits, at most 4 and 8 fit"):
        Products(4, 8).add(Signal(5), Signal(3), "wide")
