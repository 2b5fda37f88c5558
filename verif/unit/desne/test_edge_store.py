# SPDX-License-Identifier: Apache-2.0
"""hw.desne.edge_store in the Amaranth simulator."""

import random

import pytest
from amaranth.sim import Simulator

from hw.config import Configuration
from hw.desne.edge_store import EdgeStore
from verif.cocotb.streams import stalls
from verif.unit.streams import send

FIELDS = ("row", "index", "weight", "row_begins", "row_ends", "last")


@pytest.mark.parametrize("idle", ["none", "random"])
@pytest.mark.parametrize("rows", [1, 2, 3, 8])
def test_rows_come_out_in_order(rows, idle, seed):
    """Jobs back to back, each read twice; what rows beyond the last carry never shows."""
    config = Configuration(name="a", samples=11, features=1, rows=rows, lanes=1, neighbours=5)
    dut = EdgeStore(config)
    rng = random.Random(seed)
    seen = []

    async def testbench(ctx):
        for n, k in ((11, 5), (2, 1), (10, 3), (3, 2), (11, 1)):
            lists = [
                [(rng.randrange(n), rng.randrange(256)) for _ in range(k)]
                for _ in range(-(-n // rows) * rows)
            ]
            beats = [
                {
                    "edge": [
                        dict(zip(("index", "weight"), lists[base + r][p], strict=True))
                        for r in range(rows)
                    ],
                    "last": int(p == k - 1),
                }
                for base in range(0, n, rows)
                for p in range(k)
            ]
            ctx.set(dut.samples, n)
            ctx.set(dut.neighbours, k)
            ctx.set(dut.load, 1)
            await ctx.tick()
            ctx.set(dut.load, 0)
            cycles = []
            await send(ctx, dut.edges, beats, stalls(idle, rng), cycles)
            assert ctx.get(dut.loaded) and not ctx.get(dut.edges.ready)
            if idle == "none":
                assert cycles == list(range(1, len(beats) + 1)), "a beat a cycle"
            expected = [
                (i, *edge, int(p == 0), int(p == k - 1), int(i == n - 1 and p == k - 1))
                for i in range(n)
                for p, edge in enumerate(lists[i])
            ]
            for _ in range(2):
                ctx.set(dut.read, 1)
                await ctx.tick()
                ctx.set(dut.read, 0)
                await ctx.tick().repeat(dut.latency - 1)
                assert ctx.get(dut.valid) and not seen, "the stated latency"
                await ctx.tick().repeat(n * k)
                assert seen == expected, "an edge a cycle"
                await ctx.tick().repeat(5)
                assert seen == expected, "no edge too many"
                seen.clear()

    async def watch(ctx):
        async for *_, valid, edge in ctx.tick().sample(dut.valid, dut.edge):
            if valid:
                seen.append(tuple(getattr(edge, field) for field in FIELDS))

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_process(watch)
    simulator.add_testbench(testbench)
    simulator.run()
