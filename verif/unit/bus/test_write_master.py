# SPDX-License-Identifier: Apache-2.0
"""hw.bus.write_master before a memory that stalls and fails, in the Amaranth simulator."""

import gc
import random

import numpy as np
import pytest
from amaranth.sim import Simulator

from hw.bus.write_master import WriteMaster
from verif.axi_rules import WriteRules, expected_bursts, random_transfers
from verif.cocotb.streams import stalls
from verif.unit.bus.memory import WriteMemory
from verif.unit.streams import send

SLVERR, DECERR = 2, 3
NEVER = ("none",) * 5


class Run:
    """One master and its memory; `go` runs transfers [(address, bytes)], one after the other."""

    def __init__(
        self, seed, width=64, burst=16, outstanding=4, latency=5, patterns=NEVER, fail=None
    ):
        self.dut = WriteMaster(40, width, burst=burst, outstanding=outstanding)
        self.width, self.beat, self.seed, self.patterns = width, width // 8, seed, patterns
        self.rng = np.random.default_rng(seed)
        self.rules = WriteRules(width, burst, outstanding)
        pauses = [self.pause(index) for index in range(3)]
        self.memory = WriteMemory(self.dut.axi, self.rules, latency, *pauses, fail)

    def pause(self, index):
        return stalls(self.patterns[index], random.Random(f"{self.seed} {index}"))

    def words(self, transfers):
        """Random beats for the transfers, and what memory must hold afterwards."""
        words, contents = [], {}
        for address, count in transfers:
            data = self.rng.bytes(-(-count // self.beat) * self.beat)
            words += [
                int.from_bytes(data[i : i + self.beat], "little")
                for i in range(0, len(data), self.beat)
            ]
            contents |= {address + i: data[i] for i in range(count)}
        return words, contents

    def simulate(self, testbench, *background):
        simulator = Simulator(self.dut)
        simulator.add_clock(1e-6)
        for each in (self.memory.run, *background):
            simulator.add_testbench(each, background=True)
        simulator.add_testbench(testbench)
        simulator.run()

    def go(self, transfers):
        """All transfers, then idle; checks memory, bursts and counters."""
        words, contents = self.words(transfers)

        async def give(ctx):
            payloads = [{"address": a, "bytes": b} for a, b in transfers]
            await send(ctx, self.dut.transfers, payloads, self.pause(3))

        async def fill(ctx):
            await send(ctx, self.dut.data, words, self.pause(4))
            for _ in range(3000):
                await ctx.tick()
                if ctx.get(self.dut.idle):
                    break
            await ctx.tick().repeat(20)
            assert ctx.get(self.dut.idle) and not ctx.get(self.dut.error), f"seed {self.seed}"
            assert self.memory.contents == contents, f"seed {self.seed}"
            burst = self.rules.burst
            bursts = [b for t in transfers for b in expected_bursts(*t, self.width, burst)]
            assert [(address, beats) for _, address, beats in self.rules.offered] == bursts
            assert self.rules.complete()
            assert ctx.get(self.dut.bursts) == len(bursts)
            assert ctx.get(self.dut.bytes) == sum(count for _, count in transfers)

        self.simulate(fill, give)
        return self


@pytest.mark.parametrize(
    "width, burst, patterns",
    [
        (64, 256, NEVER),
        (64, 5, ("long", "none", "random", "none", "long")),
        (128, 200, ("random",) * 5),
        (256, 1, ("none", "random", "random", "random", "none")),
    ],
)
def test_random_transfers(width, burst, patterns, seed):
    beat = width // 8
    transfers = random_transfers(np.random.default_rng(seed), beat, 8, 100 * beat)
    run = Run(seed, width, burst, outstanding=3, latency=9, patterns=patterns)
    run.go([*transfers, (8192, beat)])


@pytest.mark.parametrize("width", [64, 256])
def test_page_boundary(width, seed):
    """Every start around a 4 KiB boundary, every number of bytes in the last beat; none at all."""
    beat = width // 8
    transfers = [
        (4096 * (8 * before + beats) - before * beat, beats * beat - odd)
        for before in range(1, 5)
        for beats in (1, 2, 4, 5, 6)
        for odd in (0, 1, beat - 1)
    ]
    transfers = [(a + (i << 20), b) for i, (a, b) in enumerate(transfers)]
    run = Run(seed, width, burst=4096 // beat // 2)
    run.go([(64, 0), *transfers, (4096, 0), (4096 - beat, 8192 + odd_tail(beat))])


def odd_tail(beat):
    return beat // 2 + 1


@pytest.mark.parametrize("beats, burst", [(600, 16), (3, 16), (9, 3)])
def test_throughput(beats, burst, seed):
    """One beat a cycle, over bursts and transfers, with answers 20 cycles later."""
    count = 1 if beats > 100 else 40
    run = Run(seed, burst=burst, outstanding=16, latency=20)
    run.go([(65536 * i, 8 * beats) for i in range(count)])
    cycles = [cycle for cycle, _ in run.rules.strobes]
    assert cycles[-1] - cycles[0] == count * beats - 1


def test_latency(seed):
    run = Run(seed).go([(0, 8)])
    assert run.rules.offered[0][0] == run.rules.strobes[0][0] == 3


def test_no_burst_before_its_data(seed):
    """A transfer alone puts nothing on the bus; its first beat does, and the rest may be late."""
    run = Run(seed, burst=8)
    words, contents = run.words([(0, 120)])

    async def testbench(ctx):
        await send(ctx, run.dut.transfers, [{"address": 0, "bytes": 120}], stalls("none", None))
        await ctx.tick().repeat(50)
        assert not run.rules.offered and not ctx.get(run.dut.idle)
        for word in words:
            await send(ctx, run.dut.data, [word], stalls("none", None))
            await ctx.tick().repeat(10)
        assert ctx.get(run.dut.idle) and run.memory.contents == contents

    run.simulate(testbench)


async def _until_idle(ctx, run, limit=800):
    for _ in range(limit):
        if ctx.get(run.dut.idle):
            return
        await ctx.tick()
    raise AssertionError(f"not idle after {limit} cycles, seed {run.seed}")


async def _clean_job(ctx, run):
    """Dropped for a while, then clear and a transfer that must be right."""
    dut = run.dut
    await ctx.tick().repeat(10)
    assert ctx.get(dut.data.ready) and ctx.get(dut.transfers.ready)
    ctx.set(dut.transfers.valid, 0)
    ctx.set(dut.data.valid, 0)
    ctx.set(dut.clear, 1)
    await ctx.tick()
    ctx.set(dut.clear, 0)
    assert not ctx.get(dut.error) and not ctx.get(dut.decode_error)
    assert ctx.get(dut.bursts) == 0 and ctx.get(dut.bytes) == 0
    run.memory.contents.clear()
    words, contents = run.words([(4000, 333)])
    await send(ctx, dut.transfers, [{"address": 4000, "bytes": 333}], stalls("none", None))
    await send(ctx, dut.data, words, stalls("none", None))
    await ctx.tick().repeat(4)
    await _until_idle(ctx, run)
    assert run.memory.contents == contents and run.rules.complete()
    assert ctx.get(dut.bytes) == 333 and not ctx.get(dut.error)


@pytest.mark.parametrize("response", [SLVERR, DECERR])
def test_error_in_any_answer(response, seed):
    """After a failing answer nothing begins, and the burst begun ends without strobes."""
    for number in range(8):
        patterns = ("random", "random", "none", "none", "none")
        run = Run(seed + number, burst=4, latency=3, patterns=patterns, fail={number: response})

        async def testbench(ctx, run=run):
            dut, rules = run.dut, run.rules
            ctx.set(dut.transfers.payload, {"address": 4064, "bytes": 170})
            ctx.set(dut.transfers.valid, 1)
            ctx.set(dut.data.valid, 1)
            while not ctx.get(dut.error):
                await ctx.tick()
            stop = rules.first_error
            assert rules.cycle - stop == 1
            assert ctx.get(dut.decode_error) == (response == DECERR)
            await _until_idle(ctx, run)
            assert all(cycle <= stop + 1 for cycle, *_ in rules.offered)
            late = [s for cycle, s in rules.strobes if cycle > stop + 1]
            assert not any(late[1:]), "only the beat already offered may still be written"
            assert ctx.get(dut.bytes) == sum(s.bit_count() for _, s in rules.strobes)
            await _clean_job(ctx, run)

        run.simulate(testbench)


def test_abort_in_any_cycle(seed):
    """Abort in every third of the first 32 cycles, with stalls and data late or missing."""
    unfinished = 0
    for moment in range(1, 33, 3):
        patterns = ("random", "random", "random", "none", "none")
        run = Run(seed + moment, burst=8, outstanding=2, latency=4, patterns=patterns)
        enough = moment // 2 if moment % 2 else 60

        async def data(ctx, run=run, enough=enough):
            await send(ctx, run.dut.data, range(enough), stalls("none", None))

        async def testbench(ctx, run=run, moment=moment):
            dut, rules = run.dut, run.rules
            ctx.set(dut.transfers.payload, {"address": 4056, "bytes": 300})
            ctx.set(dut.transfers.valid, 1)
            await ctx.tick().repeat(moment)
            ctx.set(dut.stop, 1)
            stop = rules.cycle
            await ctx.tick()
            ctx.set(dut.stop, 0)
            started = len(rules.strobes)
            await _until_idle(ctx, run)
            assert rules.complete() and rules.under_way == 0
            assert all(cycle <= stop + 1 for cycle, *_ in rules.offered)
            late = [strobes for _, strobes in rules.strobes[started:]]
            assert not any(late[1:])
            nonlocal unfinished
            unfinished += len(late) > 1
            assert not ctx.get(dut.error)
            await ctx.tick().repeat(60)
            await _clean_job(ctx, run)

        run.simulate(testbench, data)
    assert unfinished > 2, "too few aborts met a burst under way"


@pytest.mark.filterwarnings("ignore::amaranth.hdl.UnusedElaboratable")
@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"burst": 257}, "burst is 257: with 64 bits it must be from 1 to 256"),
        ({"data_width": 512}, "data_width is 512: it must be 64, 128 or 256"),
        ({"outstanding": 65}, "outstanding is 65: it must be from 1 to 64"),
    ],
)
def test_illegal_parameter(arguments, message):
    with pytest.raises(ValueError, match=message):
        WriteMaster(**{"address_width": 40, "data_width": 64, **arguments})
    gc.collect()  # what was refused is never used
