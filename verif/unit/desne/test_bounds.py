# SPDX-License-Identifier: Apache-2.0
"""hw.desne.bounds in the Amaranth simulator."""

import numpy as np

from hw.desne.bounds import Bounds
from verif.unit.desne.sample_units import simulate
from verif.vectors.sample import HIGHEST, LOWEST


def test_bounds(seed):
    """Extents around all powers of two, the whole range, none; nothing stays of a set before."""
    rng = np.random.default_rng(seed)
    sets = [np.array([[LOWEST, HIGHEST], [HIGHEST, LOWEST]]), np.array([[5, -7]])]
    for bits in range(15):
        for extent in ((1 << bits) - 1, 1 << bits):
            first = rng.integers(LOWEST, HIGHEST - extent + 1, 2)
            across = [extent, int(rng.integers(0, extent + 1))][:: rng.choice([1, -1])]
            sets.append(rng.permutation(np.stack([first, first + across, first])))
    dut = Bounds()
    assert dut.latency == 4

    async def testbench(ctx):
        for points in sets:
            ctx.set(dut.begin, 1)
            await ctx.tick()
            ctx.set(dut.begin, 0)
            for x, y in points.tolist():
                ctx.set(dut.point, {"x": x, "y": y})
                ctx.set(dut.valid, 1)
                await ctx.tick()
                ctx.set(dut.valid, 0)
                ctx.set(dut.point, {"x": LOWEST, "y": HIGHEST})
            await ctx.tick().repeat(dut.latency - 1)
            minimum, extent = points.min(axis=0), int(np.ptp(points, axis=0).max())
            shift = next(s for s in range(15) if extent >> s < 64)
            assert [ctx.get(dut.minimum.x), ctx.get(dut.minimum.y)] == minimum.tolist()
            assert (ctx.get(dut.extent), ctx.get(dut.shift)) == (extent, shift)

    simulate(dut, testbench)
