# SPDX-License-Identifier: Apache-2.0
"""The whole accelerator as Verilog, between an AXI4-Lite master and a memory of cocotbext-axi.

The coroutines run in the simulator (cocotb), the functions called test_ start them (pytest).
"""

import json
import time
from pathlib import Path

import cocotb
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
from rtl_gen.verilog import generate
from verif.axi_rules import ReadRules, WriteRules
from verif.cocotb.axi import Region, axi_bus, axi_lite_bus, pause_all, quiet, watch
from verif.cocotb.bench import PERIOD, Bench
from verif.cocotb.runner import simulate
from verif.cocotb.streams import PATTERNS
from verif.vectors.distance import digits

MODULE = "verif.cocotb.test_top"
TINY = PRESETS["tiny"]
MAP = register_map(TINY)
SAMPLES, RESULT, SIZE = 0x1000, 0x8000, 1 << 16
UNDER_WAY = 4 + 8 + 1
"""Bursts of both engines, and the one in the register between them and the port."""
LIMIT = 400_000
"""Cycles a job may take."""
pytestmark = pytest.mark.verilator


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
        pause_all(self.control, pattern, f"{bench.seed} control")
        pause_all(self.memory, pattern, f"{bench.seed} memory")
        watch(dut, bench.clock, ReadRules(TINY.data_width, 64, UNDER_WAY, 2), "memory")
        watch(dut, bench.clock, WriteRules(TINY.data_width, 64, UNDER_WAY, 2), "memory")

    async def write(self, name, value):
        answer = await self.control.write(MAP[name].offset, int(value).to_bytes(4, "little"))
        return answer.resp

    async def read(self, name):
        answer = await self.control.read(MAP[name].offset, 4)
        assert answer.resp == AxiResp.OKAY
        return int.from_bytes(answer.data, "little")

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


@cocotb.test()
@cocotb.parametrize(pattern=PATTERNS)
async def jobs(dut, pattern):
    """Jobs of all rules and many shapes, one after the other."""
    board = await begin(dut, pattern)
    shapes = [
        real(32, 8, iterations=5),
        real(17, 5, rule="medoid", iterations=3, drop=0.0),
        real(31, 31, rule="grid", iterations=3, drop=0.5),
        real(2, 1, iterations=1),
        real(3, 2, dimensions=1, iterations=2),
        real(9, 3, dimensions=7, iterations=0),
        real(32, 10, dimensions=3, rule="grid", iterations=10, seed=3),
    ]
    for number, job in enumerate(shapes):
        await board.run(f"job {number}", job)
    board.bench.finish(pattern)


def small(**parameters):
    """The shortest job that goes through everything."""
    return real(9, 3, dimensions=16, iterations=1, **parameters)


