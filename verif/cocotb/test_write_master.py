# SPDX-License-Identifier: Apache-2.0
"""The write master as Verilog, before the memories of cocotbext-axi.

The coroutines run in the simulator (cocotb), the functions called test_ start them (pytest).
"""

import cocotb
import pytest
from cocotbext.axi import AxiRamWrite, AxiSlaveWrite

from hw.bus.write_master import WriteMaster
from hw.config import PRESETS
from rtl_gen.blocks import generate_block
from rtl_gen.verilog import generate
from verif.axi_rules import WriteRules, expected_bursts
from verif.cocotb.axi import Region, axi_write_bus, pause_all, quiet, watch
from verif.cocotb.bench import Bench
from verif.cocotb.runner import simulate
from verif.cocotb.streams import PATTERNS

MODULE = "verif.cocotb.test_write_master"
SIZE = 1 << 16
LIMIT = 60_000
pytestmark = pytest.mark.verilator


class Partner:
    """Streams, rules and an image of memory around one master; `parameters` as in `block`."""

    def __init__(self, bench: Bench, pattern: str, image: bytes):
        self.bench = bench
        self.width, burst, outstanding = bench.parameters
        self.beat = self.width // 8
        self.rules = WriteRules(self.width, burst, outstanding)
        watch(bench.dut, bench.clock, self.rules, sleeps=False)
        self.transfers = bench.source("transfers", pattern)
        self.data = bench.source("data", pattern)
        self.image = bytearray(image)

    def send(self, transfers):
        """Random data for the transfers; the image holds it afterwards."""
        shift = self.bench.entry["ports"]["transfers__payload"]["fields"]["bytes"]["offset"]
        self.transfers.send([address | count << shift for address, count in transfers])
        for address, count in transfers:
            data = self.bench.rng.bytes(-(-count // self.beat) * self.beat)
            beats = range(0, len(data), self.beat)
            self.data.send(int.from_bytes(data[i : i + self.beat], "little") for i in beats)
            self.image[address : address + count] = data[:count]

    def compare(self, what, contents, transfers):
        """Beat by beat where transfers went; everywhere else nothing may have changed."""
        for address, count in transfers:
            places = range(address, address + count, self.beat)
            words = [
                [int.from_bytes(memory[p : p + self.beat], "little") for p in places]
                for memory in (contents, self.image)
            ]
            self.bench.compare(f"{what} at {address:#x}", *words)
        assert bytes(contents) == bytes(self.image), what

    async def idle(self, cycles=3000):
        for _ in range(cycles):
            await self.bench.clock.edges(1)
            if self.bench.dut.idle.value == 1:
                return
        raise AssertionError(f"not idle after {cycles} cycles")

    async def finished(self):
        """All streams taken, and idle."""
        await self.transfers.drained(LIMIT)
        await self.data.drained(LIMIT)
        await self.idle()

    async def clear(self):
        self.bench.dut.clear.value = 1
        await self.bench.clock.edges(1)
        self.bench.dut.clear.value = 0
        await self.bench.clock.edges(1)
        assert self.bench.dut.error.value == 0


def separate_transfers(rng, beat, count, longest):
    """(address, bytes), aligned, none touching another, many around a multiple of 4 KiB."""
    room = SIZE // count
    transfers = []
    for index in range(count):
        start = (index * room + int(rng.integers(0, room - longest * beat))) // beat * beat
        transfers.append((start, int(rng.integers(1, longest * beat + 1))))
    return transfers


async def begin(dut) -> Bench:
    bench = Bench(dut)
    quiet(dut)
    await bench.start()
    return bench


@cocotb.test()
@cocotb.parametrize(pattern=PATTERNS)
async def transfers(dut, pattern):
    """Random transfers back to back, all channels stalling; memory changes there only."""
    bench = await begin(dut)
    ram = AxiRamWrite(axi_write_bus(dut), dut.clk, size=SIZE)
    ram.write(0, before := bench.rng.bytes(SIZE))
    pause_all(ram, pattern, bench.seed)
    partner = Partner(bench, pattern, before)
    beat = partner.beat
    jobs = separate_transfers(bench.rng, beat, 10, 4096 // beat // 8 + 20)
    jobs += [(61440 + 4096 - 3 * beat, 3 * beat - 1), (4096 - beat, 2 * beat), (0, 1)]
    partner.send(jobs)
    await partner.finished()
    partner.compare("memory", ram.read(0, SIZE), jobs)
    bursts = [b for job in jobs for b in expected_bursts(*job, partner.width, partner.rules.burst)]
    assert [(address, beats) for _, address, beats in partner.rules.offered] == bursts
    assert partner.rules.complete()
    assert dut.bytes.value == sum(count for _, count in jobs)
    assert dut.bursts.value == len(bursts) and dut.error.value == 0
    bench.finish(pattern)


@cocotb.test()
async def throughput(dut):
    """A long transfer into a memory that never stalls: one beat a cycle."""
    bench = await begin(dut)
    ram = AxiRamWrite(axi_write_bus(dut), dut.clk, size=SIZE)
    partner = Partner(bench, "none", bytes(SIZE))
    jobs = [(0, 1000 * partner.beat)]
    partner.send(jobs)
    await partner.finished()
    partner.compare("memory", ram.read(0, SIZE), jobs)
    cycles = [cycle for cycle, _ in partner.rules.strobes]
    assert cycles[-1] - cycles[0] == 999
    bench.finish()


def check_stopped(partner, since, stop, old, region):
    """No burst after `stop`; memory holds old or new bytes, and new only where strobes were on."""
    rules = partner.rules
    assert rules.complete()
    assert all(cycle <= stop + 1 for cycle, *_ in rules.offered)
    late = [strobes for cycle, strobes in rules.strobes[since:] if cycle > stop + 1]
    assert not any(late[1:]), "only the beat already offered may still be written"
    written = sum(strobes.bit_count() for _, strobes in rules.strobes[since:])
    assert partner.bench.dut.bytes.value == written
    new = partner.image
    changed = [i for i in range(SIZE) if region.contents[i] != old[i]]
    assert len(changed) <= written
    assert all(region.contents[i] == new[i] for i in changed)


async def job_after_stop(bench, partner, region):
    """Clear, and a clean job on top of whatever memory holds."""
    await partner.clear()
    partner.image = bytearray(region.contents)
    jobs = separate_transfers(bench.rng, partner.beat, 2, 40)
    partner.send(jobs)
    await partner.finished()
    partner.compare("after", region.contents, jobs)
    assert bench.dut.error.value == 0
    await partner.clear()


@cocotb.test()
@cocotb.parametrize(pattern=("none", "random"))
async def errors(dut, pattern):
    """SLVERR from a random beat, ten times; each time a clean job follows."""
    bench = await begin(dut)
    region = Region(bench.rng.bytes(SIZE))
    slave = AxiSlaveWrite(axi_write_bus(dut), dut.clk, target=region)
    pause_all(slave, pattern, bench.seed)
    partner = Partner(bench, pattern, region.contents)
    for _ in range(10):
        region.fail = {region.accesses + int(bench.rng.integers(0, 80))}
        since, old = len(partner.rules.strobes), bytes(region.contents)
        partner.rules.first_error = None
        partner.send([(4096 - 24 * partner.beat, 80 * partner.beat)])
        while dut.error.value == 0:
            await bench.clock.edges(1)
        assert dut.decode_error.value == 0
        await partner.finished()
        check_stopped(partner, since, partner.rules.first_error, old, region)
        await job_after_stop(bench, partner, region)
    bench.finish(pattern)


@cocotb.test()
@cocotb.parametrize(pattern=("none", "random", "long"))
async def aborts(dut, pattern):
    """Stopped at a random time, fifteen times; the burst begun ends, and a clean job follows."""
    bench = await begin(dut)
    region = Region(bench.rng.bytes(SIZE))
    slave = AxiSlaveWrite(axi_write_bus(dut), dut.clk, target=region)
    pause_all(slave, pattern, bench.seed)
    partner = Partner(bench, pattern, region.contents)
    for _ in range(15):
        since, old = len(partner.rules.strobes), bytes(region.contents)
        partner.send([(4096 - 24 * partner.beat, 60 * partner.beat)])
        await bench.clock.edges(int(bench.rng.integers(1, 80)))
        dut.stop.value = 1
        await bench.clock.edges(1)
        stop = partner.rules.cycle
        dut.stop.value = 0
        await bench.clock.edges(1)
        await partner.finished()
        check_stopped(partner, since, stop, old, region)
        assert dut.error.value == 0
        await job_after_stop(bench, partner, region)
    bench.finish(pattern)


def block(width, burst, outstanding):
    return generate(WriteMaster(32, width, burst=burst, outstanding=outstanding), "write_master")


@pytest.mark.parametrize(
    "shape", [(64, 16, 3), pytest.param((256, 128, 2), marks=pytest.mark.slow)], ids=str
)
def test_write_transfers(shape, seed):
    simulate(block(*shape), MODULE, "transfers", seed=seed, parameters=shape)


@pytest.mark.slow
def test_write_throughput_of_the_preset(seed):
    tiny = generate_block(PRESETS["tiny"], "write_master")
    simulate(tiny, MODULE, "throughput", seed=seed, parameters=(64, 64, 4))


@pytest.mark.parametrize("case", ["errors", "aborts"])
def test_write_stops(case, seed):
    simulate(block(64, 16, 3), MODULE, case, seed=seed, parameters=(64, 16, 3))
