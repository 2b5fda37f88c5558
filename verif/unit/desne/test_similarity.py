# SPDX-License-Identifier: Apache-2.0
"""hw.desne.similarity against the golden model, in the Amaranth simulator."""

import itertools
import random

from golden.desne.embed import similarity
from hw.desne.similarity import Similarity
from verif.unit.desne.map_units import CORNERS, HIGH, pair, simulate, vector


def test_similarity(seed):
    rng = random.Random(seed)
    pairs = list(itertools.product(CORNERS, CORNERS)) + [((0, 0), (0, 0)), ((5, 5), (5, 5))]
    for spread in (1, 16, 64, 300, 2000, HIGH):
        pairs += [
            tuple((rng.randint(-spread, spread), rng.randint(-spread, spread)) for _ in range(2))
            for _ in range(60)
        ]
    dut = Similarity()
    assert dut.latency == 13

    async def testbench(ctx):
        for cycle in range(len(pairs) + dut.latency):
            if cycle >= dut.latency:
                a, b = pairs[cycle - dut.latency]
                difference = a[0] - b[0], a[1] - b[1]
                assert pair(ctx.get(dut.difference)) == difference
                assert ctx.get(dut.q) == similarity(*difference), difference
            a, b = pairs[min(cycle, len(pairs) - 1)]
            ctx.set(dut.a, vector(a))
            ctx.set(dut.b, vector(b))
            await ctx.tick()

    simulate(dut, testbench)
