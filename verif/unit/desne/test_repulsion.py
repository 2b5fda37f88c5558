# SPDX-License-Identifier: Apache-2.0
"""hw.desne.repulsion (and its lanes) in the Amaranth simulator."""

import random

import pytest
from amaranth.sim import Simulator

from golden.cycles import repulsion_cycles
from hw.config import Configuration
from hw.desne.coordinates import Coordinates
from hw.desne.repulsion import Repulsion
from verif.unit.desne.map_units import (
    CORNERS,
    forces_of,
    random_points,
    repulsion,
    serve,
)


def passes(points, maps):
    """One pass for each map, on one instance; forces, Z and the time of each."""
    config = Configuration(
        name="a", samples=12, features=1, rows=1, lanes=1, neighbours=1, points=points
    )
    dut = Repulsion(config)
    current = []

    async def coordinates(ctx):
        await serve(ctx, dut.read, current, Coordinates.latency)

    async def testbench(ctx):
        for points_of_map in maps:
            current[:] = points_of_map
            n = len(points_of_map)
            ctx.set(dut.samples, n)
            await ctx.tick()
            ctx.set(dut.start, 1)
            await ctx.tick()
            ctx.set(dut.start, 0)
            cycles = 1
            while not ctx.get(dut.done):
                await ctx.tick()
                cycles += 1
            assert cycles == repulsion_cycles(n, points)
            forces, total = repulsion(points_of_map)
            assert ctx.get(dut.similarity_sum) == total
            assert await forces_of(ctx, dut, n) == forces
            assert not ctx.get(dut.active)

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_process(coordinates)
    simulator.add_testbench(testbench)
    simulator.run()


@pytest.mark.parametrize("points", [1, 2, 5, 12])
def test_passes(points, seed):
    """Blocks with and without a remainder one after the other, and fewer points than lanes."""
    rng = random.Random(seed)
    passes(points, [random_points(rng, n) for n in (12, 2, 10, 11, 3, points + 1) if n <= 12])


def test_extreme_forces():
    """All others where the push is strongest; the farthest corners, where it vanishes."""
    strongest = [(0, 0)] + [(148, 0)] * 11  # push_maximum is near 0.58 of a unit
    passes(2, [strongest, [(-x, -y) for x, y in strongest], CORNERS * 3, [(7, 7)] * 12])
