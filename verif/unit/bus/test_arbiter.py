# SPDX-License-Identifier: Apache-2.0
"""Two masters behind hw.bus.arbiter before one memory, in the Amaranth simulator."""

import gc
import random
from itertools import pairwise

import numpy as np
import pytest
from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.sim import Simulator

from hw.bus.arbiter import ReadArbiter, WriteArbiter
from hw.bus.read_master import ReadMaster
from hw.bus.write_master import WriteMaster
from verif.axi_rules import ReadRules, WriteRules, random_transfers
from verif.cocotb.streams import stalls
from verif.unit.bus.memory import ReadMemory, WriteMemory
from verif.unit.streams import receive, send

WIDTH, BURST, OUTSTANDING = 64, 4, 2
REGION = 1 << 14
MANAGERS = 2


class Shared(wiring.Component):
    """Masters behind one arbiter."""

    def __init__(self, kind, arbiter):
        self.masters = [
            kind(40, WIDTH, burst=BURST, outstanding=OUTSTANDING) for _ in range(MANAGERS)
        ]
        self.arbiter = arbiter
        super().__init__({})

    def elaborate(self, platform):
        m = Module()
        m.submodules.arbiter = self.arbiter
        for number, master in enumerate(self.masters):
            m.submodules[f"master_{number}"] = master
            wiring.connect(m, master.axi, self.arbiter.managers[number])
        return m


def turns(values: list[int]) -> int:
    """How often the same master had two bursts in a row."""
    return sum(a == b for a, b in pairwise(values))


class Watched:
    """Rules of the bus that also note who was served."""

    def __init__(self, rules, prefix):
        self.rules, self.prefix, self.served = rules, prefix, []

    def __getattr__(self, name):
        return getattr(self.rules, name)

    def step(self, values):
        if values[f"{self.prefix}valid"] and values[f"{self.prefix}ready"]:
            self.served.append(values[f"{self.prefix}id"])
        self.rules.step(values)


PATTERNS = ["none", "random"]


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("latency", [1, 20])
def test_reads_of_two_masters(pattern, latency, seed):
    arbiter = ReadArbiter(MANAGERS, 40, WIDTH)
    dut = Shared(ReadMaster, arbiter)
    contents = np.random.default_rng(seed).bytes(REGION)
    rules = Watched(ReadRules(WIDTH, BURST, MANAGERS * OUTSTANDING + 1, MANAGERS), "ar")

    def pause(index):
        return stalls(pattern, random.Random(f"{seed} {index}"))

    def bytes_at(address):
        return contents[address % REGION :][: WIDTH // 8]

    memory = ReadMemory(arbiter.memory, rules, bytes_at, latency, pause(0), pause(1))
    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(memory.run, background=True)
    for number, master in enumerate(dut.masters):
        rng = np.random.default_rng([seed, number])
        transfers = random_transfers(rng, WIDTH // 8, 12, 100)
        expected = [
            int.from_bytes(bytes_at(place), "little")
            for address, count in transfers
            for place in range(address, address + count, WIDTH // 8)
        ]

        async def give(ctx, master=master, transfers=transfers, number=number):
            payloads = [{"address": a, "bytes": b} for a, b in transfers]
            await send(ctx, master.transfers, payloads, pause(10 + number))

        async def take(ctx, master=master, expected=expected, number=number):
            beats = await receive(ctx, master.data, len(expected), pause(20 + number), [])
            assert [beat.data for beat in beats] == expected, f"seed {seed}, master {number}"

        simulator.add_testbench(give, background=True)
        simulator.add_testbench(take)
    simulator.run()
    assert set(rules.served) == {0, 1}


@pytest.mark.parametrize("pattern", PATTERNS)
def test_writes_of_two_masters(pattern, seed):
    arbiter = WriteArbiter(MANAGERS, 40, WIDTH)
    dut = Shared(WriteMaster, arbiter)
    rules = Watched(WriteRules(WIDTH, BURST, MANAGERS * OUTSTANDING + 1, MANAGERS), "aw")

    def pause(index):
        return stalls(pattern, random.Random(f"{seed} {index}"))

    memory = WriteMemory(arbiter.memory, rules, 5, pause(0), pause(1), pause(2))
    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(memory.run, background=True)
    expected = {}
    for number, master in enumerate(dut.masters):
        rng = random.Random(f"{seed} {number}")
        base, transfers, beats = number << 20, [], []
        for _ in range(12):
            count = rng.randint(1, 100)
            transfers.append({"address": base, "bytes": count})
            content = rng.randbytes(-(-count // 8) * 8)
            beats += [
                int.from_bytes(content[at : at + 8], "little") for at in range(0, len(content), 8)
            ]
            expected |= {base + at: content[at] for at in range(count)}
            base += len(content)

        async def order(ctx, master=master, transfers=transfers, number=number):
            await send(ctx, master.transfers, transfers, pause(10 + number))

        async def give(ctx, master=master, beats=beats, number=number):
            await send(ctx, master.data, beats, pause(20 + number))
            while not ctx.get(master.idle):
                await ctx.tick()
            assert not ctx.get(master.error)

        simulator.add_testbench(order, background=True)
        simulator.add_testbench(give)
    simulator.run()
    assert memory.contents == expected, f"seed {seed}"
    assert set(rules.served) == {0, 1}


def test_turns_are_fair(seed):
    """While both always ask, they are served one by one."""
    arbiter = ReadArbiter(MANAGERS, 40, WIDTH)
    dut = Shared(ReadMaster, arbiter)
    rules = Watched(ReadRules(WIDTH, BURST, MANAGERS * OUTSTANDING + 1, MANAGERS), "ar")
    none = [stalls("none", random.Random(0)) for _ in range(2)]
    memory = ReadMemory(arbiter.memory, rules, lambda address: bytes(8), 1, *none)
    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(memory.run, background=True)
    for master in dut.masters:

        async def ask(ctx, master=master):
            ctx.set(master.data.ready, 1)
            await send(ctx, master.transfers, [{"address": 0, "bytes": 4096}], none[0])
            while not ctx.get(master.idle):
                await ctx.tick()

        simulator.add_testbench(ask)
    simulator.run()
    assert rules.served.count(0) == rules.served.count(1) == 128
    assert turns(rules.served) <= 4, "but for the beginning and the end"


@pytest.mark.filterwarnings("ignore::amaranth.hdl.UnusedElaboratable")
def test_too_many():
    for kind in (ReadArbiter, WriteArbiter):
        with pytest.raises(ValueError, match="managers is 1: it must be from 2 to 16"):
            kind(1, 40, WIDTH)
        gc.collect()  # here, where nobody minds what was never elaborated
