# SPDX-License-Identifier: Apache-2.0
"""hw.desne.embed against the golden model, in the Amaranth simulator."""

import random

import numpy as np
import pytest
from amaranth.hdl import ResetInserter, Signal
from amaranth.sim import Simulator

from golden.cycles import embed_cycles, iteration_cycles
from hw.config import PRESETS, Configuration
from hw.desne.embed import Embed
from verif.cocotb.streams import stalls
from verif.unit.streams import receive, send
from verif.vectors import embed as vectors

TINY = PRESETS["tiny"]
SHAPES = {
    "tiny": TINY,
    "one point": Configuration(
        name="a", samples=9, features=6, rows=3, lanes=2, neighbours=4, points=1
    ),
    "one row": Configuration(
        name="b", samples=14, features=8, rows=1, lanes=8, neighbours=13, points=5
    ),
    "one lane": Configuration(
        name="c", samples=20, features=3, rows=4, lanes=1, neighbours=3, points=7
    ),
    "all held": Configuration(
        name="d", samples=6, features=4, rows=6, lanes=4, neighbours=5, points=6
    ),
}


class Run:
    """Jobs one after the other; before that, if `interrupt` is not 0, so many cycles of the first
    job with whatever the streams then carry, and a reset."""

    def __init__(self, config, patterns=("none", "none"), seed=1, interrupt=0):
        self.config, self.patterns, self.seed = config, patterns, seed
        self.interrupt = interrupt
        self.dut = Embed(config)
        self.reset = Signal()
        self.jobs, self.coordinates, self.neighbours, self.cycles = [], [], [], []

    def add(self, *jobs):
        self.jobs += jobs
        return self

    def go(self):
        idle, backpressure = self.patterns
        simulator = Simulator(ResetInserter(self.reset)(self.dut))
        simulator.add_clock(1e-6)
        simulator.add_testbench(self._control)
        beats = {
            "features": [b for job in self.jobs for b in job.feature_beats(self.config).tolist()],
            "edges": [b for job in self.jobs for b in job.edge_beats(self.config)],
        }
        for name, payloads in beats.items():
            simulator.add_testbench(self._sender(name, payloads, idle), background=True)
        simulator.add_testbench(self._receiver(backpressure), background=True)
        simulator.add_process(self._tap)
        simulator.run()
        return self

    def _stalls(self, name, pattern):
        return stalls(pattern, random.Random(f"{self.seed} {name}"))

    def _sender(self, name, payloads, pattern):
        async def testbench(ctx):
            stream = getattr(self.dut, name)
            if self.interrupt:
                ctx.set(stream.payload, payloads[-1])
                ctx.set(stream.valid, 1)
                await ctx.tick().repeat(self.interrupt)
                ctx.set(stream.valid, 0)
                await ctx.tick()
            await send(ctx, stream, payloads, self._stalls(name, pattern))

        return testbench

    def _receiver(self, pattern):
        async def testbench(ctx):
            if self.interrupt:
                ctx.set(self.dut.coordinates.ready, self.interrupt % 2)
                await ctx.tick().repeat(self.interrupt + 1)
            count = sum(job.samples for job in self.jobs)
            taken = await receive(
                ctx, self.dut.coordinates, count, self._stalls("coordinates", pattern)
            )
            self.coordinates += [(beat.x, beat.y) for beat in taken]
            ctx.set(self.dut.coordinates.ready, 1)
            async for *_, valid in ctx.tick().sample(self.dut.coordinates.valid):
                assert not valid, "one coordinate too many"

        return testbench

    async def _tap(self, ctx):
        tap = self.dut.neighbour
        async for *_, reset, valid, index in ctx.tick().sample(self.reset, tap.valid, tap.payload):
            if reset:
                self.neighbours.clear()
            elif valid:
                self.neighbours.append(index)

    async def _control(self, ctx):
        dut = self.dut
        if self.interrupt:
            for name, value in self.jobs[0].settings(self.config).items():
                ctx.set(getattr(dut, name), value)
            ctx.set(dut.start, 1)
            await ctx.tick().repeat(self.interrupt)
            ctx.set(dut.start, 0)
            ctx.set(self.reset, 1)
            await ctx.tick()
            ctx.set(self.reset, 0)
            assert ctx.get(dut.coordinates.valid) == ctx.get(dut.busy) == 0
        for job in self.jobs:
            assert ctx.get(dut.busy) == 0
            settings = job.settings(self.config)
            for name, value in settings.items():
                ctx.set(getattr(dut, name), value)
            ctx.set(dut.start, 1)
            await ctx.tick()
            assert ctx.get(dut.busy) == 1
            for name in settings:
                ctx.set(getattr(dut, name), 1)  # were latched
            await ctx.tick()  # start while busy changes nothing
            ctx.set(dut.start, 0)
            limit = 1000 + 10 * cycles(self.config, job)
            for cycle in range(3, limit):
                await ctx.tick()
                if not ctx.get(dut.busy):
                    self.cycles.append(cycle)
                    break
            else:
                raise AssertionError(f"busy for {limit} cycles with seed {self.seed}")
        await ctx.tick().repeat(20)

    def check(self):
        """Every coordinate, every neighbour once and in order, and nothing else came."""
        expected = np.concatenate([job.coordinates() for job in self.jobs])
        np.testing.assert_array_equal(self.coordinates, expected, f"seed {self.seed}")
        neighbours = np.concatenate([job.neighbours.ravel() for job in self.jobs])
        np.testing.assert_array_equal(self.neighbours, neighbours)
        if self.patterns == ("none", "none") and not self.interrupt:
            assert self.cycles == [cycles(self.config, job) for job in self.jobs]
        return self


