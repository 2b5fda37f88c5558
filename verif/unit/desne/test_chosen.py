# SPDX-License-Identifier: Apache-2.0
"""hw.desne.chosen in the Amaranth simulator."""

import random

import numpy as np
import pytest

from hw.desne.chosen import Chosen
from verif.cocotb.streams import PATTERNS, stalls
from verif.unit.desne.sample_units import ODD, simulate, until


@pytest.mark.parametrize("backpressure", PATTERNS)
def test_sets(backpressure, seed):
    """None, all, the first, the last and random ones; what lies beyond the job stays inside."""
    rng = np.random.default_rng(seed)
    most = ODD.samples
    sets = [(most, np.zeros(most, int)), (most, np.ones(most, int)), (1, np.ones(most, int))]
    sets += [(7, np.eye(most, dtype=int)[6]), (most, np.eye(most, dtype=int)[0])]
    sets += [(n, rng.integers(0, 2, most)) for n in (most, most - 1, 5)]
    pattern = stalls(backpressure, random.Random(seed))
    dut = Chosen(ODD)
    assert dut.latency == 2
    received = []

    async def testbench(ctx):
        for n, bits in sets:
            received.clear()
            ctx.set(dut.write, 1)
            for sample in rng.permutation(most).tolist():
                ctx.set(dut.sample, sample)
                ctx.set(dut.value, int(bits[sample]))
                await ctx.tick()
            ctx.set(dut.write, 0)
            for cycle in range(most + dut.latency):
                if cycle >= dut.latency:
                    assert ctx.get(dut.answer) == bits[cycle - dut.latency]
                ctx.set(dut.question, min(cycle, most - 1))
                await ctx.tick()
            ctx.set(dut.emit, 1)
            ctx.set(dut.samples, n)
            await ctx.tick()
            ctx.set(dut.emit, 0)
            cycles = await until(ctx, dut.done, 3000)
            assert backpressure != "none" or cycles + 1 == n + 6
            await ctx.tick()
            assert received == np.flatnonzero(bits[:n]).tolist()

    async def reader(ctx):
        while True:
            if pause := next(pattern):
                ctx.set(dut.chosen.ready, 0)
                await ctx.tick().repeat(pause)
            ctx.set(dut.chosen.ready, 1)
            *_, valid, payload = await ctx.tick().sample(dut.chosen.valid, dut.chosen.payload)
            while not valid:
                *_, valid, payload = await ctx.tick().sample(dut.chosen.valid, dut.chosen.payload)
            received.append(payload)

    simulate(dut, testbench, reader)
