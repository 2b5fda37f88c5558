# SPDX-License-Identifier: Apache-2.0
"""hw.desne.entropy_test against the inequality in Python's integers."""

import numpy as np
import pytest
from amaranth.sim import Simulator

from golden import cycles
from golden.arith.log2 import log2
from hw.config import PRESETS
from hw.desne.affinity_lane import largest_product
from hw.desne.entropy_test import EntropyTest, target_width


@pytest.mark.parametrize("preset", ["tiny", "edge"])
def test_answers(preset, seed):
    """Sums just at, above and below the target, and anything else; a row a cycle."""
    config = PRESETS[preset]
    rng = np.random.default_rng(seed)
    dut = EntropyTest(config)
    most = config.neighbours
    assert dut.latency == cycles.entropy_latency(most)
    assert target_width(config) == int(np.log2(most) * 65536).bit_length()
    for target in (0, 1, int(np.log2(most) * 65536), int(rng.integers(1, 65536))):
        rows = []
        for total in [65536, most << 16, *rng.integers(65536, (most << 16) + 1, 20)]:
            total = int(total)
            limit = total * (target - (int(log2(total)) - (16 << 16)))
            edge = -(-limit // 256)  # the least moment that reaches the target
            for moment in (edge - 1, edge, edge + 1, int(rng.integers(most * largest_product()))):
                if 0 <= moment <= most * largest_product():
                    rows.append((total, moment, int(256 * moment >= limit)))
        assert {answer for *_, answer in rows} == {0, 1} or target == 0

        async def testbench(ctx, rows=rows, target=target):
            ctx.set(dut.target, target)
            for cycle in range(len(rows) + dut.latency):
                if cycle >= dut.latency:
                    total, moment, answer = rows[cycle - dut.latency]
                    hint = f"S = {total}, T = {moment}, h = {target}, seed {seed}"
                    assert ctx.get(dut.reached) == answer, hint
                    assert ctx.get(dut.reached_total) == total
                total, moment, _ = rows[min(cycle, len(rows) - 1)]
                ctx.set(dut.total, total)
                ctx.set(dut.moment, moment)
                await ctx.tick()

        simulator = Simulator(dut)
        simulator.add_clock(1e-6)
        simulator.add_testbench(testbench)
        simulator.run()
