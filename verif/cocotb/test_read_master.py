# SPDX-License-Identifier: Apache-2.0
"""The read master as Verilog, before the memories of cocotbext-axi.

The coroutines run in the simulator (cocotb), the functions called test_ start them (pytest).
"""

import cocotb
import pytest
from cocotbext.axi import AxiRamRead, AxiSlaveRead

from hw.bus.read_master import ReadMaster
from hw.config import PRESETS
from rtl_gen.blocks import generate_block
from rtl_gen.verilog import generate
from verif.axi_rules import ReadRules, expected_bursts, random_transfers
from verif.cocotb.axi import Region, axi_read_bus, pause_all, quiet, watch
from verif.cocotb.bench import Bench
from verif.cocotb.runner import simulate
from verif.cocotb.streams import PATTERNS

MODULE = "verif.cocotb.test_read_master"
SIZE = 1 << 16
LIMIT = 60_000
pytestmark = pytest.mark.verilator


class Partner:
    """Streams, rules and expectation around one master; `parameters`: width, burst, outstanding."""

    def __init__(self, bench: Bench, pattern: str):
        self.bench = bench
        self.width, burst, outstanding = bench.parameters
        self.beat = self.width // 8
        self.rules = ReadRules(self.width, burst, outstanding)
        watch(bench.dut, bench.clock, self.rules, sleeps=False)
        self.transfers = bench.source("transfers", pattern)
        self.data = bench.sink("data", pattern)

    def send(self, transfers):
        shift = self.bench.entry["ports"]["transfers__payload"]["fields"]["bytes"]["offset"]
        self.transfers.send([address | count << shift for address, count in transfers])

    def expected(self, transfers, read):
        """Payloads for the bytes that `read(address, length)` gives."""
        beats = []
        for address, count in transfers:
            places = range(address, address + count, self.beat)
            beats += [
                int.from_bytes(read(place % SIZE, self.beat), "little")
                | (place == places[-1]) << self.width
                for place in places
            ]
        return beats

    async def idle(self, cycles=2000):
        for _ in range(cycles):
            await self.bench.clock.edges(1)
            if self.bench.dut.idle.value == 1:
                return
        raise AssertionError(f"not idle after {cycles} cycles")

    async def clear(self):
        """A pulse on clear; the stream of data may have been cut off."""
        self.bench.dut.clear.value = 1
        await self.bench.clock.edges(1)
        self.bench.dut.clear.value = 0
        await self.bench.clock.edges(1)
        assert self.bench.dut.error.value == 0


async def begin(dut) -> Bench:
    bench = Bench(dut)
    quiet(dut)
    await bench.start()
    return bench


@cocotb.test()
@cocotb.parametrize(pattern=PATTERNS)
async def transfers(dut, pattern):
    """Random transfers and those around a 4 KiB boundary, back to back; all channels stall."""
    bench = await begin(dut)
    ram = AxiRamRead(axi_read_bus(dut), dut.clk, size=SIZE)
    ram.write(0, bench.rng.bytes(SIZE))
    pause_all(ram, pattern, bench.seed)
    partner = Partner(bench, pattern)
    beat = partner.beat
    jobs = random_transfers(bench.rng, beat, 12, 150 * beat) + [
        (8192 - before * beat, beats * beat - odd)
        for before in range(4)
        for beats in (1, 3, 4, 5)
        for odd in (0, beat - 1)
    ]
    jobs = [(address % (1 << 30), count) for address, count in jobs]
    partner.send(jobs)
    expected = partner.expected(jobs, ram.read)
    bench.compare("data", await partner.data.receive(len(expected), LIMIT), expected)
    await partner.idle()
    await bench.clock.edges(10)
    assert len(partner.data.beats) == len(expected)
    bursts = [b for job in jobs for b in expected_bursts(*job, partner.width, partner.rules.burst)]
    assert [(address, beats) for _, address, beats in partner.rules.offered] == bursts
    assert dut.bytes.value == sum(count for _, count in jobs)
    assert dut.bursts.value == len(bursts)
    bench.finish(pattern)


