# SPDX-License-Identifier: Apache-2.0
"""hw.desne.map_key against the golden model, in the Amaranth simulator."""

import numpy as np
import pytest

from golden.desne.sample import _grid_cells, hilbert_index
from hw.desne.map_key import SCALE_WIDTH, GridCell, MapKey
from verif.unit.desne.sample_units import ODD, simulate
from verif.vectors.sample import HIGHEST, LOWEST

MAPS = {
    "whole range": lambda rng: rng.integers(LOWEST, HIGHEST + 1, (90, 2)),
    "small": lambda rng: rng.integers(-30, 31, (60, 2)),
    "one point": lambda rng: np.array([[-3, 8]]),
}


@pytest.mark.parametrize("side", [1, 2, 63, 64])
@pytest.mark.parametrize("name", MAPS)
def test_keys(name, side, seed):
    """Both keys and the distance from the centre of every point; extremes are among them."""
    rng = np.random.default_rng(seed)
    points = MAPS[name](rng)
    points[:1] = LOWEST if name == "whole range" else points[:1]
    points[-1:] = HIGHEST if name == "whole range" else points[-1:]
    minimum = points.min(axis=0)
    extent = int((points - minimum).max())
    shift = max(extent.bit_length() - 6, 0)
    curve_cells = (points - minimum) >> shift
    cell, from_centre = _grid_cells(points, side)
    expected = {
        0: hilbert_index(curve_cells[:, 0], curve_cells[:, 1]).tolist(),
        1: (cell // side * 64 + cell % side).tolist(),
    }
    dut = MapKey(ODD)
    assert dut.latency == 6 and GridCell.latency == 5

    async def testbench(ctx):
        ctx.set(dut.minimum, dict(zip("xy", minimum.tolist(), strict=True)))
        ctx.set(dut.shift, shift)
        ctx.set(dut.scale, (side << 16) // (extent + 1))
        for by_cell in (0, 1):
            ctx.set(dut.by_cell, by_cell)
            for cycle in range(len(points) + dut.latency):
                number = cycle - dut.latency
                assert ctx.get(dut.keyed.valid) == (number >= 0 and number % 3 != 1)
                if number >= 0:
                    assert ctx.get(dut.keyed.key) == expected[by_cell][number]
                    assert ctx.get(dut.keyed.from_centre) == from_centre[number]
                    assert ctx.get(dut.keyed.position) == number % ODD.samples
                x, y = points[min(cycle, len(points) - 1)].tolist()
                candidate = {"map": {"x": x, "y": y}, "sample": 0}
                ctx.set(dut.answer.candidate, candidate)
                ctx.set(dut.answer.position, cycle % ODD.samples)
                ctx.set(dut.answer.valid, cycle < len(points) and cycle % 3 != 1)
                await ctx.tick()
            ctx.set(dut.answer.valid, 0)
            await ctx.tick().repeat(dut.latency)

    simulate(dut, testbench)


def test_largest_scale_fits():
    assert 64 << 16 < 1 << SCALE_WIDTH
