# SPDX-License-Identifier: Apache-2.0
"""hw.sgmac.update against the golden model, in the Amaranth simulator."""

import random

import numpy as np
import pytest
from amaranth.sim import Simulator

from golden.arith.lfsr import lfsr_advance
from golden.sgmac.update import random_bits
from hw.sgmac.random_states import RandomStates
from hw.sgmac.update import Update
from verif.vectors import sgmac_update as vectors

LATENCY = 7


def run(dut, jobs):
    """For each job (operands, register, stochastic) the new weights and the count of saturated
    ones; weights come in every cycle, or with pauses where the job has an odd number."""
    results = []

    async def testbench(ctx):
        for number, (operands, register, stochastic) in enumerate(jobs):
            ctx.set(dut.start, 1)
            ctx.set(dut.seed, register)
            ctx.set(dut.stochastic, stochastic)
            await ctx.tick()
            ctx.set(dut.start, 0)
            ctx.set(dut.seed, 0)
            rng = random.Random(number)
            pauses = [number % 2 * rng.randrange(3) for _ in range(len(operands))]
            due = {}
            cycle, weights = 0, []
            pending = list(zip(operands, pauses, strict=True))[::-1]
            pause = pending[-1][1]
            while pending or due:
                if cycle in due:
                    assert ctx.get(dut.done)
                    weights.append(ctx.get(dut.weight))
                    del due[cycle]
                else:
                    assert not ctx.get(dut.done)
                if pending and not pause:
                    ctx.set(dut.valid, 1)
                    ctx.set(dut.operand, pending.pop()[0])
                    due[cycle + dut.latency] = True
                    pause = pending[-1][1] if pending else 0
                else:
                    ctx.set(dut.valid, 0)
                    pause -= 1
                await ctx.tick()
                cycle += 1
            ctx.set(dut.valid, 0)
            await ctx.tick()
            results.append((weights, ctx.get(dut.saturated)))

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(testbench)
    simulator.run()
    return results


def entries(fields):
    """A dictionary for each weight."""
    return [
        dict(zip(fields, values, strict=True))
        for values in zip(*(field.tolist() for field in fields.values()), strict=True)
    ]


@pytest.mark.parametrize("lanes", [1, 8])
@pytest.mark.parametrize("rounding", ["nearest", "stochastic"])
def test_jobs(lanes, rounding, seed):
    """Whole blocks, a last one that is not full, a single output, a single row."""
    sizes = [(3 * lanes, 25), (41, 9), (1, 60), (2 * lanes + 1, 1)]
    jobs = [vectors.draw(seed + i, *size, rounding) for i, size in enumerate(sizes)]
    orders = [vectors.operands(job, lanes) for job in jobs]
    dut = Update(lanes)
    assert dut.latency == LATENCY
    given = [
        (entries(fields), job.register, rounding == "stochastic")
        for job, (fields, _) in zip(jobs, orders, strict=True)
    ]
    for job, (_, order), (weights, saturated) in zip(jobs, orders, run(dut, given), strict=True):
        expected = job.updated
        assert weights == expected.weights.ravel()[order].tolist(), f"seed {seed}"
        assert saturated == expected.saturated


@pytest.mark.parametrize("shift", [0, 1, 17, 32, 40])
def test_ties_and_ends(shift):
    """Ties to even on both sides of zero; just before and behind them; what saturates, just does
    not, and is far beyond; by every shift that matters."""
    multiplier = 1 << max(shift - 28, 0)
    unit = (1 << shift) // multiplier
    eighths = np.unique(np.arange(-20, 21) * unit // 8)
    gradients = {int(g) + d for g in eighths for d in (-1, 0, 1)}
    for step in (-512, -257, -256, -255, -129, -128, -127, 127, 128, 255, 256, 512):
        gradients |= {int(np.clip(step * unit + d, *vectors.INT32)) for d in (-1, 0, 1)}
    gradients = sorted(gradients | set(vectors.INT32))
    weights = np.repeat(np.array([-128, 0, 127], np.int8), len(gradients))
    job = vectors.Job(
        weights=weights[None],
        gradient=np.tile(np.array(gradients, np.int32), 3)[None],
        multiplier=np.array([multiplier]),
        shift=np.array([shift]),
        register=1,
        rounding="nearest",
    )
    fields, _ = vectors.operands(job, 1)
    ((got, saturated),) = run(Update(1), [(entries(fields), 1, 0)])
    assert got == job.updated.weights[0].tolist()
    assert saturated == job.updated.saturated
    assert {-128, 127} <= set(got)


@pytest.mark.parametrize("shift", [0, 1, 31, 33, 40])
def test_random_bits_decide(shift, seed):
    """Fractions one below and exactly at what the random bits carry over, for many states."""
    rng = np.random.default_rng(seed)
    rows = 60
    register = int(rng.integers(1, 1 << 32))
    noise = [int(random_bits(lfsr_advance(register, row), shift)) for row in range(rows)]
    multiplier = 1 << max(shift - 28, 0)  # gradients reach the value as near as its zeros allow
    needed = [(1 << shift) - r for r in noise]
    gradient = [-(-n // multiplier) - row % 2 for row, n in enumerate(needed)]
    job = vectors.Job(
        weights=np.zeros((1, rows), np.int8),
        gradient=np.array([gradient]).astype(np.int32),
        multiplier=np.array([multiplier]),
        shift=np.array([shift]),
        register=register,
        rounding="stochastic",
    )
    fields, _ = vectors.operands(job, 1)
    ((got, _),) = run(Update(1), [(entries(fields), register, 1)])
    assert got == job.updated.weights[0].tolist()
    if shift > 4:
        assert got == [-(1 - row % 2) for row in range(rows)]


def test_states(seed):
    """Also when the same place comes cycle after cycle, and not in a cycle without a weight."""
    dut, rng = RandomStates(3), random.Random(seed)
    register = rng.getrandbits(32) or 1
    visits = [(o, row) for first in (0, 3) for row in range(5) for o in range(first, first + 3)]
    visits += [(6, row) for row in range(5)]
    got = []

    async def testbench(ctx):
        ctx.set(dut.start, 1)
        ctx.set(dut.seed, register)
        await ctx.tick()
        ctx.set(dut.start, 0)
        for o, row in visits:
            ctx.set(dut.valid, 0)
            ctx.set(dut.fresh, rng.randrange(2))
            for _ in range(rng.randrange(2)):
                await ctx.tick()
            ctx.set(dut.valid, 1)
            ctx.set(dut.fresh, row == 0)
            ctx.set(dut.place, o % 3)
            await ctx.tick()
            got.append(ctx.get(dut.state))

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(testbench)
    simulator.run()
    assert dut.latency == 1
    assert got == [lfsr_advance(register, row + 65536 * o) for o, row in visits]


def test_no_places():
    with pytest.raises(ValueError, match="places is 0: it must be at least 1"):
        RandomStates(0)
