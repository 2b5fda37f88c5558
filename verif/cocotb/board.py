# SPDX-License-Identifier: Apache-2.0
"""The whole accelerator of preset tiny, between cocotbext-axi's AXI4-Lite master and memory."""

import functools

import numpy as np
import pytest
from cocotb.triggers import RisingEdge, with_timeout
from cocotbext.axi import AxiLiteMaster, AxiResp, AxiSlave

from golden.arith.lfsr import seed_register
from golden.desne import Parameters, run_tile
from golden.desne.calibrate import entropy_target
from golden.desne.reduce import make_table
from hw.config import PRESETS
from hw.registers import Phase, Refusal, Rule, register_map
from hw.top import Top
from rtl_gen.verilog import Block, generate
from verif.axi_rules import ReadRules, WriteRules
from verif.cocotb.axi import Region, axi_bus, axi_lite_bus, pause_all, quiet, watch
from verif.cocotb.bench import PERIOD, Bench
from verif.coverage import observers
from verif.vectors.distance import digits

TINY = PRESETS["tiny"]
MAP = register_map(TINY)
SAMPLES, RESULT, SIZE = 0x1F40, 0x7FE0, 1 << 16
"""Before the end of a page of 4 KiB, so that larger tiles cross it."""
UNDER_WAY = 4 + 8 + 1
"""Bursts of both engines, and the one in the register between them and the port."""
LIMIT = 400_000
"""Cycles a job may take."""


class Job:
    """A tile, what is asked of it, and what golden answers."""

    def __init__(self, samples, budget, **parameters):
        self.samples, self.budget = samples, budget
        self.parameters = Parameters(neighbours=TINY.neighbours, **parameters)
        self.table = make_table((samples.shape[1],), TINY.features, 1)
        self.expected = run_tile(samples, self.table, self.parameters, budget)

    def memory(self):
        """The whole memory before the job: the samples, and 0xEE all around them."""
        contents = bytearray(b"\xee" * SIZE)
        contents[SAMPLES : SAMPLES + self.samples.size] = self.samples.tobytes()
        return contents

    def registers(self):
        n, dimensions = self.samples.shape
        p = self.parameters
        values = {
            "sample_address_low": SAMPLES,
            "result_address_low": RESULT,
            "samples": n,
            "sample_bytes": dimensions,
            "features": self.table.features,
            "neighbours": min(p.neighbours, n - 1),
            "target": entropy_target(p.perplexity),
            "iterations": p.iterations,
            "seed": seed_register(p.seed),
            "budget": self.budget,
            "rule": Rule[p.rule.upper()],
            "drop": round(4 * p.drop),
            "spread": p.spread,
        }
        words = {name: int(value) for name, value in values.items()}
        words["reduce"] = MAP["reduce"].encode(shift=self.table.shift, offset=self.table.offset)
        return words


class Board:
    """The accelerator on its two buses."""

    def __init__(self, bench: Bench, pattern: str = "none"):
        self.bench, self.dut = bench, bench.dut
        dut = bench.dut
        quiet(dut)
        self.control = AxiLiteMaster(axi_lite_bus(dut, "control"), dut.clk, dut.rst)
        self.region = Region(bytes(SIZE))
        self.memory = AxiSlave(axi_bus(dut, "memory"), dut.clk, dut.rst, target=self.region)
        self.seen = observers.Registers(TINY, MAP)
        pause_all(self.control, pattern, f"{bench.seed} control")
        pause_all(self.memory, pattern, f"{bench.seed} memory")
        watch(dut, bench.clock, ReadRules(TINY.data_width, 64, UNDER_WAY, 2), "memory")
        watch(dut, bench.clock, WriteRules(TINY.data_width, 64, UNDER_WAY, 2), "memory")

    async def write(self, name, value):
        answer = await self.control.write(MAP[name].offset, int(value).to_bytes(4, "little"))
        if answer.resp == AxiResp.OKAY:
            self.seen.wrote(name, int(value))
        return answer.resp

    async def read(self, name):
        answer = await self.control.read(MAP[name].offset, 4)
        assert answer.resp == AxiResp.OKAY
        word = int.from_bytes(answer.data, "little")
        self.seen.read(name, word)
        return word

    async def reset(self):
        """Three cycles of reset, and three behind it."""
        self.seen.reset()
        self.dut.rst.value = 1
        await self.bench.clock.edges(3)
        self.dut.rst.value = 0
        await self.bench.clock.edges(3)

    async def fields(self, name):
        return MAP[name].decode(await self.read(name))

    async def describe(self, job):
        """Samples into memory, 0xEE all around them; table and numbers into the registers."""
        self.region.contents[:] = job.memory()
        for position, (bucket, sign) in enumerate(
            zip(job.table.bucket, job.table.sign, strict=True)
        ):
            entry = MAP["table_entry"].encode(
                position=position, bucket=int(bucket), sign=int(sign < 0)
            )
            assert await self.write("table_entry", entry) == AxiResp.OKAY
        for name, value in job.registers().items():
            assert await self.write(name, value) == AxiResp.OKAY

    async def start(self):
        await self.write("interrupt_enable", 3)
        await self.write("interrupt_status", 3)
        await self.write("control", MAP["control"].encode(start=1))

    async def wait(self):
        """For the interrupt."""
        if self.dut.irq.value != 1:
            await with_timeout(RisingEdge(self.dut.irq), LIMIT * PERIOD, "step")

    async def check(self, what, job):
        """The result in memory, nothing else in memory touched, and the counters that must hold."""
        assert await self.fields("status") == {
            "busy": 0,
            "done": 1,
            "phase": Phase.IDLE,
            "refusal": Refusal.NONE,
        }
        assert await self.read("errors") == 0
        size = 4 * job.budget
        got = self.region.at(RESULT, size)
        self.bench.compare(what, np.frombuffer(got, "<u4").tolist(), job.expected.chosen.tolist())
        untouched = job.memory()
        untouched[RESULT : RESULT + size] = got
        assert self.region.contents == untouched, f"{what}: memory beside the result was written"
        assert await self.read("count_bytes_read") == job.samples.size
        assert await self.read("count_bytes_written") == size
        observers.tile(job.expected, job.table.kind)

    async def ended(self, what, job, **errors):
        """A job ended early with these errors; then the same job, from the start, is right."""
        found = {name: bit for name, bit in (await self.fields("errors")).items() if bit}
        assert found == errors, what
        status = await self.fields("status")
        assert (status["busy"], status["done"], status["phase"]) == (0, 0, Phase.IDLE), what
        await self.write("errors", (1 << 32) - 1)
        accesses = self.region.accesses
        await self.bench.clock.edges(200)
        assert self.region.accesses == accesses, f"{what}: the bus is used after the end"
        self.region.fail.clear()
        await self.run(f"after {what}", job)

    async def run(self, what, job):
        await self.describe(job)
        await self.start()
        await self.wait()
        await self.check(what, job)


def real(n, budget, seed=1, dimensions=64, **parameters):
    """A job on digits of one class, 64 bytes hashed into 8."""
    tile = digits()[: 10 * n : 10, :dimensions]
    most = min(TINY.neighbours, n - 1)
    return Job(tile, budget, perplexity=max(1, most / 2), seed=seed, **parameters)


async def begin(dut, pattern="none"):
    bench = Bench(dut)
    await bench.start()
    return Board(bench, pattern)


@functools.cache
def _generated() -> Block:
    """Ten seconds, once for all modules of a process."""
    return generate(Top(TINY), "tiny_top")


@pytest.fixture(scope="module")
def top() -> Block:
    """The accelerator as Verilog."""
    return _generated()
