# SPDX-License-Identifier: Apache-2.0
"""hw.desne.drop against the golden model, in the Amaranth simulator."""

import numpy as np
import pytest

from golden.desne.sample import candidates
from hw.desne.drop import Drop
from verif.unit.desne.sample_units import simulate, until


def lists_with(degrees: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """One list for each sample, in which every sample stands as often as `degrees` says."""
    n = len(degrees)
    return rng.permutation(np.repeat(np.arange(n), degrees)).reshape(n, -1)


def test_keeps_what_golden_keeps(seed):
    """In-degrees with many ties, one far above all, all equal; every cut; list after list."""
    rng = np.random.default_rng(seed)
    n = 12
    counts = [np.bincount(rng.integers(0, n, 2 * n), minlength=n) for _ in range(3)]
    counts += [np.full(n, 1), np.r_[np.zeros(n - 1, int), n]]
    counts = [np.minimum(c, n - 1) for c in counts]
    dut = Drop(n)

    async def testbench(ctx):
        assert await until(ctx, ~dut.busy, 40) == 16
        for degrees in counts:
            for drop in range(n + 1):
                for value in degrees.tolist():
                    ctx.set(dut.value, value)
                    ctx.set(dut.load, 1)
                    await ctx.tick()
                ctx.set(dut.load, 0)
                ctx.set(dut.find, 1)
                ctx.set(dut.drop, drop)
                ctx.set(dut.bins, n)
                await ctx.tick()
                ctx.set(dut.find, 0)
                ctx.set(dut.drop, 0)
                assert await until(ctx, dut.done, 40) == n + 4 - 1
                kept = []
                for cycle in range(n + dut.latency):
                    if cycle >= dut.latency:
                        kept.append(ctx.get(dut.keep))
                    ctx.set(dut.check, cycle < n)
                    ctx.set(dut.position, min(cycle, n - 1))
                    await ctx.tick()
                order = np.lexsort((np.arange(n), degrees))
                expected = np.sort(order[drop:])
                assert np.flatnonzero(kept).tolist() == expected.tolist(), (degrees, drop, seed)
                quarters = [q for q in range(3) if n * q // 4 == drop]
                if quarters and degrees.sum() % n == 0:
                    lists = lists_with(degrees, rng)
                    assert candidates(lists, 1, quarters[0]).tolist() == expected.tolist()

    simulate(dut, testbench)


def test_illegal_entries():
    with pytest.raises(ValueError, match=r"^entries is 0: it must be at least 1$"):
        Drop(0)
