# SPDX-License-Identifier: Apache-2.0
"""hw.desne.reduce against the golden model, in the Amaranth simulator."""

import random

import numpy as np
import pytest
from amaranth.hdl import ResetInserter, Signal
from amaranth.sim import Simulator

from golden.desne.reduce import make_table
from hw.config import PRESETS, Configuration
from hw.desne.reduce import Reduce
from verif.cocotb.streams import stalls
from verif.unit.streams import receive, send
from verif.vectors import reduce as vectors

TINY = PRESETS["tiny"]
WIDER = Configuration(
    name="wider", samples=16, features=64, rows=1, lanes=16, neighbours=2, dimensions=64
)
CASES = vectors.cases(TINY, seed=11)
SETTINGS = ("samples", "sample_beats", "beats", "shift", "offset")


def run(dut, jobs, idle="none", backpressure="none", seed=1, interrupt=0):
    """Features of each job, and the cycles of every transfer, counted from the job's start."""
    reset = Signal()
    results, cycles = [], []

    def pattern(name):
        return stalls(idle if name != "features" else backpressure, random.Random(f"{seed} {name}"))

    async def start(ctx, job):
        ctx.set(dut.entry_written, 1)
        for position, named in enumerate(zip(job.bucket.flat, job.sign.flat, strict=True)):
            ctx.set(dut.entry_position, position)
            ctx.set(dut.entry, dict(zip(("bucket", "sign"), map(int, named), strict=True)))
            await ctx.tick()
        ctx.set(dut.entry_written, 0)
        for name in SETTINGS:
            ctx.set(getattr(dut, name), getattr(job, name))
        ctx.set(dut.start, 1)
        await ctx.tick()
        ctx.set(dut.start, 0)

    async def main(ctx):
        if interrupt:
            await start(ctx, jobs[0])
            ctx.set(dut.bytes.payload, [255] * dut.config.raw_lanes)
            ctx.set(dut.bytes.valid, 1)
            await ctx.tick().repeat(interrupt)
            ctx.set(reset, 1)
            await ctx.tick()
            ctx.set(reset, 0)
            ctx.set(dut.bytes.valid, 0)
        for job in jobs:
            await start(ctx, job)
            begun.append(job)
            got = len(job.features)
            taken = []
            results.append(await receive(ctx, dut.features, got, pattern("features"), taken))
            cycles.append({"features": taken})
            ctx.set(dut.features.ready, 1)
            for _ in range(3):
                *_, valid = await ctx.tick().sample(dut.features.valid)
                assert not valid, "more features than samples"
            ctx.set(dut.features.ready, 0)
            assert not ctx.get(dut.busy)

    begun = []

    async def feed(ctx):
        for number, job in enumerate(jobs):
            while len(begun) <= number:
                await ctx.tick()
            await send(ctx, dut.bytes, job.bytes.tolist(), pattern("bytes"))

    simulator = Simulator(ResetInserter(reset)(dut))
    simulator.add_clock(1e-6)
    simulator.add_testbench(main)
    simulator.add_testbench(feed, background=True)
    simulator.run()
    return results, cycles


def check(results, jobs):
    for result, job in zip(results, jobs, strict=True):
        got = np.array([[int(value) for value in beat] for beat in result])
        assert (got == job.features).all()


@pytest.mark.parametrize("name", CASES)
def test_case(name):
    check(run(Reduce(TINY), [CASES[name]])[0], [CASES[name]])


@pytest.mark.parametrize("idle", ["none", "random"])
@pytest.mark.parametrize("backpressure", ["none", "random", "long"])
def test_stalls(idle, backpressure):
    jobs = [CASES["hashing"], CASES["identity"], CASES["random, saturated"]]
    check(run(Reduce(TINY), jobs, idle, backpressure, seed=5)[0], jobs)


@pytest.mark.parametrize("interrupt", [1, 4, 18, 25, 40, 70])
def test_reset(interrupt):
    """Whatever a job had summed when it was reset does not show in the next."""
    jobs = [CASES["random, saturated"]]
    check(run(Reduce(TINY), jobs, interrupt=interrupt)[0], jobs)


@pytest.mark.parametrize("name", ["hashing", "one bucket, all 255", "identity"])
def test_throughput_and_latency(name):
    """A beat a cycle, whatever the table, unless the sums take longer to read; the stated latency
    behind each sample's last beat, or the one before it.
    """
    dut, job = Reduce(TINY), CASES[name]
    period = max(job.sample_beats, dut.rows * job.beats)
    _, (cycles,) = run(dut, [job])
    taken = np.array(cycles["features"]).reshape(job.samples, job.beats)
    first_byte = dut.clearing - 1  # cycle 0 follows start
    last_byte = first_byte + job.sample_beats - 1 + period * np.arange(job.samples)
    expected = (last_byte + dut.latency)[:, None] + dut.rows * np.arange(job.beats)
    assert (taken - 1 == expected).all(), (taken[:3] - 1, expected[:3])


@pytest.mark.parametrize("config", [TINY, WIDER], ids=["one bank", "four banks"])
def test_short_samples(config):
    """Where the sums take longer to read than to make, they are read without a pause."""
    samples = np.random.default_rng(3).integers(0, 256, (12, config.raw_lanes), np.uint8)
    table = vectors.random_table(config.raw_lanes, config.features, seed=3)
    dut, job = Reduce(config), vectors.job(config, table, samples)
    results, (cycles,) = run(dut, [job])
    check(results, [job])
    taken = np.array(cycles["features"])
    assert (np.diff(taken) == dut.rows).all()
    assert taken[0] - 1 == dut.clearing - 1 + dut.latency


@pytest.mark.parametrize("backpressure", ["none", "random", "long"])
def test_several_banks(backpressure):
    jobs = list(vectors.cases(WIDER, seed=12).values())
    check(run(Reduce(WIDER), jobs, "random", backpressure, seed=6)[0], jobs)


def test_accumulators_hold_the_extremes():
    """All bytes of the largest sample at 255 in one bucket reach the top of the sum's width."""
    table = vectors.one_bucket(TINY.dimensions, TINY.features, 1, 6, 0)
    job = vectors.job(TINY, table, np.full((2, TINY.dimensions), 255, np.uint8))
    assert TINY.dimensions * 255 >> 6 == 255 == job.features.max()
    check(run(Reduce(TINY), [job])[0], [job])


def test_a_real_image():
    from sklearn.datasets import load_digits

    config = Configuration(
        name="a", samples=8, features=16, rows=1, lanes=4, neighbours=2, dimensions=64
    )
    images = np.minimum(load_digits().data[:8] * 16, 255).astype(np.uint8)
    job = vectors.job(config, make_table((8, 8), 16), images)
    check(run(Reduce(config), [job])[0], [job])
