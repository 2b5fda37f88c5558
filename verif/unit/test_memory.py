# SPDX-License-Identifier: Apache-2.0
"""hw.memory: what becomes of a read that meets a write."""

import random
import re

import pytest
from amaranth.hdl import Fragment, Module
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out
from amaranth.sim import Simulator

from hw.memory import READ_FIRST, Memories
from rtl_gen.verilog import generate

DEPTH, WIDTH = 8, 12


class Rows(wiring.Component):
    """A memory with a port of each kind."""

    def __init__(self, *, transparent: bool = False, attrs: dict[str, int] | None = None):
        self.transparent, self.attrs = transparent, attrs
        super().__init__(
            {
                "write": In(1),
                "row": In(range(DEPTH)),
                "word": In(WIDTH),
                "read": In(1),
                "place": In(range(DEPTH)),
                "given": Out(WIDTH),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.rows = rows = Memory(shape=WIDTH, depth=DEPTH, init=[], attrs=self.attrs)
        write = rows.write_port()
        read = rows.read_port(transparent_for=(write,) if self.transparent else ())
        m.d.comb += [
            *(write.en.eq(self.write), write.addr.eq(self.row), write.data.eq(self.word)),
            *(read.en.eq(self.read), read.addr.eq(self.place), self.given.eq(read.data)),
        ]
        return m


@pytest.mark.parametrize("wrong", [False, True])
@pytest.mark.parametrize("kind", ["plain", "transparent", "read first"])
def test_reads(kind, wrong, seed):
    """Old rows; of a row that is written, the old, the new, or one that no one can rely on."""
    attrs = READ_FIRST if kind == "read first" else None
    dut = Rows(transparent=kind == "transparent", attrs=attrs)
    rng = random.Random(seed)
    met = 0

    async def testbench(ctx):
        nonlocal met
        rows, expected = [0] * DEPTH, 0
        for _ in range(400):
            write, row, word = rng.randrange(2), rng.randrange(DEPTH), rng.randrange(1 << WIDTH)
            read, place = rng.randrange(2), rng.randrange(DEPTH)
            for member, value in (
                *(("write", write), ("row", row), ("word", word)),
                *(("read", read), ("place", place)),
            ):
                ctx.set(getattr(dut, member), value)
            await ctx.tick()
            if read:
                expected = rows[place]
            if read and write and row == place:
                met += 1
                if kind == "transparent":
                    expected = word
                elif kind == "plain" and wrong:
                    expected = rows[place] ^ ((1 << WIDTH) - 1)
            if write:
                rows[row] = word
            assert ctx.get(dut.given) == expected, f"seed {seed}"

    simulator = Simulator(Fragment.get(dut, Memories(wrong=wrong)))
    simulator.add_clock(1e-6)
    simulator.add_testbench(testbench)
    simulator.run()
    assert met > 5


@pytest.mark.parametrize("attrs", [None, READ_FIRST])
def test_attribute(attrs):
    """Synthesis is told, but of a memory whose old rows count."""
    told = re.findall(
        r"\(\* (\w+) = 32'd1 \*\)\n *reg \[11:0\]", generate(Rows(attrs=attrs), "x").verilog
    )
    assert told == (["read_first"] if attrs else ["no_rw_check"])
