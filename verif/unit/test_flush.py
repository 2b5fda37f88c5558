# SPDX-License-Identifier: Apache-2.0
"""hw.flush: every block in reset, all at once for a while, and then none."""

import pytest
from amaranth.sim import Simulator

from hw.flush import Flush


@pytest.mark.parametrize("count", [1, 2, 7])
@pytest.mark.parametrize("again", [None, 3])
def test_resets(count, again):
    dut = Flush(count)
    seen = []

    async def testbench(ctx):
        await ctx.tick()
        for cycle in range(dut.settled + (again or 0) + 3):
            ctx.set(dut.pulse, cycle in (0, again))
            seen.append((ctx.get(dut.resets), ctx.get(dut.active)))
            await ctx.tick()

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(testbench)
    simulator.run()
    resets, active = zip(*seen, strict=True)
    end = dut.settled + (again or 0)
    for number in range(count):
        steps = [reset >> number & 1 for reset in resets]
        first = dut.latency + number
        assert steps.index(1) == first, "one after the other"
        if again is None:
            last = len(steps) - 1 - steps[::-1].index(1)
            assert steps[first : last + 1] == [1] * (last + 1 - first), "without a gap"
    assert (1 << count) - 1 in resets[again or 0 :]
    idle = again if again is not None and again >= dut.settled else None  # between the two
    assert list(active) == [0 < cycle < end and cycle != idle for cycle in range(len(active))]
    assert not any(resets[end:]) and resets[end - 1]


def test_no_blocks():
    with pytest.raises(ValueError, match="count is 0"):
        Flush(0)
