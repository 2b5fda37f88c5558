# SPDX-License-Identifier: Apache-2.0
"""hw.sgmac.rows against the golden model, in the Amaranth simulator."""

import random

import pytest
from amaranth.sim import Simulator

from hw.config import Configuration
from hw.sgmac.rows import Rows
from hw.sgmac.update import Update
from verif.cocotb.streams import PATTERNS, stalls
from verif.unit.streams import receive, send
from verif.vectors.sgmac_rows import KINDS, Job, jobs


def configuration(outputs=8, data_width=64):
    return Configuration(
        name="a",
        samples=8,
        features=4,
        rows=1,
        lanes=1,
        neighbours=2,
        dimensions=4,
        outputs=outputs,
        plane=64,
        kernel=5,
        channels=9,
        data_width=data_width,
    )


def payloads(job):
    """The rows of the array as the simulator takes them."""
    pairs = zip(job.rows["sums"].tolist(), job.rows["last"].tolist(), strict=True)
    return [{"sums": sums, "last": last} for sums, last in pairs]


def run(config, given, idle, backpressure, seed):
    """For each job its beats, the cycles from its first row to its last beat, its count."""
    dut = Rows(config)
    rng = random.Random(seed)
    results, now = [], []

    async def testbench(ctx):
        for job in given:
            for name, value in job.numbers.items():
                ctx.set(getattr(dut, name), value)
            assert ctx.get(dut.idle)
            ctx.set(dut.start, 1)
            await ctx.tick()
            ctx.set(dut.start, 0)
            now.append(job)
            cycles = []
            pattern = stalls(backpressure, rng)
            beats = await receive(ctx, dut.beats, len(job.beats), pattern, cycles)
            results.append((beats, cycles[-1], ctx.get(dut.saturated)))
            assert ctx.get(dut.idle) and not ctx.get(dut.beats.valid)

    def source(name):
        async def feed(ctx):
            for number, job in enumerate(given):
                while len(now) <= number:
                    await ctx.tick()
                content = payloads(job) if name == "rows" else getattr(job, name)
                await send(ctx, getattr(dut, name), content, stalls(idle, rng))

        return feed

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(testbench)
    for name in ("rows", "partials", "weights", "scales"):
        simulator.add_testbench(source(name), background=True)
    simulator.run()
    return results


@pytest.mark.parametrize("idle, backpressure", [("none", "none"), ("random", "random")])
@pytest.mark.parametrize("accumulate, update", KINDS)
def test_jobs(accumulate, update, idle, backpressure, seed):
    """One job after the other; without stalls to the cycle."""
    config = configuration()
    given = [
        job for job in jobs(config, seed) if job.accumulate == accumulate and job.update == update
    ]
    results = run(config, given, idle, backpressure, seed)
    for job, (beats, cycles, saturated) in zip(given, results, strict=True):
        assert beats == job.beats, f"{job.label}, seed {seed}"
        assert saturated == job.saturated
        if idle == "none":
            latency = Rows.latency_updated if job.update else Rows.latency
            # cycles are counted from the one behind start; queues are as fast as the setup
            assert cycles == job.sums.size + latency + Rows.setup - 1, job.label


@pytest.mark.parametrize("backpressure", PATTERNS[1:])
def test_wide_beats(backpressure, seed):
    """Several groups of lanes, and a beat that holds a row of weights."""
    config = configuration(outputs=32, data_width=256)
    given = [
        Job(config, seed, (33, 2, 1), accumulate=True, update="stochastic"),
        Job(config, seed, (41, 1, 1), accumulate=True),
    ]
    results = run(config, given, "none", backpressure, seed)
    for job, (beats, _, saturated) in zip(given, results, strict=True):
        assert beats == job.beats, f"{job.label}, seed {seed}"
        assert saturated == job.saturated


def test_latency():
    assert Rows.latency == 6 and Rows.latency_updated == 6 + Update.latency == 13
    assert Rows.setup == 3


def test_too_few_outputs():
    with pytest.raises(ValueError, match="outputs is 4: it must be at least 8, the bytes of a"):
        Rows(configuration(outputs=4))
