# SPDX-License-Identifier: Apache-2.0
"""hw.desne.projection against the golden register, in the Amaranth simulator."""

import random

import numpy as np
import pytest
from amaranth.sim import Simulator

from golden.arith.lfsr import lfsr_bits
from hw.config import Configuration
from hw.desne.projection import Projection
from verif.cocotb.streams import stalls
from verif.unit.desne.map_units import pair
from verif.unit.streams import send


def sums(features, register):
    signs = 1 - 2 * lfsr_bits(register, 2 * features.shape[1]).reshape(-1, 2)
    return [tuple(row) for row in (features.astype(np.int64) @ signs).tolist()]


@pytest.mark.parametrize("idle", ["none", "random"])
@pytest.mark.parametrize("shape", [(1, 5), (2, 3), (8, 2), (16, 4)], ids=str)
def test_jobs(shape, idle, seed):
    """All features at their largest, random ones, fewer beats than there may be; back to back."""
    lanes, most_beats = shape
    config = Configuration(
        name="a", samples=9, features=lanes * most_beats, rows=1, lanes=lanes, neighbours=1
    )
    dut = Projection(config)
    assert dut.latency == 3 + lanes.bit_length() - 1
    rng = np.random.default_rng(seed)
    jobs = [
        (np.full((2, config.features), 255, dtype=np.uint8), 0xFFFFFFFF),
        (rng.integers(0, 256, (9, config.features), dtype=np.uint8), 1),
        (rng.integers(0, 256, (3, lanes), dtype=np.uint8), int(rng.integers(1, 2**32))),
    ]

    async def testbench(ctx):
        for features, register in jobs:
            n, beats = len(features), features.shape[1] // lanes
            for name, value in (("samples", n), ("beats", beats), ("register", register)):
                ctx.set(getattr(dut, name), value)
            ctx.set(dut.start, 1)
            await ctx.tick()
            ctx.set(dut.start, 0)
            cycles, pause = [], stalls(idle, random.Random(seed))
            await send(ctx, dut.features, features.reshape(-1, lanes).tolist(), pause, cycles)
            if idle == "none":
                assert cycles == list(range(1, n * beats + 1)), "a beat a cycle"
            await ctx.tick().repeat(dut.latency - 1)
            assert ctx.get(dut.write) == ctx.get(dut.done) == 1, "the stated latency"
            await ctx.tick().repeat(2)
            assert ctx.get(dut.features.ready) == 0
            assert results == list(enumerate(sums(features, register)))
            assert done_at == [n - 1]
            results.clear()
            done_at.clear()

    results, done_at = [], []

    async def watch(ctx):
        sampled = ctx.tick().sample(dut.write, dut.index, dut.sums, dut.done)
        async for *_, write, index, value, done in sampled:
            if write:
                results.append((index, pair(value)))
            if done:
                done_at.append(index)

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_process(watch)
    simulator.add_testbench(testbench)
    simulator.run()
