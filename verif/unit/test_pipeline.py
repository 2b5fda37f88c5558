# SPDX-License-Identifier: Apache-2.0
"""hw.pipeline in the Amaranth simulator."""

import pytest
from amaranth.hdl import Module, Signal, signed
from amaranth.sim import Simulator

from hw.pipeline import delayed


@pytest.mark.parametrize("cycles", [0, 1, 4])
def test_delay_keeps_the_sign(cycles):
    m = Module()
    value, result = Signal(signed(5)), Signal(signed(9))
    m.d.comb += result.eq(delayed(m, value, cycles, "value"))
    values = [-16, 15, -1, 0, 7, -9]

    async def testbench(ctx):
        for step in range(len(values) + cycles):
            ctx.set(value, values[min(step, len(values) - 1)])
            if step >= cycles:
                assert ctx.get(result) == values[step - cycles]
            await ctx.tick()

    m.d.sync += Signal().eq(0)  # a clock, whatever the delay
    simulator = Simulator(m)
    simulator.add_clock(1e-6)
    simulator.add_testbench(testbench)
    simulator.run()


def test_negative_delay():
    with pytest.raises(ValueError, match="value cannot be delayed by -1 cycles"):
        delayed(Module(), Signal(), -1, "value")