@cocotb.test()
async def throughput(dut):
    """A long transfer from a memory that never stalls: one beat a cycle once it flows."""
    bench = await begin(dut)
    ram = AxiRamRead(axi_read_bus(dut), dut.clk, size=SIZE)
    ram.write(0, bench.rng.bytes(SIZE))
    partner = Partner(bench, "none")
    jobs = [(0, 1000 * partner.beat)]
    partner.send(jobs)
    expected = partner.expected(jobs, ram.read)
    bench.compare("data", await partner.data.receive(1000, LIMIT), expected)
    assert partner.data.last_cycle - partner.data.first_cycle == 999
    bench.finish()


@cocotb.test()
@cocotb.parametrize(pattern=("none", "random"))
async def errors(dut, pattern):
    """SLVERR on a random beat, twelve times; each time a clean job follows."""
    bench = await begin(dut)
    region = Region(bench.rng.bytes(SIZE))
    slave = AxiSlaveRead(axi_read_bus(dut), dut.clk, target=region)
    pause_all(slave, pattern, bench.seed)
    partner = Partner(bench, pattern)
    rules = partner.rules
    for _ in range(12):
        number = int(bench.rng.integers(0, 80))
        job = (4096 - 24 * partner.beat, 80 * partner.beat)
        region.fail = {region.accesses + number}
        rules.first_error, start = None, len(partner.data.beats)
        partner.send([job])
        while dut.error.value == 0:
            await bench.clock.edges(1)
        assert dut.decode_error.value == 0
        failed = rules.first_error
        await partner.idle()
        assert all(cycle <= failed + 1 for cycle, *_ in rules.offered)
        assert dut.bytes.value == number * partner.beat
        received = partner.data.beats[start:]
        assert len(received) <= number
        bench.compare("before", received, partner.expected([job], region.at)[: len(received)])
        await partner.clear()
        await clean_job(bench, partner, region)
    bench.finish(pattern)


async def clean_job(bench, partner, region):
    start = len(partner.data.beats)
    job = random_transfers(bench.rng, partner.beat, 1, 40 * partner.beat)[0]
    partner.send([job])
    expected = partner.expected([job], region.at)
    received = await partner.data.receive(start + len(expected), LIMIT)
    bench.compare("after", received[start:], expected)
    await partner.idle()
    assert bench.dut.error.value == 0 and bench.dut.bytes.value == job[1]
    await partner.clear()


@cocotb.test()
@cocotb.parametrize(pattern=("none", "random"))
async def aborts(dut, pattern):
    """Abort at a random time, twenty times; nothing is issued after it, and a clean job follows."""
    bench = await begin(dut)
    region = Region(bench.rng.bytes(SIZE))
    slave = AxiSlaveRead(axi_read_bus(dut), dut.clk, target=region)
    pause_all(slave, pattern, bench.seed)
    partner = Partner(bench, pattern)
    for _ in range(20):
        partner.send([(4096 - 24 * partner.beat, 60 * partner.beat)])
        await bench.clock.edges(int(bench.rng.integers(1, 90)))
        dut.stop.value = 1
        await bench.clock.edges(1)
        stop = partner.rules.cycle
        dut.stop.value = 0
        await bench.clock.edges(1)
        await partner.transfers.drained(100)  # dropped if it was not taken yet
        await partner.idle()
        received = len(partner.data.beats)
        await bench.clock.edges(20)
        assert len(partner.data.beats) == received
        assert all(cycle <= stop + 1 for cycle, *_ in partner.rules.offered)
        await partner.clear()
        await clean_job(bench, partner, region)
    bench.finish(pattern)


def block(width, burst, outstanding):
    return generate(ReadMaster(32, width, burst=burst, outstanding=outstanding), "read_master")


@pytest.mark.parametrize(
    "shape", [(64, 16, 3), pytest.param((256, 128, 2), marks=pytest.mark.slow)], ids=str
)
def test_read_transfers(shape, seed):
    simulate(block(*shape), MODULE, "transfers", seed=seed, parameters=shape)


def test_read_throughput(seed):
    simulate(block(64, 16, 3), MODULE, "throughput", seed=seed, parameters=(64, 16, 3))


@pytest.mark.slow
def test_read_throughput_of_the_preset(seed):
    tiny = generate_block(PRESETS["tiny"], "read_master")
    simulate(tiny, MODULE, "throughput", seed=seed, parameters=(64, 64, 4))


@pytest.mark.parametrize("case", ["errors", "aborts"])
def test_read_stops(case, seed):
    simulate(block(64, 16, 3), MODULE, case, seed=seed, parameters=(64, 16, 3))
