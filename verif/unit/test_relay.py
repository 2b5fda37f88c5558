# SPDX-License-Identifier: Apache-2.0
"""hw.relay, in the Amaranth simulator."""

import random

import pytest
from amaranth.sim import Simulator

from hw.relay import Relay
from verif.cocotb.streams import PATTERNS, stalls
from verif.unit.streams import receive, send


@pytest.mark.parametrize("backpressure", PATTERNS)
@pytest.mark.parametrize("idle", PATTERNS)
def test_order_and_cycles(idle, backpressure, seed):
    """Everything once and in order; without stalls one a cycle, the first after the latency."""
    dut = Relay(12)
    rng = random.Random(seed)
    values = [rng.randrange(1 << 12) for _ in range(300)]
    got, cycles = [], []

    async def source(ctx):
        await send(ctx, dut.input, values, stalls(idle, random.Random(f"{seed} in")))

    async def testbench(ctx):
        pattern = stalls(backpressure, random.Random(f"{seed} out"))
        got.extend(await receive(ctx, dut.output, len(values), pattern, cycles))
        assert ctx.get(dut.input.ready)

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(source, background=True)
    simulator.add_testbench(testbench)
    simulator.run()
    assert got == values, f"seed {seed}"
    if (idle, backpressure) == ("none", "none"):
        first = 1 + Relay.latency  # cycles are counted from 1 on
        assert cycles == [first + number for number in range(len(values))]


@pytest.mark.parametrize("seed_of_ready", range(3))
def test_ready_comes_from_a_register(seed_of_ready):
    """The reader's ready changes the writer's no earlier than a cycle later."""
    dut = Relay(4)
    rng = random.Random(seed_of_ready)

    async def testbench(ctx):
        for _ in range(100):
            ctx.set(dut.input.valid, rng.randrange(2))
            answers = []
            for ready in (0, 1, rng.randrange(2)):
                ctx.set(dut.output.ready, ready)
                answers.append(ctx.get(dut.input.ready))
            assert len(set(answers)) == 1
            await ctx.tick()

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(testbench)
    simulator.run()
