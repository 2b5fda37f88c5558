# SPDX-License-Identifier: Apache-2.0
"""hw.desne.curve against the golden model, in the Amaranth simulator."""

import numpy as np
import pytest

from golden.desne.sample import curve, hilbert_index
from hw.config import PRESETS
from hw.desne.curve import CurveDraw, HilbertKey
from verif.unit.desne.sample_units import ODD, simulate


@pytest.mark.parametrize("shift", [0, 3, 9])
def test_hilbert_key(shift, seed):
    """Every cell at shift 0, then random offsets; one a cycle."""
    rng = np.random.default_rng(seed)
    if shift == 0:
        x, y = (axis.ravel() for axis in np.meshgrid(np.arange(64), np.arange(64)))
    else:
        x, y = rng.integers(0, 64 << shift, (2, 300))
        x[:2], y[:2] = (0, (64 << shift) - 1), ((64 << shift) - 1, 0)
    expected = hilbert_index(x >> shift, y >> shift)
    dut = HilbertKey()
    assert dut.latency == 3
    found = []

    async def testbench(ctx):
        ctx.set(dut.shift, shift)
        for cycle in range(len(x) + dut.latency):
            if cycle >= dut.latency:
                found.append(ctx.get(dut.key))
            ctx.set(dut.x, int(x[min(cycle, len(x) - 1)]))
            ctx.set(dut.y, int(y[min(cycle, len(x) - 1)]))
            await ctx.tick()

    simulate(dut, testbench)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("config", [ODD, PRESETS["tiny"], PRESETS["edge"]], ids=lambda c: c.name)
def test_draw(config, seed):
    """Points along a line in the order of the curve, so golden's positions are those drawn."""
    rng = np.random.default_rng(seed)
    dut = CurveDraw(config)
    most = config.samples
    settings = [(1, 1, 0), (most, most, 0xFFFF), (most, 1, 0xFFFF), (most, most - 1, 0x8000)]
    settings += [(2, 1, 0x7FFF), (2, 1, 0x8000), (most - 1, most // 2, 1)]
    for _ in range(8 if most < 100 else 1):
        m = int(rng.integers(1, most + 1))
        settings.append((m, int(rng.integers(1, m + 1)), int(rng.integers(1 << 16))))

    async def testbench(ctx):
        for m, budget, phase in settings:
            points = np.zeros((m, 2), dtype=np.int64)  # one cell: the order is 0..m-1
            expected = curve(points, budget, phase)
            ctx.set(dut.candidates, m)
            ctx.set(dut.budget, budget)
            ctx.set(dut.phase, phase)
            await ctx.tick().repeat(dut.settle)
            ctx.set(dut.begin, 1)
            await ctx.tick()
            ctx.set(dut.begin, 0)
            ctx.set(dut.advance, 1)
            taken = []
            for _ in range(m):
                taken.append(ctx.get(dut.take))
                await ctx.tick()
            ctx.set(dut.advance, 0)
            assert np.flatnonzero(taken).tolist() == expected.tolist(), (m, budget, phase)

    simulate(dut, testbench)
