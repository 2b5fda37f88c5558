# SPDX-License-Identifier: Apache-2.0
"""hw.desne.sample_store: what the distance array is given, and in how many cycles."""

import random

import numpy as np
import pytest
from amaranth.sim import Simulator

from hw.config import PRESETS, Configuration
from hw.desne.sample_store import SampleStore
from verif.cocotb.streams import stalls
from verif.unit.streams import receive
from verif.vectors import distance as vectors

TINY = PRESETS["tiny"]
ODD = Configuration(name="a", samples=9, features=12, rows=4, lanes=4, neighbours=2)


def play(config, jobs, patterns=("none", "none"), seed=4):
    """Every job's samples in, and what comes out of both streams beside the distance vectors."""
    dut = SampleStore(config)
    played, cycles = [], []

    async def main(ctx):
        for job in jobs:
            ctx.set(dut.samples, job.samples)
            ctx.set(dut.beats, job.beats)
            ctx.set(dut.load, 1)
            await ctx.tick()
            ctx.set(dut.load, 0)
            tile = job.passing[: job.samples * job.beats]
            ctx.set(dut.features.valid, 1)
            for beat in tile.tolist():
                ctx.set(dut.features.payload, beat)
                await ctx.tick()
            ctx.set(dut.features.valid, 0)
            for sample in range(job.samples):
                for beat in range(job.beats):
                    ctx.set(dut.address, sample * config.beats + beat)
                    await ctx.tick()
                    got = [int(value) for value in ctx.get(dut.beat)]
                    assert got == tile[sample * job.beats + beat].tolist()
            ctx.set(dut.play, 1)
            await ctx.tick()
            ctx.set(dut.play, 0)
            begun.append(job)
            while len(played) < 2 * len(begun):
                await ctx.tick()
            await ctx.tick()
            assert not ctx.get(dut.playing)

    begun = []

    def reader(name, pattern):
        async def testbench(ctx):
            stall = stalls(pattern, random.Random(f"{seed} {name}"))
            for number, job in enumerate(jobs):
                while len(begun) <= number:
                    await ctx.tick()
                expected, taken = getattr(job, name), []
                result = await receive(ctx, getattr(dut, name), len(expected), stall, taken)
                got = np.array([[int(value) for value in beat] for beat in result])
                assert (got == expected).all(), name
                played.append(name)
                cycles.append((name, taken))

        return testbench

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(main)
    for name, pattern in zip(("held", "passing"), patterns, strict=True):
        simulator.add_testbench(reader(name, pattern), background=True)
    simulator.run()
    assert len(played) == 2 * len(jobs)
    return dut, dict(cycles)


def jobs(config, seed=2):
    return [vectors.job(config, tile) for tile in vectors.cases(config, seed).values()]


@pytest.mark.parametrize("config", [TINY, ODD], ids=["tiny", "odd"])
@pytest.mark.parametrize("held", ["none", "random", "long"])
@pytest.mark.parametrize("passing", ["none", "random"])
def test_streams(config, held, passing):
    play(config, jobs(config), (held, passing))


def test_throughput():
    """A beat of passing a cycle, once the first block's rows are read."""
    job = vectors.job(TINY, vectors.full_tile(TINY, 1))
    dut, cycles = play(TINY, [job])
    passing = cycles["passing"]
    assert passing[-1] - passing[0] == len(job.passing) - 1
    assert cycles["held"][0] == dut.latency
    assert passing[0] == cycles["held"][0] + TINY.rows * job.beats
