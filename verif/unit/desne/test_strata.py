# SPDX-License-Identifier: Apache-2.0
"""hw.desne.strata in the Amaranth simulator."""

from hw.desne.strata import Strata
from verif.unit.desne.sample_units import ODD, simulate


def test_every_pair_of_sizes():
    """All m and b <= m of a small unit against the division."""
    dut = Strata(ODD)

    async def testbench(ctx):
        for m in range(1, ODD.samples + 1):
            for budget in range(1, m + 1):
                ctx.set(dut.candidates, m)
                ctx.set(dut.budget, budget)
                ctx.set(dut.begin, 1)
                await ctx.tick()
                ctx.set(dut.begin, 0)
                ctx.set(dut.advance, 1)
                number = [position * budget // m for position in range(m + 1)]
                for position in range(m):
                    assert ctx.get(dut.number) == number[position]
                    first = position == 0 or number[position - 1] != number[position]
                    assert ctx.get(dut.first) == first
                    assert ctx.get(dut.last) == (number[position + 1] != number[position])
                    await ctx.tick()
                ctx.set(dut.advance, 0)

    simulate(dut, testbench)
