# SPDX-License-Identifier: Apache-2.0
"""hw.desne.attraction in the Amaranth simulator."""

import random

from amaranth.sim import Simulator

from hw.config import Configuration
from hw.desne.attraction import Attraction
from hw.desne.coordinates import Coordinates
from verif.unit.desne.map_units import CORNERS, attraction, forces_of, random_points, serve

CONFIG = Configuration(name="a", samples=12, features=1, rows=1, lanes=1, neighbours=11)


def passes(jobs):
    """Each job (points, edges as a list of (j, weight) per row) on one instance."""
    dut = Attraction(CONFIG)
    current = []

    def reader(port):
        async def process(ctx):
            await serve(ctx, port, current, Coordinates.latency)

        return process

    async def clear(ctx, n):
        for index in range(n):
            ctx.set(dut.address, index)
            ctx.set(dut.clear, 1)
            await ctx.tick()
        ctx.set(dut.clear, 0)
        await ctx.tick()

    async def testbench(ctx):
        for points, rows in jobs:
            current[:] = points
            await clear(ctx, len(points))
            edges = [(i, j, w) for i, row in enumerate(rows) for j, w in row]
            for number, (i, j, weight) in enumerate(edges):
                ends = (number == 0 or edges[number - 1][0] != i, edges[number + 1 :][:1])
                ctx.set(
                    dut.edge,
                    {
                        "row": i,
                        "index": j,
                        "weight": weight,
                        "row_begins": int(ends[0]),
                        "row_ends": int(not ends[1] or ends[1][0][0] != i),
                        "last": int(number == len(edges) - 1),
                    },
                )
                ctx.set(dut.valid, 1)
                await ctx.tick()
            ctx.set(dut.valid, 0)
            cycles = 1
            while not ctx.get(dut.done):
                await ctx.tick()
                cycles += 1
            assert cycles == dut.pass_latency == 24
            assert await forces_of(ctx, dut, len(points)) == attraction(points, edges)

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    for port in (dut.own, dut.other):
        simulator.add_process(reader(port))
    simulator.add_testbench(testbench)
    simulator.run()


def test_passes(seed):
    rng = random.Random(seed)
    jobs = []
    for n, k in ((12, 11), (12, 3), (2, 1), (7, 1), (12, 1)):
        points = random_points(rng, n)
        rng.shuffle(points)
        rows = [
            [
                (j, rng.randint(0, 255))
                for j in sorted(rng.sample([j for j in range(n) if j != i], k))
            ]
            for i in range(n)
        ]
        jobs.append((points, rows))
    passes(jobs)


def test_extreme_forces():
    """Everything points at one sample, at the distance of the strongest pull; and all corners."""
    rows = [[(j, 255) for j in range(12) if j != i] for i in range(12)]
    hub = [[(1, 255)]] + [[(0, 255)]] * 11
    near = [(0, 0)] + [(257, 0)] * 11
    far = [(-x, y) for x, y in near]
    passes([(near, rows), (far, rows), (near, hub), (CORNERS * 3, rows)])
