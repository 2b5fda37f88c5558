# SPDX-License-Identifier: Apache-2.0
"""hw.bus.read_master before a memory with latency, stalls and errors, in the Amaranth simulator."""

import gc
import random

import numpy as np
import pytest
from amaranth.sim import Simulator

from hw.bus.read_master import ReadMaster
from verif.axi_rules import ReadRules, expected_bursts, random_transfers
from verif.cocotb.streams import stalls
from verif.unit.bus.memory import ReadMemory
from verif.unit.streams import receive, send

SLVERR, DECERR = 2, 3
REGION = 1 << 14


class Run:
    """One master and its memory; `go` runs transfers [(address, bytes)], one after the other."""

    def __init__(
        self, seed, width=64, burst=16, outstanding=4, latency=5, patterns=("none",) * 4, fail=None
    ):
        self.dut = ReadMaster(40, width, burst=burst, outstanding=outstanding)
        self.width, self.beat, self.seed, self.patterns = width, width // 8, seed, patterns
        self.contents = np.random.default_rng(seed).bytes(REGION)
        self.rules = ReadRules(width, burst, outstanding)
        self.memory = ReadMemory(
            self.dut.axi, self.rules, self.bytes_at, latency, self.pause(0), self.pause(1), fail
        )

    def pause(self, index):
        return stalls(self.patterns[index], random.Random(f"{self.seed} {index}"))

    def bytes_at(self, address):
        return self.contents[address % REGION :][: self.beat]

    def expected(self, address, count):
        """Beats of a transfer: (whole beat, last)."""
        places = range(address, address + count, self.beat)
        return [(int.from_bytes(self.bytes_at(p), "little"), int(p == places[-1])) for p in places]

    def simulate(self, testbench):
        simulator = Simulator(self.dut)
        simulator.add_clock(1e-6)
        simulator.add_testbench(self.memory.run, background=True)
        simulator.add_testbench(testbench)
        simulator.run()
        return self

    def go(self, transfers):
        """All transfers, all data, then idle; checks beats, bursts and counters."""
        expected = [beat for transfer in transfers for beat in self.expected(*transfer)]
        self.cycles = []

        async def give(ctx):
            payloads = [{"address": a, "bytes": b} for a, b in transfers]
            await send(ctx, self.dut.transfers, payloads, self.pause(2))

        async def take(ctx):
            beats = await receive(ctx, self.dut.data, len(expected), self.pause(3), self.cycles)
            assert [(b.data, b.last) for b in beats] == expected, f"seed {self.seed}"
            ctx.set(self.dut.data.ready, 1)
            for _ in range(20):
                await ctx.tick()
                assert not ctx.get(self.dut.data.valid), "a beat too many"
            assert ctx.get(self.dut.idle) and not ctx.get(self.dut.error)
            bursts = [b for t in transfers for b in expected_bursts(*t, self.width, self.burst)]
            assert [(address, beats) for _, address, beats in self.rules.offered] == bursts
            assert ctx.get(self.dut.bursts) == len(bursts)
            assert ctx.get(self.dut.bytes) == sum(count for _, count in transfers)

        simulator = Simulator(self.dut)
        simulator.add_clock(1e-6)
        for background in (self.memory.run, give):
            simulator.add_testbench(background, background=True)
        simulator.add_testbench(take)
        simulator.run()
        return self

    @property
    def burst(self):
        return self.rules.burst