def cycles(config, job):
    settings = job.settings(config)
    return embed_cycles(
        job.samples,
        settings["neighbours"],
        settings["iterations"],
        beats=settings["beats"],
        rows=config.rows,
        byte_lanes=config.lanes,
        points=config.points,
        most_samples=config.samples,
    )


# the others run in Verilator (verif/cocotb/test_embed.py), where a cycle costs a thousandth
CASES = ("stray rows", "features not whole beats", "no iteration")


@pytest.mark.parametrize("name", CASES)
def test_cases(name, seed):
    Run(TINY, seed=seed).add(vectors.cases(TINY, seed)[name]).go().check()


def jobs(config, seed):
    """Different n, back to back."""
    for n, iterations in ((config.samples, 1), (2, 1), (config.samples - 1, 0)):
        features = np.random.default_rng(n).integers(0, 256, (n, config.features), dtype=np.uint8)
        yield vectors.job(config, features, seed=seed + n, iterations=iterations)


@pytest.mark.parametrize("shape", [shape for shape in SHAPES if shape != "tiny"])
def test_shapes(shape, seed):
    """The stated number of cycles, too."""
    config = SHAPES[shape]
    Run(config, seed=seed).add(*jobs(config, seed)).go().check()


@pytest.mark.parametrize("shape", ["one point", "all held"])
def test_stalls(shape, seed):
    config = SHAPES[shape]
    Run(config, ("random", "long"), seed).add(*jobs(config, seed)).go().check()


@pytest.mark.parametrize("shape", ["one point", "one lane"])
def test_reset(shape, seed):
    """Reset in the middle of a job, wherever; the next job is right. More in Verilator."""
    config = SHAPES[shape]
    rng = np.random.default_rng(seed)
    features = rng.integers(0, 256, (3, config.features), dtype=np.uint8)
    job = vectors.job(config, features, iterations=1)
    interrupt = int(rng.integers(1, cycles(config, job)))
    Run(config, ("random", "random"), seed, interrupt).add(job).go().check()


@pytest.mark.parametrize("preset", PRESETS)
def test_cost_of_an_iteration(preset):
    """As the docstring of Embed has it; that the hardware keeps to it, test_shapes shows."""
    config = PRESETS[preset]
    n, points, k = config.samples, config.points, config.neighbours
    blocks = -(-n // points)
    forces = max(points + blocks * n + n - (blocks - 1) * points, n * k + 4)
    expected = forces + n + 3 * n.bit_length() + 144
    assert iteration_cycles(n, k, points, config.samples) == expected
    if preset == "edge":
        assert blocks * n / expected > 0.99
