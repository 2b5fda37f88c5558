# SPDX-License-Identifier: Apache-2.0
"""Jobs on one Calibrate in the Amaranth simulator, one after the other."""

import random

import numpy as np
from amaranth.hdl import ResetInserter, Signal
from amaranth.sim import Simulator

from hw.desne.calibrate import Calibrate
from hw.desne.row_select import digit_widths
from verif.cocotb.streams import stalls
from verif.unit.streams import receive, send
from verif.vectors import calibrate as vectors


class Run:
    """Streams in, streams out, everything compared with golden.

    patterns: how the input and the outputs stall. lanes: as Calibrate's. interrupt: before that,
    the first job runs with made-up distances for so many cycles and is then reset. settle: wait
    until the histograms are cleared before the first start.
    """

    def __init__(
        self, config, patterns=("none", "none"), seed=1, lanes=None, interrupt=0, settle=False
    ):
        self.config = config
        self.dut = Calibrate(config, lanes)
        self.patterns = patterns
        self.seed = seed
        self.interrupt = interrupt
        self.settle = settle
        self.reset = Signal()
        self.jobs = []
        self.busy_cycles = []

    def add(self, case):
        self.jobs.append(vectors.job(self.config, case, self.seed))
        return self

    def go(self):
        idle, backpressure = self.patterns
        simulator = Simulator(ResetInserter(self.reset)(self.dut))
        simulator.add_clock(1e-6)
        simulator.add_testbench(self._control)
        simulator.add_testbench(self._sender(idle), background=True)
        self.edges, self.rows = [], []
        edges = sum(len(job.edges["last"]) for job in self.jobs)
        rows = sum(job.blocks for job in self.jobs)
        for name, out, count in (("edges", self.edges, edges), ("rows", self.rows, rows)):
            simulator.add_testbench(self._receiver(name, out, count, backpressure), background=True)
        simulator.run()
        return self

    def _stalls(self, name, pattern):
        return stalls(pattern, random.Random(f"{self.seed} {name}"))

    def _sender(self, pattern):
        async def testbench(ctx):
            stream = self.dut.distances
            if self.interrupt:
                ctx.set(stream.payload, {"distance": [5] * self.config.rows, "last": 1})
                ctx.set(stream.valid, 1)
                await ctx.tick().repeat(self.interrupt)
                ctx.set(stream.valid, 0)
                await ctx.tick()
            beats = [
                {"distance": row.tolist(), "last": int(last)}
                for job in self.jobs
                for row, last in zip(job.distances["distance"], job.distances["last"], strict=True)
            ]
            await send(ctx, stream, beats, self._stalls("distances", pattern))

        return testbench

    def _receiver(self, name, out, count, pattern):
        async def testbench(ctx):
            stream = getattr(self.dut, name)
            if self.interrupt:
                ctx.set(stream.ready, self.interrupt % 2)
                await ctx.tick().repeat(self.interrupt)
                ctx.set(stream.ready, 0)
                await ctx.tick()
            out.extend(await receive(ctx, stream, count, self._stalls(name, pattern)))

        return testbench

    def _start(self, ctx, job):
        ctx.set(self.dut.samples, job.samples)
        ctx.set(self.dut.neighbours, job.neighbours)
        ctx.set(self.dut.target, job.target)
        ctx.set(self.dut.start, 1)

    async def _control(self, ctx):
        dut = self.dut
        if self.interrupt:
            self._start(ctx, self.jobs[0])
            await ctx.tick().repeat(self.interrupt)
            ctx.set(dut.start, 0)
            ctx.set(self.reset, 1)
            await ctx.tick()
            ctx.set(self.reset, 0)
            assert not ctx.get(dut.edges.valid) and not ctx.get(dut.rows.valid)
        if self.settle:
            await ctx.tick().repeat(1 + (1 << digit_widths(self.config.distance_width)[0]))
        for job in self.jobs:
            assert ctx.get(dut.busy) == 0
            self._start(ctx, job)
            await ctx.tick()
            assert ctx.get(dut.busy) == 1
            for port in (dut.samples, dut.neighbours, dut.target):  # were latched
                ctx.set(port, 2)
            await ctx.tick()  # start while busy changes nothing
            ctx.set(dut.start, 0)
            limit = 2000 + 10 * job.blocks * (1000 + 3 * job.samples + 30 * job.neighbours)
            cycles = 2
            while ctx.get(dut.busy):
                await ctx.tick()
                cycles += 1
                assert cycles < limit, f"busy for {limit} cycles with seed {self.seed}"
            self.busy_cycles.append(cycles)
        for _ in range(20):
            await ctx.tick()
            assert not ctx.get(dut.edges.valid) and not ctx.get(dut.rows.valid), "a beat too many"

    def check(self):
        """Every edge and row, the last bits, and their number (_control looks for more)."""

        def all_jobs(values):
            return np.concatenate([values(job) for job in self.jobs])

        hint = f"seed {self.seed}"
        for name in ("index", "weight"):
            actual = [[getattr(edge, name) for edge in beat.edge] for beat in self.edges]
            expected = all_jobs(lambda job, name=name: job.edges["edge"][name])
            np.testing.assert_array_equal(actual, expected, f"{name}, {hint}")
        last = all_jobs(lambda job: job.edges["last"])
        np.testing.assert_array_equal([beat.last for beat in self.edges], last, hint)
        for name in ("status", "code"):
            actual = [[getattr(row, name) for row in beat] for beat in self.rows]
            expected = all_jobs(lambda job, name=name: job.rows[name])
            np.testing.assert_array_equal(actual, expected, f"{name}, {hint}")
        return self
