# SPDX-License-Identifier: Apache-2.0
"""hw.arith.multiply_signed in the Amaranth simulator."""

import random

import pytest
from amaranth.sim import Simulator

from hw.arith.multiply_signed import MultiplySigned, multiply_signed_latency

LATENCY = {
    (1, 1): 1,
    (18, 17): 1,
    (19, 17): 2,
    (18, 18): 2,
    (21, 8): 2,
    (35, 24): 3,
    (36, 24): 4,
    (52, 17): 3,
}


@pytest.mark.parametrize("widths", LATENCY)
def test_products(widths, seed):
    dut = MultiplySigned(*widths)
    left_width, right_width = widths
    low, high = -(1 << left_width - 1), (1 << left_width - 1) - 1
    most = (1 << right_width) - 1
    rng = random.Random(seed)
    pairs = [(a, b) for a in (low, high, -1, 0) for b in (0, 1, most)]
    pairs += [(rng.randint(low, high), rng.randint(0, most)) for _ in range(100)]
    assert dut.latency == multiply_signed_latency(*widths) == LATENCY[widths]

    async def testbench(ctx):
        for cycle in range(len(pairs) + dut.latency):
            if cycle >= dut.latency:
                a, b = pairs[cycle - dut.latency]
                assert ctx.get(dut.product) == a * b, (a, b)
            a, b = pairs[min(cycle, len(pairs) - 1)]
            ctx.set(dut.left, a)
            ctx.set(dut.right, b)
            await ctx.tick()

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(testbench)
    simulator.run()


@pytest.mark.parametrize("widths", [(0, 1), (1, 0)])
def test_illegal_width(widths):
    with pytest.raises(ValueError, match="both must be at least 1"):
        MultiplySigned(*widths)
