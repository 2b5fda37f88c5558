# SPDX-License-Identifier: Apache-2.0
"""hw.desne.distance against the golden model, in the Amaranth simulator."""

import random

import numpy as np
import pytest
from amaranth.hdl import ResetInserter, Signal
from amaranth.sim import Simulator

from hw.config import PRESETS, Configuration
from hw.desne.distance import Distance
from verif.cocotb.streams import stalls
from verif.unit.streams import receive, send
from verif.vectors import distance as vectors

TINY = PRESETS["tiny"]
SHAPES = {
    "tiny": TINY,
    "one row": Configuration(name="a", samples=8, features=12, rows=1, lanes=4, neighbours=2),
    "one beat": Configuration(name="b", samples=20, features=8, rows=3, lanes=8, neighbours=2),
    "one lane": Configuration(name="c", samples=9, features=5, rows=4, lanes=1, neighbours=2),
    "a lone byte": Configuration(name="d", samples=4, features=1, rows=1, lanes=1, neighbours=2),
}


class Run:
    """Jobs on one array, one after the other.

    patterns: how the inputs and the output stall. interrupt: before that, the first job runs with
    made-up beats for so many cycles and is then reset.
    """

    def __init__(self, config, patterns=("none", "none"), seed=1, interrupt=0):
        self.config = config
        self.dut = Distance(config)
        self.patterns = patterns
        self.seed = seed
        self.interrupt = interrupt
        self.reset = Signal()
        self.jobs = []

    def add(self, features):
        self.jobs.append(vectors.job(self.config, features))
        return self

    def go(self):
        idle, backpressure = self.patterns
        simulator = Simulator(ResetInserter(self.reset)(self.dut))
        simulator.add_clock(1e-6)
        simulator.add_testbench(self._control)
        for name, pattern in (("held", idle), ("passing", idle)):
            simulator.add_testbench(self._sender(name, pattern), background=True)
        simulator.add_testbench(self._receiver(backpressure), background=True)
        self.outputs, self.cycles = [], {"held": [], "passing": [], "distances": []}
        simulator.run()
        return self

    def _stalls(self, name, pattern):
        return stalls(pattern, random.Random(f"{self.seed} {name}"))

    def _sender(self, name, pattern):
        async def testbench(ctx):
            if self.interrupt:
                ctx.set(getattr(self.dut, name).payload, [77] * self.config.lanes)
                ctx.set(getattr(self.dut, name).valid, 1)
                await ctx.tick().repeat(self.interrupt)
                ctx.set(getattr(self.dut, name).valid, 0)
                await ctx.tick()
            beats = np.concatenate([getattr(job, name) for job in self.jobs]).tolist()
            stream = getattr(self.dut, name)
            await send(ctx, stream, beats, self._stalls(name, pattern), self.cycles[name])

        return testbench

    def _receiver(self, pattern):
        async def testbench(ctx):
            if self.interrupt:
                ctx.set(self.dut.distances.ready, self.interrupt % 2)
                await ctx.tick().repeat(self.interrupt)
                ctx.set(self.dut.distances.ready, 0)
                await ctx.tick()
            count = sum(len(job.last) for job in self.jobs)
            stalling = self._stalls("distances", pattern)
            cycles = self.cycles["distances"]
            self.outputs += await receive(ctx, self.dut.distances, count, stalling, cycles)

        return testbench

    async def _control(self, ctx):
        dut = self.dut
        if self.interrupt:
            ctx.set(dut.samples, self.jobs[0].samples)
            ctx.set(dut.beats, self.jobs[0].beats)
            ctx.set(dut.start, 1)
            await ctx.tick().repeat(self.interrupt)
            ctx.set(dut.start, 0)
            ctx.set(self.reset, 1)
            await ctx.tick()
            ctx.set(self.reset, 0)
            assert ctx.get(dut.distances.valid) == 0
        for job in self.jobs:
            assert ctx.get(dut.busy) == 0
            ctx.set(dut.samples, job.samples)
            ctx.set(dut.beats, job.beats)
            ctx.set(dut.start, 1)
            await ctx.tick()
            assert ctx.get(dut.busy) == 1
            ctx.set(dut.samples, 1)  # was latched
            ctx.set(dut.beats, 1)
            await ctx.tick()  # start while busy changes nothing
            ctx.set(dut.start, 0)
            limit = 100 + 8 * (len(job.passing) + len(job.held) + 8 * len(job.last))
            for _ in range(limit):
                await ctx.tick()
                if not ctx.get(dut.busy):
                    break
            else:
                raise AssertionError(f"busy for {limit} cycles with seed {self.seed}")
        for _ in range(20):
            await ctx.tick()
            assert ctx.get(dut.distances.valid) == 0, "a beat of distances too many"

    def check(self):
        """Every distance, the last bits, and their number (_control looks for more)."""
        expected = np.concatenate([job.distance for job in self.jobs])
        last = np.concatenate([job.last for job in self.jobs])
        actual = [[beat.distance[r] for r in range(self.config.rows)] for beat in self.outputs]
        np.testing.assert_array_equal(actual, expected, f"seed {self.seed}")
        np.testing.assert_array_equal([beat.last for beat in self.outputs], last)
        return self