@cocotb.test()
async def error_responses(dut):
    """SLVERR to any read beat or to the write: sticky error, nothing written, next job right."""
    board = await begin(dut)
    job = small()
    beats = job.samples.size * 8 // TINY.data_width
    for beat in (0, 1, beats // 2, beats - 1):
        await board.describe(job)
        board.region.fail = {board.region.accesses + beat}
        await board.start()
        await board.wait()
        assert board.region.contents == job.memory(), "written after an error"
        await board.ended(f"error on read beat {beat}", job, read_slave=1)
    for beat in (0, 1):
        await board.describe(job)
        board.region.fail = {board.region.accesses + beats + beat}
        await board.start()
        await board.wait()
        await board.ended(f"error on write beat {beat}", job, write_slave=1)
    board.bench.finish()


@cocotb.test()
async def refusals(dut):
    """Every illegal number, and a start while busy: refused with its reason, memory untouched."""
    board = await begin(dut)
    job = small()
    illegal = [
        ("samples", 0, Refusal.SAMPLES),
        ("samples", 1, Refusal.SAMPLES),
        ("samples", TINY.samples + 1, Refusal.SAMPLES),
        ("samples", 1 << 31, Refusal.SAMPLES),
        ("sample_bytes", 0, Refusal.SAMPLE_BYTES),
        ("sample_bytes", TINY.dimensions + 1, Refusal.SAMPLE_BYTES),
        ("features", 0, Refusal.FEATURES),
        ("features", TINY.features + 1, Refusal.FEATURES),
        ("neighbours", 0, Refusal.NEIGHBOURS),
        ("neighbours", 9, Refusal.NEIGHBOURS),
        ("iterations", 1024, Refusal.ITERATIONS),
        ("rule", 3, Refusal.RULE),
        ("drop", 3, Refusal.DROP),
        ("spread", 257, Refusal.SPREAD),
        ("budget", 0, Refusal.BUDGET),
        ("budget", 10, Refusal.BUDGET),
        ("sample_address_low", SAMPLES + 4, Refusal.SAMPLE_ADDRESS),
        ("result_address_low", RESULT + 1, Refusal.RESULT_ADDRESS),
    ]
    await board.describe(job)
    for name, value, reason in illegal:
        await board.write(name, value)
        await board.start()
        await board.wait()
        assert (await board.fields("status"))["refusal"] == reason, name
        assert (await board.fields("errors"))["refused"] == 1
        await board.write("errors", (1 << 32) - 1)
        await board.write(name, job.registers()[name])
    assert board.region.accesses == 0
    await board.start()
    await board.bench.clock.edges(100)
    assert await board.write("samples", 5) == AxiResp.SLVERR, "a job's numbers are locked"
    await board.write("control", MAP["control"].encode(start=1))
    await board.bench.clock.edges(20)
    assert (await board.fields("status"))["refusal"] == Refusal.BUSY
    assert (await board.fields("errors"))["refused"] == 1
    while (await board.fields("status"))["busy"]:
        await board.bench.clock.edges(100)
    await board.write("errors", (1 << 32) - 1)
    got = np.frombuffer(board.region.at(RESULT, 4 * job.budget), "<u4")
    board.bench.compare("job refused a second start", got.tolist(), job.expected.chosen.tolist())
    board.bench.finish()


@cocotb.test()
async def aborts_and_resets(dut):
    """An abort, or a reset, at many times in every phase; the next job is right."""
    board = await begin(dut)
    job, phases = small(), set()
    for cycles in (1, 20, 60, 300, 900, 1500, 2100, 2700, 3300, 4000):
        await board.describe(job)
        await board.start()
        await board.bench.clock.edges(cycles)
        phase = (await board.fields("status"))["phase"]
        if phase == Phase.IDLE:
            break
        phases.add(phase)
        await board.write("control", MAP["control"].encode(abort=1))
        while await board.read("control"):
            await board.bench.clock.edges(10)
        await board.ended(f"abort after {cycles} cycles", job, aborted=1)
        await board.describe(job)
        await board.start()
        await board.bench.clock.edges(cycles)
        dut.rst.value = 1
        await board.bench.clock.edges(3)
        dut.rst.value = 0
        await board.bench.clock.edges(3)
        await board.run(f"after reset in cycle {cycles}", job)
    assert {Phase.REDUCE, Phase.AFFINITY, Phase.EMBED} <= phases, phases
    board.bench.finish()


@cocotb.test()
async def pace(dut):
    """How fast the simulation is, from the start of a job to its interrupt (scripts ask for it)."""
    board = await begin(dut)
    job = pace_job()
    await board.describe(job)
    begun = time.perf_counter()
    await board.start()
    await board.wait()
    seconds = time.perf_counter() - begun
    await board.check("job", job)
    figures = {"seconds": seconds, "cycles": await board.read("count_cycles")}
    Path(board.bench.parameters["out"]).write_text(json.dumps(figures))
    board.bench.finish()


def pace_job():
    """A full tile of `tiny`, as long as users run it."""
    return real(32, 8)


def test_error_responses(top, seed):
    simulate(top, MODULE, "error_responses", seed=seed)


def test_refusals(top, seed):
    simulate(top, MODULE, "refusals", seed=seed)


@pytest.mark.slow
def test_aborts_and_resets(top, seed):
    simulate(top, MODULE, "aborts_and_resets", seed=seed)


def test_jobs(top, seed):
    simulate(top, MODULE, "jobs", seed=seed)


@pytest.fixture(scope="module")
def top():
    return generate(Top(TINY), "tiny_top")
