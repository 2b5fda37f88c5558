# SPDX-License-Identifier: Apache-2.0
"""hw.desne.approximation: its table and its search, for rows whose entropy is made up."""

import numpy as np
import pytest
from amaranth.sim import Simulator

from golden.arith.exp2 import mantissa
from golden.arith.log2 import log2
from golden.arith.reciprocal import reciprocal
from hw.config import Configuration
from hw.desne.approximation import Approximation, mantissa_table

CONFIG = Configuration(name="a", samples=9, features=1, rows=4, lanes=1, neighbours=6)
TARGET = 100_000


def test_table():
    assert mantissa_table() == [int(mantissa(f)) for f in range(256)]


@pytest.mark.parametrize("lanes", [1, 2, 4])
def test_search(lanes, seed):
    """Each row accepts codes up to its own limit; the search must end exactly there."""
    rng = np.random.default_rng(seed)
    dut = Approximation(CONFIG, lanes)
    blocks = [rng.integers(0, 8192, CONFIG.rows).tolist(), [0, 8191, -1, 4096]]

    def sums(code, limit):
        """Made up: a total that tells the code, and just enough moment, or one too little."""
        total = 65536 + 8 * code
        least = -(-total * (TARGET - int(log2(total)) + (16 << 16)) // 256)
        return total, least if code <= limit else least - 1

    async def testbench(ctx):
        ctx.set(dut.target, TARGET)
        for limits in blocks:
            ctx.set(dut.begin, 1)
            await ctx.tick()
            ctx.set(dut.begin, 0)
            for trial in range(14):
                for group in range(CONFIG.rows // lanes):
                    settled = await decide(ctx, limits, group)
                    assert settled == (trial == 13 and group == CONFIG.rows // lanes - 1)
            for r, limit in enumerate(limits):
                hint = f"row {r}, limit {limit}, seed {seed}"
                assert ctx.get(dut.code[r]) == max(limit, 0), hint
                assert (ctx.get(dut.low) >> r) & 1 == (limit < 0), hint
            await ctx.tick().repeat(dut.scale_latency)
            for r, limit in enumerate(limits):
                v, e = reciprocal(sums(max(limit, 0), limit)[0], 16)
                assert ctx.get(dut.scale[r]) == v
                assert ctx.get(dut.excess[r]) == e - 16
                assert trial_code(ctx, r) == max(limit, 0)

    def trial_code(ctx, r):
        fraction = mantissa_table().index(ctx.get(dut.mantissa[r]))
        return (31 - ctx.get(dut.octave[r])) << 8 | fraction

    async def decide(ctx, limits, group):
        await ctx.tick().repeat(3)
        for e in range(lanes):
            r = group * lanes + e
            total, moment = sums(trial_code(ctx, r), limits[r])
            ctx.set(dut.total[e], total)
            ctx.set(dut.moment[e], moment)
        ctx.set(dut.sums, 1)
        for cycle in range(dut.latency + lanes - 1):
            assert not ctx.get(dut.decided), f"decided after {cycle} cycles"
            await ctx.tick()
            ctx.set(dut.sums, 0)
        assert ctx.get(dut.decided)
        return ctx.get(dut.settled)

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(testbench)
    simulator.run()