@pytest.mark.parametrize("name", vectors.cases(TINY, 1))
def test_cases(name, seed):
    Run(TINY, seed=seed).add(vectors.cases(TINY, seed)[name]).go().check()


@pytest.mark.parametrize("idle", ["none", "random"])
@pytest.mark.parametrize("backpressure", ["none", "random", "long"])
@pytest.mark.parametrize("shape", SHAPES)
def test_stalls(shape, idle, backpressure, seed):
    config = SHAPES[shape]
    cases = vectors.cases(config, seed)
    run = Run(config, (idle, backpressure), seed)
    for name in ("n not a multiple of rows", "all 0 against all 255", "n = 2", "one beat"):
        run.add(cases[name])
    run.go().check()


@pytest.mark.parametrize("shape", SHAPES)
def test_throughput_and_latency(shape, seed):
    """Without stalls: not a bubble in the passing beats, the stated latency, 99 % of lanes busy."""
    config = SHAPES[shape]
    run = Run(config, seed=seed).add(vectors.full_tile(config, seed)).go().check()
    job, passing = run.jobs[0], np.array(run.cycles["passing"])
    assert (np.diff(passing) == 1).all()
    block_ends = run.cycles["held"][config.rows * job.beats - 1]
    assert passing[0] - block_ends == 2
    last_beats = passing[job.beats - 1 :: job.beats]
    assert (np.array(run.cycles["distances"]) - last_beats == run.dut.latency).all()
    assert run.dut.latency == 8 + config.lanes.bit_length() - 1 + (config.rows + 1) // 2
    if shape == "tiny":
        assert len(passing) / (passing[-1] - run.cycles["held"][0] + 1) >= 0.99


@pytest.mark.parametrize("shape", SHAPES)
def test_extreme_values(shape, seed):
    """Every sum at its largest, for every number of beats, then nothing left over from it."""
    config = SHAPES[shape]
    run = Run(config, seed=seed)
    for beats in range(1, config.beats + 1):
        features = np.zeros((2, beats * config.lanes), dtype=np.uint8)
        features[1] = 255
        run.add(features).add(np.zeros_like(features))
    run.go().check()
    assert run.jobs[-2].distance.max() == config.features * 255**2 < 2**config.distance_width


def test_reset_in_any_state(seed):
    """Reset early, in the middle and late in a job (cocotb: everywhere); the next job is right."""
    features = vectors.cases(TINY, seed)["n not a multiple of rows"]
    for interrupt in (1, 4, 13, 26, 40, 58):
        Run(TINY, ("random", "random"), seed, interrupt).add(features).go().check()
