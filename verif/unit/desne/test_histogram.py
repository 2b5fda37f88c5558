# SPDX-License-Identifier: Apache-2.0
"""hw.desne.histogram: counting without a gap, and the scan for a rank."""

import numpy as np
import pytest
from amaranth.sim import Simulator

from hw.desne.histogram import Histogram, RankScan


def simulate(dut, testbench):
    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(testbench)
    simulator.run()


@pytest.mark.parametrize("distinct", [1, 2, 3, 8])
def test_counts(distinct, seed):
    """Any mix of additions and scans, few digits, so that they meet on their way to the memory."""
    rng = np.random.default_rng(seed)
    dut = Histogram(3, 500)
    clear = [("scan", digit) for digit in range(8)]
    kinds = rng.choice(["add", "add", "add", "scan", "none"], 500)
    operations = [*clear, *zip(kinds, rng.integers(0, distinct, 500), strict=True)]
    answers = []

    async def testbench(ctx):
        for cycle in range(len(operations) + dut.latency):
            if cycle >= dut.latency and operations[cycle - dut.latency][0] == "scan":
                answers.append(ctx.get(dut.count))
            kind, digit = operations[cycle] if cycle < len(operations) else ("none", 0)
            ctx.set(dut.add, kind == "add")
            ctx.set(dut.scan, kind == "scan")
            ctx.set(dut.digit, int(digit))
            await ctx.tick()

    simulate(dut, testbench)
    bins, expected = np.zeros(8, dtype=int), []
    for kind, digit in operations:
        if kind == "scan":
            expected.append(bins[digit])
            bins[digit] = 0
        elif kind == "add":
            bins[digit] += 1
    assert answers[8:] == expected[8:], f"seed {seed}"


def test_a_bin_can_hold_the_limit():
    dut = Histogram(1, 9)

    async def testbench(ctx):
        ctx.set(dut.scan, 1)
        await ctx.tick()
        ctx.set(dut.scan, 0)
        ctx.set(dut.add, 1)
        await ctx.tick().repeat(9)
        ctx.set(dut.add, 0)
        ctx.set(dut.scan, 1)
        await ctx.tick()
        await ctx.tick()
        assert ctx.get(dut.count) == 9

    simulate(dut, testbench)


def test_rank(seed):
    """Every rank of random histograms, one scan after the other with what remains."""
    rng = np.random.default_rng(seed)
    dut = RankScan(60)

    async def testbench(ctx):
        for _ in range(20):
            counts = rng.multinomial(60, rng.dirichlet(np.full(6, 0.3)))
            for rank in range(1, 61):
                ctx.set(dut.load, 1)
                ctx.set(dut.rank, rank)
                await ctx.tick()
                ctx.set(dut.load, 0)
                ctx.set(dut.arm, 1)
                await ctx.tick()
                ctx.set(dut.arm, 0)
                ctx.set(dut.valid, 1)
                found = []
                for digit, count in enumerate(counts):
                    ctx.set(dut.count, int(count))
                    if ctx.get(dut.searching):
                        found.append(digit)
                    await ctx.tick()
                ctx.set(dut.valid, 0)
                total = np.cumsum(counts)
                digit = int(np.searchsorted(total, rank))
                assert found == list(range(digit + 1)), f"rank {rank} of {counts}, seed {seed}"
                assert ctx.get(dut.remaining) == rank - (total[digit] - counts[digit])

    simulate(dut, testbench)


def test_no_bins():
    with pytest.raises(ValueError, match="digit_width = 0 and limit = 5 must be at least 1"):
        Histogram(0, 5)
