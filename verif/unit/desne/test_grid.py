# SPDX-License-Identifier: Apache-2.0
"""hw.desne.grid against the golden model, in the Amaranth simulator."""

import numpy as np
import pytest

from golden.desne.sample import _grid_cells, grid
from hw.desne.grid import CellRuns, GridSide
from verif.unit.desne.sample_units import ODD, keys, simulate, until

LATENCY = 4


def cells_at(points, scale):
    """Cells of the equation in docs/numerics.md, rows of 64."""
    scaled = (points - points.min(axis=0)) * scale
    return (scaled[:, 1] >> 16) * 64 + (scaled[:, 0] >> 16)


@pytest.mark.parametrize("extent", [0, 3, 40, 16000])
def test_side(extent, seed):
    """The scale at which golden has its one sample a cell; after other maps, in one unit."""
    rng = np.random.default_rng(seed)
    dut = GridSide(ODD, LATENCY)
    now = {}

    async def testbench(ctx):
        for m, budget in ((ODD.samples, 9), (ODD.samples, ODD.samples), (5, 1), (1, 1), (2, 2)):
            points = rng.integers(-extent, extent + 1, (m, 2))
            now["points"] = points
            reach = int((points - points.min(axis=0)).max())
            ctx.set(dut.candidates, m)
            ctx.set(dut.budget, budget)
            ctx.set(dut.extent, reach)
            ctx.set(dut.start, 1)
            await ctx.tick()
            ctx.set(dut.start, 0)
            cycles = await until(ctx, dut.done, 3000)
            assert cycles + 1 == 12 * (m + dut.drain) + 7 * 25
            await ctx.tick()
            # the smallest G that has enough cells by the search of the contract
            side = 0
            for bit in (32, 16, 8, 4, 2, 1):
                side |= bit * (len(np.unique(_grid_cells(points, side | bit)[0])) < budget)
            assert ctx.get(dut.scale) == ((side + 1) << 16) // (reach + 1)
            found = np.unique(cells_at(points, ctx.get(dut.scale)))
            assert len(found) >= budget or side == 63
            assert len(grid(points, budget, 0)) == budget

    def keyed(source, step):
        assert source == 0
        cell = 0
        if "points" in now:
            trial = now["scale"]
            cell = int(cells_at(now["points"], trial)[step])
        return {"position": step, "key": cell, "from_centre": 0}

    async def scale(ctx):
        """The key is asked at the scale of the request."""
        while True:
            *_, value, valid = await ctx.tick().sample(dut.scale, dut.request.valid)
            if valid:
                now["scale"] = value

    simulate(dut, testbench, scale, keys(dut, keyed, LATENCY))


def test_runs(seed):
    """Populations, and the first of the nearest; runs of one, a single run, nothing left over."""
    rng = np.random.default_rng(seed)
    dut = CellRuns(ODD)
    lists = [np.sort(rng.choice([3, 4, 90, 4095], 20)), np.arange(8), np.zeros(9, int)]
    lists += [np.array([4095])]
    far = [0, 1 << 31, 5]

    async def testbench(ctx):
        for number, key in enumerate(lists):
            if number % 2:  # a pass that was not ended
                ctx.set(dut.keyed, {"valid": 1, "position": 1, "key": 0, "from_centre": 0})
                await ctx.tick()
                ctx.set(dut.keyed.valid, 0)
            ctx.set(dut.begin, 1)
            await ctx.tick()
            ctx.set(dut.begin, 0)
            distance = rng.choice(far, len(key))
            position = rng.permutation(ODD.samples)[: len(key)]
            found = []
            for step in range(len(key) + 2):
                if step < len(key):
                    ctx.set(
                        dut.keyed,
                        {
                            "valid": 1,
                            "position": int(position[step]),
                            "key": int(key[step]),
                            "from_centre": int(distance[step]),
                        },
                    )
                else:
                    ctx.set(dut.keyed.valid, 0)
                    ctx.set(dut.flush, step == len(key))
                await ctx.tick()
                if ctx.get(dut.cell.valid):
                    found.append((ctx.get(dut.cell.others), ctx.get(dut.cell.position)))
            ctx.set(dut.flush, 0)
            expected = []
            for cell in np.unique(key):
                members = np.flatnonzero(key == cell)
                best = members[np.argmin(distance[members])]
                expected.append((len(members) - 1, int(position[best])))
            assert found == expected

    simulate(dut, testbench)
