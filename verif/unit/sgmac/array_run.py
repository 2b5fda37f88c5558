# SPDX-License-Identifier: Apache-2.0
"""Jobs on the array of the sparse-gradient unit, in the Amaranth simulator."""

import random

from amaranth.hdl import ResetInserter, Signal
from amaranth.sim import Simulator

from hw.sgmac.array import GradientArray
from verif.cocotb.streams import stalls
from verif.unit.streams import receive, send


class Run:
    """Jobs one after the other.

    idle, backpressure: how words and rows stall. interrupt: before that, the first job runs for so
    many cycles and is then reset.

    Attributes
    ----------
    rows: what came out. row_cycles: the cycle of each row, from the first job's start on.
    busy: cycles from start to the end of busy of each job. active, lanes: sums of these outputs.
    """

    def __init__(self, config, jobs, idle="none", backpressure="none", seed=1, interrupt=0):
        self.config = config
        self.jobs = jobs
        self.idle, self.backpressure = idle, backpressure
        self.seed = seed
        self.interrupt = interrupt
        self.dut = GradientArray(config)
        self.reset = Signal()
        self.rows, self.row_cycles, self.busy = [], [], []
        self.active, self.lanes = 0, 0

    def go(self):
        simulator = Simulator(ResetInserter(self.reset)(self.dut))
        simulator.add_clock(1e-6)
        simulator.add_testbench(self._control)
        simulator.add_testbench(self._send, background=True)
        simulator.add_testbench(self._receive, background=True)
        simulator.add_process(self._count)
        simulator.run()
        return self

    def _stalls(self, name, pattern):
        return stalls(pattern, random.Random(f"{self.seed} {name}"))

    async def _send(self, ctx):
        if self.interrupt:
            words = self.jobs[0].words(self.config)
            for cycle in range(self.interrupt):
                ctx.set(self.dut.words.payload, words[cycle % len(words)])
                ctx.set(self.dut.words.valid, 1)
                await ctx.tick()
            ctx.set(self.dut.words.valid, 0)
            await ctx.tick()
        words = [word for job in self.jobs for word in job.words(self.config)]
        await send(ctx, self.dut.words, words, self._stalls("words", self.idle))

    async def _receive(self, ctx):
        if self.interrupt:
            ctx.set(self.dut.rows.ready, self.interrupt % 2)
            await ctx.tick().repeat(self.interrupt)
            ctx.set(self.dut.rows.ready, 0)
            await ctx.tick()
        count = sum(len(job.rows(self.config)) for job in self.jobs)
        stalling = self._stalls("rows", self.backpressure)
        self.rows += await receive(ctx, self.dut.rows, count, stalling, self.row_cycles)

    async def _count(self, ctx):
        async for _, reset, active, lanes in ctx.tick().sample(self.dut.active, self.dut.lanes):
            if not reset:
                self.active += active
                self.lanes += lanes

    def _set(self, ctx, job):
        for name, value in job.settings(self.config).items():
            ctx.set(getattr(self.dut.job, name), value)

    async def _control(self, ctx):
        dut = self.dut
        if self.interrupt:
            self._set(ctx, self.jobs[0])
            ctx.set(dut.start, 1)
            await ctx.tick().repeat(self.interrupt)
            ctx.set(dut.start, 0)
            ctx.set(self.reset, 1)
            await ctx.tick()
            ctx.set(self.reset, 0)
            assert ctx.get(dut.rows.valid) == 0 and ctx.get(dut.busy) == 0
            self.active = self.lanes = 0
        for job in self.jobs:
            assert ctx.get(dut.busy) == 0
            self._set(ctx, job)
            ctx.set(dut.start, 1)
            await ctx.tick()
            assert ctx.get(dut.busy) == 1
            await ctx.tick()  # start while busy changes nothing
            ctx.set(dut.start, 0)
            cycles = 2
            limit = 200 + 30 * job.cycles(self.config)
            while ctx.get(dut.busy):
                await ctx.tick()
                cycles += 1
                assert cycles < limit, f"busy for {limit} cycles, {job.sizes}, seed {self.seed}"
            self.busy.append(cycles)
        for _ in range(20):
            await ctx.tick()
            assert ctx.get(dut.rows.valid) == 0, "a row too many"

    def check(self):
        """Every sum that exists, the last bits, and the counted cycles."""
        at = iter(self.rows)
        for job in self.jobs:
            expected = job.rows(self.config)
            for number, row in enumerate(expected):
                actual = next(at)
                sums = [actual.sums[lane] for lane in range(len(row))]
                assert sums == row, f"row {number} of {job.sizes}, seed {self.seed}"
                assert actual.last == (number == len(expected) - 1)
        counts = [job.multiplications(self.config) for job in self.jobs]
        assert self.active == sum(cycles for cycles, _ in counts)
        assert self.lanes == sum(products for _, products in counts)
        return self