@pytest.mark.parametrize(
    "width, burst, patterns",
    [
        (64, 256, ("none",) * 4),
        (64, 5, ("long", "random", "none", "long")),
        (128, 200, ("random",) * 4),
        (256, 1, ("none", "random", "random", "none")),
    ],
)
def test_random_transfers(width, burst, patterns, seed):
    rng = np.random.default_rng(seed)
    transfers = random_transfers(rng, width // 8, 8, 100 * width // 8) + [(8192, width // 8)]
    Run(seed, width, burst, outstanding=3, latency=9, patterns=patterns).go(transfers)


@pytest.mark.parametrize("width", [64, 256])
def test_page_boundary(width, seed):
    """Every start around a 4 KiB boundary, short and long transfers; also no bytes at all."""
    beat = width // 8
    transfers = [
        (4096 - before * beat, beats * beat - odd)
        for before in range(6)
        for beats in (1, 2, 5, 6, 7)
        for odd in (0, 1, beat - 1)
    ]
    Run(seed, width, burst=4096 // beat // 2).go(
        [(64, 0), *transfers, (4096, 0), (4096 - beat, 9000)]
    )


@pytest.mark.parametrize("width", [64, 256])
def test_throughput(width, seed):
    """One beat a cycle up to the stated latency, and not beyond it by much."""
    for burst, outstanding in ((16, 4), (8, 2)):
        limit = (outstanding - 1) * burst - ReadMaster.overhead
        beats = 500
        run = Run(seed, width, burst, outstanding, limit).go([(0, beats * width // 8)])
        assert run.cycles[-1] - run.cycles[0] == beats - 1
        slow = Run(seed, width, burst, outstanding, limit + 1).go([(0, beats * width // 8)])
        assert slow.cycles[-1] - slow.cycles[0] > beats - 1, "the stated limit is too cautious"


def test_hundred_cycles_of_latency(seed):
    """The default master, 512 samples of 64 bytes at latency 100: within 3 % of a beat a cycle."""
    run = Run(seed, 64, 64, 4, 100).go([(0x10000, 512 * 64)])
    assert run.cycles[-1] <= 1.03 * 4096


def test_latency(seed):
    run = Run(seed, latency=1).go([(0, 8)])
    # the transfer is taken in cycle 1
    assert run.rules.offered[0][0] == 3
    assert run.cycles[0] - 1 == 3 + 1 + 2


@pytest.mark.parametrize("beats", [3, 4])
def test_short_transfers_without_a_bubble(beats, seed):
    count = 40
    transfers = [(4096 * i, 8 * beats) for i in range(count)]
    run = Run(seed, burst=16, outstanding=8, latency=4).go(transfers)
    assert run.cycles[-1] - run.cycles[0] == count * beats - 1


def test_a_waiting_reader_never_holds_up_the_bus(seed):
    """Nothing is taken for 300 cycles: rready stays high (ReadRules), and the queue fills.

    Then beats are taken more slowly than they come, and none finds the queue full (its Assert).
    """
    run = Run(seed, burst=8, outstanding=4, latency=3, patterns=("none", "none", "none", "random"))
    expected = run.expected(0, 4000)

    async def testbench(ctx):
        await send(ctx, run.dut.transfers, [{"address": 0, "bytes": 4000}], stalls("none", None))
        await ctx.tick().repeat(300)
        assert run.rules.beats == run.dut.places
        beats = await receive(ctx, run.dut.data, len(expected), run.pause(3))
        assert [(b.data, b.last) for b in beats] == expected

    run.simulate(testbench)


async def _stopped(ctx, run, limit=600):
    """Until idle; transfers are dropped and data stays away meanwhile."""
    for _ in range(limit):
        assert not ctx.get(run.dut.data.valid)
        await ctx.tick()
        if ctx.get(run.dut.idle):
            return
    raise AssertionError(f"not idle after {limit} cycles, seed {run.seed}")


async def _clean_job(ctx, run):
    """clear, then a transfer that must be right."""
    dut = run.dut
    ctx.set(dut.transfers.valid, 0)
    ctx.set(dut.clear, 1)
    await ctx.tick()
    ctx.set(dut.clear, 0)
    assert not ctx.get(dut.error) and not ctx.get(dut.decode_error)
    assert ctx.get(dut.bursts) == 0 and ctx.get(dut.bytes) == 0
    await send(ctx, dut.transfers, [{"address": 4000, "bytes": 333}], stalls("none", None))
    expected = run.expected(4000, 333)
    beats = await receive(ctx, dut.data, len(expected), stalls("none", None))
    assert [(b.data, b.last) for b in beats] == expected
    await ctx.tick()
    assert ctx.get(dut.idle) and ctx.get(dut.bytes) == 333


@pytest.mark.parametrize("response", [SLVERR, DECERR])
def test_error_on_any_beat(response, seed):
    """An error in each of the beats of a transfer; no burst after it, no data after it."""
    for number in range(0, 24, 1 if response == SLVERR else 9):
        run = Run(seed, burst=4, outstanding=3, patterns=("none",) * 4, fail={number: response})

        async def testbench(ctx, run=run, number=number):
            dut = run.dut
            ctx.set(dut.transfers.payload, {"address": 64, "bytes": 8 * 24})
            ctx.set(dut.transfers.valid, 1)  # again and again: dropped once stopped
            ctx.set(dut.data.ready, 1)
            received = []
            while not ctx.get(dut.error):
                *_, valid, beat = await ctx.tick().sample(dut.data.valid, dut.data.payload)
                if valid:
                    received.append((beat.data, beat.last))
            assert run.rules.cycle - run.rules.first_error == 1
            assert ctx.get(dut.decode_error) == (response == DECERR)
            await _stopped(ctx, run)
            assert len(received) <= number
            assert received == run.expected(64, 8 * 24)[: len(received)]
            assert ctx.get(dut.bytes) == 8 * number
            assert all(cycle <= run.rules.first_error + 1 for cycle, *_ in run.rules.offered)
            await _clean_job(ctx, run)

        run.simulate(testbench)


def test_abort_in_any_cycle(seed):
    """Abort in every second of the first 32 cycles, with stalls, also while a reader waits."""
    for moment in range(1, 33, 2):
        patterns = ("random", "random", "none", "none")
        run = Run(seed + moment, burst=4, outstanding=3, latency=6, patterns=patterns)

        async def testbench(ctx, run=run, moment=moment):
            dut = run.dut
            ctx.set(dut.transfers.payload, {"address": 4040, "bytes": 300})
            ctx.set(dut.transfers.valid, 1)
            ctx.set(dut.data.ready, moment % 3 != 0)
            await ctx.tick().repeat(moment)
            ctx.set(dut.stop, 1)
            stop = run.rules.cycle
            await ctx.tick()
            ctx.set(dut.stop, 0)
            ctx.set(dut.data.ready, 0)
            if not ctx.get(dut.idle):
                await _stopped(ctx, run)
            assert not ctx.get(dut.error)
            assert all(cycle <= stop + 1 for cycle, *_ in run.rules.offered)
            assert run.rules.under_way == 0
            await _clean_job(ctx, run)

        run.simulate(testbench)


def test_clear_while_busy_is_ignored(seed):
    run = Run(seed, latency=30)

    async def testbench(ctx):
        await send(ctx, run.dut.transfers, [{"address": 0, "bytes": 800}], stalls("none", None))
        ctx.set(run.dut.stop, 1)
        ctx.set(run.dut.clear, 1)
        await ctx.tick()
        ctx.set(run.dut.stop, 0)
        await ctx.tick().repeat(10)
        ctx.set(run.dut.clear, 0)
        ctx.set(run.dut.data.ready, 1)
        await ctx.tick().repeat(200)
        assert ctx.get(run.dut.idle) and run.rules.beats <= 32

    run.simulate(testbench)


@pytest.mark.filterwarnings("ignore::amaranth.hdl.UnusedElaboratable")
@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"burst": 0}, "burst is 0: with 64 bits it must be from 1 to 256"),
        ({"burst": 257}, "burst is 257: with 64 bits"),
        ({"burst": 129, "data_width": 256}, "burst is 129: with 256 bits it must be from 1 to 128"),
        ({"data_width": 32}, "data_width is 32: it must be 64, 128 or 256"),
        ({"address_width": 11}, "address_width is 11: it must be from 12 to 64"),
        ({"outstanding": 0}, "outstanding is 0: it must be from 1 to 64"),
        ({"length_width": 3}, "length_width is 3: it must be from 4 to 32"),
    ],
)
def test_illegal_parameter(arguments, message):
    with pytest.raises(ValueError, match=message):
        ReadMaster(**{"address_width": 40, "data_width": 64, **arguments})
    gc.collect()  # what was refused is never used
