# SPDX-License-Identifier: Apache-2.0
"""Runs jobs on the sampling unit in the Amaranth simulator."""

import random

import numpy as np
from amaranth.hdl import ResetInserter, Signal
from amaranth.sim import Simulator

from hw.config import Configuration
from hw.desne.sample import Sample
from verif.cocotb.streams import stalls
from verif.vectors.sample import Job


class SampleRun:
    """One unit and the jobs on it, one after the other.

    Parameters
    ----------
    idle, backpressure: patterns of stalls on neighbour and coordinates, and on chosen.
    interrupt: cycles of a first job that ends in a reset; 0 for none.

    Attributes
    ----------
    chosen: indices that came out, a list for each job.
    cycles: of each job, from its first valid coordinate to the end of busy.
    """

    def __init__(
        self,
        config: Configuration,
        jobs: list[Job],
        *,
        idle: str = "none",
        backpressure: str = "none",
        seed: int = 1,
        interrupt: int = 0,
    ) -> None:
        self.config, self.jobs, self.seed = config, jobs, seed
        self.interrupt = interrupt
        self.dut = Sample(config)
        self.reset = Signal()
        self.chosen: list[list[int]] = []
        self.cycles: list[int] = []
        self._store = jobs[0].store(config)
        self._patterns = {
            name: stalls(pattern, random.Random(f"{seed} {name}"))
            for name, pattern in (
                ("neighbour", idle),
                ("coordinates", idle),
                ("chosen", backpressure),
            )
        }

    def go(self) -> "SampleRun":
        simulator = Simulator(ResetInserter(self.reset)(self.dut))
        simulator.add_clock(1e-6)
        simulator.add_testbench(self._main)
        simulator.add_testbench(self._features, background=True)
        simulator.run()
        return self

    def check(self) -> "SampleRun":
        assert len(self.chosen) == len(self.jobs)
        for job, chosen in zip(self.jobs, self.chosen, strict=True):
            message = f"{job.label}, seed {self.seed}"
            np.testing.assert_array_equal(chosen, job.chosen, message)
        return self

    async def _features(self, ctx):
        """A synchronous memory; what nobody asked for is noise."""
        rng = np.random.default_rng(self.seed)
        noise = rng.integers(0, 256, self.config.lanes).tolist()
        dut = self.dut
        while True:
            *_, enable, address = await ctx.tick().sample(dut.feature_enable, dut.feature_address)
            ctx.set(dut.feature_data, self._store[address].tolist() if enable else noise)

    async def _main(self, ctx):
        dut = self.dut
        jobs = self.jobs
        if self.interrupt:
            await self._ready(ctx)
            job = jobs[0]
            await self._start(ctx, job)
            ctx.set(dut.neighbour.payload, int(job.tile.neighbours[0, 0]))
            ctx.set(dut.neighbour.valid, 1)
            await ctx.tick().repeat(3)
            ctx.set(dut.neighbour.valid, 0)
            ctx.set(dut.coordinates.payload, {"x": 3, "y": -5})
            ctx.set(dut.coordinates.valid, 1)
            ctx.set(dut.chosen.ready, 1)
            await ctx.tick().repeat(self.interrupt)
            ctx.set(self.reset, 1)
            ctx.set(dut.coordinates.valid, 0)
            ctx.set(dut.chosen.ready, 0)
            await ctx.tick()
            ctx.set(self.reset, 0)
            assert ctx.get(dut.chosen.valid) == 0
        for number, job in enumerate(jobs):
            await self._ready(ctx, 0 if number else 4 * self.config.samples + 40)
            await self._start(ctx, job)
            for index in job.tile.neighbours.ravel().tolist():
                if pause := next(self._patterns["neighbour"]):
                    await ctx.tick().repeat(pause)
                ctx.set(dut.neighbour.payload, index)
                ctx.set(dut.neighbour.valid, 1)
                await ctx.tick()
                ctx.set(dut.neighbour.valid, 0)
            await self._map(ctx, job)

    async def _ready(self, ctx, limit=2000):
        """Idle within the limit; nothing comes out meanwhile."""
        for _ in range(limit):
            if not ctx.get(self.dut.busy):
                break
            await ctx.tick()
        assert not ctx.get(self.dut.busy) and not ctx.get(self.dut.chosen.valid)

    async def _start(self, ctx, job):
        dut = self.dut
        self._store = job.store(self.config, padding=job.phase & 255)
        for name, value in job.settings(self.config).items():
            ctx.set(getattr(dut, name), value)
        ctx.set(dut.start, 1)
        await ctx.tick()
        assert ctx.get(dut.busy)
        for name in ("samples", "budget", "beats", "rule", "drop", "spread", "phase"):
            ctx.set(getattr(dut, name), 0)  # they were latched
        await ctx.tick()  # a start while busy changes nothing
        ctx.set(dut.start, 0)

    async def _map(self, ctx, job):
        """The coordinates and the result; both patterns run on beside each other."""
        dut = self.dut
        points = job.tile.coordinates.tolist()
        cycle, sent = 0, 0
        wait = {"coordinates": 0, "chosen": 0}
        received: list[int] = []
        driving = False
        while True:
            if not driving and sent < len(points):
                if wait["coordinates"] == 0:
                    x, y = points[sent]
                    ctx.set(dut.coordinates.payload, {"x": x, "y": y})
                    driving = True
                else:
                    wait["coordinates"] -= 1
            ctx.set(dut.coordinates.valid, driving)
            ready = wait["chosen"] == 0
            wait["chosen"] -= not ready
            ctx.set(dut.chosen.ready, ready)
            *_, taken, valid, index, busy = await ctx.tick().sample(
                dut.coordinates.ready, dut.chosen.valid, dut.chosen.payload, dut.busy
            )
            cycle += driving or sent > 0
            if driving and taken:
                sent, driving = sent + 1, False
                wait["coordinates"] = next(self._patterns["coordinates"])
            if ready and valid:
                received.append(index)
                wait["chosen"] = next(self._patterns["chosen"])
            if not busy:
                break
            assert cycle < 200_000, f"{job.label}: stuck with seed {self.seed}"
        assert sent == len(points), f"{job.label}: ended before its coordinates"
        ctx.set(dut.chosen.ready, 0)
        self.chosen.append(received)
        self.cycles.append(cycle - 1)
