# SPDX-License-Identifier: Apache-2.0
"""hw.bus.lite_slave: order of arrival, answers, turns and throughput, in the Amaranth simulator."""

import itertools
import random

import pytest
from amaranth.hdl import Value
from amaranth.sim import Simulator

from hw.bus.lite_slave import LiteSlave
from verif.cocotb.streams import stalls

WORDS = 16  # of the model behind the slave; accesses beyond are refused


class Run:
    """A slave, a model of registers behind it, and one process for each channel.

    accesses: [(address, data, strobes)] to write and [address] to read; patterns: stalls of
    aw, w, b, ar, r.
    """

    def __init__(self, writes, reads, patterns=("none",) * 5, seed=1):
        self.writes, self.reads, self.seed = writes, reads, seed
        self.patterns = dict(zip(("aw", "w", "b", "ar", "r"), patterns, strict=True))
        self.dut = LiteSlave(12)
        self.contents = [0] * WORDS
        self.log = []  # (cycle, kind, address) of every access on the register bus
        self.cycle = 0
        self.answers = {"b": [], "r": []}  # (cycle, values)
        self.taken = {"aw": [], "w": [], "ar": []}

    async def _registers(self, ctx):
        bus = self.dut.bus
        names = ["address", "write_data", "write_strobe", "write_enable", "read_enable"]
        answer: dict[str, int] = {}
        while True:
            *_, address, data, strobes, write, read = await ctx.tick().sample(
                *(getattr(bus, name) for name in names)
            )
            assert not (write and read) and address % 4 == 0
            # the answer shows one cycle later than the access: after the next tick
            for name, value in answer.items():
                ctx.set(getattr(bus, name), value)
            error = address // 4 >= WORDS
            answer = {"read_data": 0xDEAD if error or write else 0, "error": error}
            if write or read:
                self.log.append((self.cycle, "w" if write else "r", address))
            if write and not error:
                mask = sum(0xFF << 8 * lane for lane in range(4) if strobes >> lane & 1)
                word = self.contents[address // 4]
                self.contents[address // 4] = (word & ~mask) | (data & mask)
            if read and not error:
                answer["read_data"] = self.contents[address // 4]
            self.cycle += 1
            assert self.cycle < 20_000, "an access got no answer"

    def _sender(self, prefix, beats):
        async def run(ctx):
            axi = self.dut.axi
            pause = stalls(self.patterns[prefix], random.Random(f"{self.seed} {prefix}"))
            valid, ready = (getattr(axi, f"{prefix}{name}") for name in ("valid", "ready"))
            for beat in beats:
                for _ in range(next(pause)):
                    ctx.set(valid, 0)
                    await ctx.tick()
                for name, value in beat.items():
                    ctx.set(getattr(axi, prefix + name), value)
                ctx.set(valid, 1)
                taken = False
                while not taken:
                    *_, taken = await ctx.tick().sample(ready)
                self.taken[prefix].append(self.cycle)
            ctx.set(valid, 0)

        return run

    def _receiver(self, prefix, names, count):
        async def run(ctx):
            axi = self.dut.axi
            pause = stalls(self.patterns[prefix], random.Random(f"{self.seed} {prefix}"))
            valid, ready = (getattr(axi, f"{prefix}{name}") for name in ("valid", "ready"))
            ports = [Value.cast(getattr(axi, prefix + name)) for name in names]
            while len(self.answers[prefix]) < count:
                ctx.set(ready, 0)
                held = None
                for _ in range(next(pause)):
                    _, _, present, *values = await ctx.tick().sample(valid, *ports)
                    assert held in (None, values), "an answer changed while it waited"
                    held = values if present else None
                ctx.set(ready, 1)
                present = False
                while not present:
                    _, _, present, *values = await ctx.tick().sample(valid, *ports)
                    assert present or held is None, "valid fell before ready"
                assert held in (None, values)
                self.answers[prefix].append((self.cycle, *values))
            ctx.set(ready, 0)
            await ctx.tick().repeat(20)

        return run

    def go(self):
        simulator = Simulator(self.dut)
        simulator.add_clock(1e-6)
        senders = {
            "aw": [{"addr": address} for address, _, _ in self.writes],
            "w": [{"data": data, "strb": strobes} for _, data, strobes in self.writes],
            "ar": [{"addr": address} for address in self.reads],
        }
        simulator.add_testbench(self._registers, background=True)
        for prefix, beats in senders.items():
            simulator.add_testbench(self._sender(prefix, beats), background=True)
        simulator.add_testbench(self._receiver("b", ["resp"], len(self.writes)))
        simulator.add_testbench(self._receiver("r", ["resp", "data"], len(self.reads)))
        simulator.run()
        return self


def legal(address):
    return address % 4 == 0 and address // 4 < WORDS


@pytest.mark.parametrize(
    "patterns",
    [
        ("none", "none", "none", "none", "none"),
        ("random",) * 5,
        ("none", "long", "random", "none", "random"),
        ("long", "none", "long", "random", "none"),
    ],
)
def test_writes_then_reads(patterns, seed):
    """Whatever comes first, address or data, each write lands once, and refused ones nowhere."""
    rng = random.Random(seed)
    addresses = [rng.randrange(0, 4 * WORDS, 4) for _ in range(60)] + [2, 4 * WORDS, 0xFFC, 0xFFF]
    writes = [(a, rng.getrandbits(32), rng.randrange(16)) for a in addresses]
    run = Run(writes, [], patterns, seed).go()
    expected = [0] * WORDS
    for address, data, strobes in writes:
        for lane in range(4):
            if legal(address) and strobes >> lane & 1:
                mask = 0xFF << 8 * lane
                expected[address // 4] = (expected[address // 4] & ~mask) | (data & mask)
    assert run.contents == expected
    assert [answer[1] for answer in run.answers["b"]] == [0 if legal(a) else 2 for a in addresses]
    assert [a for _, kind, a in run.log if kind == "w"] == [a for a in addresses if a % 4 == 0]

    after = Run([], addresses, patterns, seed)
    after.contents = list(expected)
    after.go()
    assert [answer[1:] for answer in after.answers["r"]] == [
        (0, expected[a // 4]) if legal(a) else (2, 0) for a in addresses
    ]


@pytest.mark.parametrize("patterns", [("none",) * 5, ("random",) * 5])
def test_reads_and_writes_together(patterns, seed):
    """Neither starves; writes of one half, reads of the other."""
    rng = random.Random(seed)
    writes = [(4 * rng.randrange(8), rng.getrandbits(32), 15) for _ in range(50)]
    reads = [4 * rng.randrange(8, 16) for _ in range(50)]
    run = Run(writes, reads, patterns, seed)
    run.contents[8:] = range(100, 108)
    run.go()
    assert [answer[1:] for answer in run.answers["r"]] == [(0, 100 + a // 4 - 8) for a in reads]
    if patterns[0] == "none":
        kinds = "".join(kind for _, kind, _ in run.log)
        assert "ww" not in kinds[:90] and "rr" not in kinds[:90], "turns are not taken"
        cycles = [cycle for cycle, _, _ in run.log]
        assert cycles[-1] - cycles[0] == 49 * LiteSlave.spacing + 1, "one waits for the other"


def test_throughput_and_latency():
    run = Run([(4 * (i % WORDS), i, 15) for i in range(30)], []).go()
    cycles = [answer[0] for answer in run.answers["b"]]
    assert {b - a for a, b in itertools.pairwise(cycles)} == {LiteSlave.spacing}
    assert cycles[0] - run.taken["w"][0] == LiteSlave.latency
    run = Run([], [4 * (i % WORDS) for i in range(30)]).go()
    cycles = [answer[0] for answer in run.answers["r"]]
    assert {b - a for a, b in itertools.pairwise(cycles)} == {LiteSlave.spacing}
    assert cycles[0] - run.taken["ar"][0] == LiteSlave.latency


def test_no_answer_before_both_parts():
    """An address without data, and data without an address, wait."""
    for alone in ("aw", "w"):
        run = Run([(0, 1, 15)], [])
        other = "w" if alone == "aw" else "aw"

        async def testbench(ctx, run=run, alone=alone, other=other):
            axi = run.dut.axi
            ctx.set(axi.bready, 1)
            ctx.set(getattr(axi, f"{alone}valid"), 1)
            await ctx.tick()
            ctx.set(getattr(axi, f"{alone}valid"), 0)
            for _ in range(30):
                await ctx.tick()
                assert not ctx.get(axi.bvalid) and not ctx.get(run.dut.bus.write_enable)
            ctx.set(getattr(axi, f"{other}valid"), 1)
            await ctx.tick()
            ctx.set(getattr(axi, f"{other}valid"), 0)
            await ctx.tick().repeat(LiteSlave.latency - 1)
            assert ctx.get(axi.bvalid)

        simulator = Simulator(run.dut)
        simulator.add_clock(1e-6)
        simulator.add_testbench(testbench)
        simulator.run()
