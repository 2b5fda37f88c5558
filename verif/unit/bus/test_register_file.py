# SPDX-License-Identifier: Apache-2.0
"""hw.bus.register_map and hw.bus.register_file: every access, on a small table."""

import random
import re

import pytest
from amaranth.sim import Simulator

from hw.bus.register_file import RegisterFile
from hw.bus.register_map import Access, Field, Register, RegisterMap, word

RW = Access.READ_WRITE


def pair(name, offset, access, **kwargs):
    """A register with a hole: a in bits 3..0, b in bits 19..10."""
    fields = (
        Field(name="b", low=10, width=10, description="b", **kwargs),
        Field(name="a", width=4, description="a"),
    )
    return Register(name=name, offset=offset, access=access, fields=fields, description=name)


TABLE = RegisterMap(
    "test",
    8,
    (
        pair("mode", 0x20, RW, reset=0x155),
        word("locked", 0x24, RW, "locked", locked="job", reset=7),
        pair("fixed", 0x00, Access.CONSTANT, reset=0x2AA),
        pair("input", 0x04, Access.READ_ONLY),
        pair("order", 0x08, Access.WRITE_ONLY),
        pair("event", 0x0C, Access.WRITE_ONE_TO_CLEAR),
        pair("request", 0xFC, Access.WRITE_ONE_TO_SET),
    ),
)
WRITABLE = TABLE["mode"].encode(a=15, b=1023)


def run(testbench):
    dut = RegisterFile(TABLE)
    simulator = Simulator(dut)
    simulator.add_clock(1e-6)

    async def go(ctx):
        await testbench(ctx, dut)

    simulator.add_testbench(go)
    simulator.run()


async def order(ctx, dut, offset, data, strobes=15):
    """A write, without its answer."""
    for name, value in (("address", offset), ("write_data", data), ("write_strobe", strobes)):
        ctx.set(getattr(dut.bus, name), value)
    ctx.set(dut.bus.write_enable, 1)
    await ctx.tick()
    ctx.set(dut.bus.write_enable, 0)


async def write(ctx, dut, offset, data, strobes=15):
    """Whether it was refused."""
    await order(ctx, dut, offset, data, strobes)
    await ctx.tick().repeat(dut.bus.signature.latency - 1)
    return ctx.get(dut.bus.error)


async def read(ctx, dut, offset):
    """(data, whether it was refused)."""
    ctx.set(dut.bus.address, offset)
    ctx.set(dut.bus.read_enable, 1)
    await ctx.tick()
    ctx.set(dut.bus.read_enable, 0)
    await ctx.tick().repeat(dut.bus.signature.latency - 1)
    return ctx.get(dut.bus.read_data), ctx.get(dut.bus.error)


def test_every_offset_is_mapped_or_refused():
    async def testbench(ctx, dut):
        ctx.set(dut.input.a, 9)
        ctx.set(dut.input.b, 0x3C3)
        expected = {
            0x00: 0x2AA << 10,
            0x04: 0x3C3 << 10 | 9,
            0x08: 0,
            0x0C: 0,
            0x20: 0x155 << 10,
            0x24: 7,
            0xFC: 0,
        }
        for offset in range(0, 256, 4):
            known = offset in expected
            assert await read(ctx, dut, offset) == (expected.get(offset, 0), not known)
            assert await write(ctx, dut, offset, 0) == (not known)

    run(testbench)


def test_read_write_with_strobes(seed):
    rng = random.Random(seed)

    async def testbench(ctx, dut):
        expected = 0x155 << 10
        for _ in range(200):
            data, strobes = rng.getrandbits(32), rng.randrange(16)
            mask = sum(0xFF << 8 * lane for lane in range(4) if strobes >> lane & 1)
            assert not await write(ctx, dut, 0x20, data, strobes)
            expected = (expected & ~mask | data & mask) & WRITABLE
            assert await read(ctx, dut, 0x20) == (expected, 0)
            assert ctx.get(dut.mode.a) == expected & 15
            assert ctx.get(dut.mode.b) == expected >> 10

    run(testbench)


def test_writes_to_read_only_and_constant_change_nothing():
    async def testbench(ctx, dut):
        ctx.set(dut.input.b, 5)
        for offset, value in ((0x00, 0x2AA << 10), (0x04, 5 << 10)):
            assert not await write(ctx, dut, offset, 0xFFFFFFFF)
            assert await read(ctx, dut, offset) == (value, 0)

    run(testbench)


def test_orders_last_one_cycle():
    async def testbench(ctx, dut):
        assert not ctx.get(dut.order.written)
        await order(ctx, dut, 0x08, TABLE["order"].encode(a=3, b=0x281))
        assert ctx.get(dut.order.written) == 1
        assert (ctx.get(dut.order.a), ctx.get(dut.order.b)) == (3, 0x281)
        await ctx.tick()
        assert not ctx.get(dut.order.written)
        await order(ctx, dut, 0x08, 0xFFFFFFFF, 0b0100)  # bytes without their strobe count as 0
        assert (ctx.get(dut.order.a), ctx.get(dut.order.b)) == (0, 0b1111000000)
        await order(ctx, dut, 0x20, 0)
        assert not ctx.get(dut.order.written)

    run(testbench)


def test_write_one_to_clear():
    async def testbench(ctx, dut):
        ctx.set(dut.event.set_b, 0b1100000011)
        await ctx.tick()
        ctx.set(dut.event.set_b, 0)
        await ctx.tick().repeat(3)
        assert await read(ctx, dut, 0x0C) == (0b1100000011 << 10, 0)
        await write(ctx, dut, 0x0C, 0)
        await write(ctx, dut, 0x0C, 0xFFFFFFFF, 0b1001)  # none of the bytes of b
        assert ctx.get(dut.event.b) == 0b1100000011
        await write(ctx, dut, 0x0C, 0b1000000001 << 10)
        assert ctx.get(dut.event.b) == 0b0100000010
        ctx.set(dut.event.set_b, 0b0100000000)  # in the same cycle: the event is not lost
        await order(ctx, dut, 0x0C, 0xFFFFFFFF)
        ctx.set(dut.event.set_b, 0)
        assert ctx.get(dut.event.b) == 0b0100000000

    run(testbench)


def test_write_one_to_set():
    async def testbench(ctx, dut):
        await write(ctx, dut, 0xFC, 0b0101)
        await write(ctx, dut, 0xFC, 0)
        await write(ctx, dut, 0xFC, 0xFF, 0b1110)
        await ctx.tick().repeat(3)
        assert ctx.get(dut.request.a) == 0b0101
        ctx.set(dut.request.clear_a, 0b0001)
        await ctx.tick()
        assert ctx.get(dut.request.a) == 0b0100
        ctx.set(dut.request.clear_a, 0b1100)  # in the same cycle: the request is not lost
        await order(ctx, dut, 0xFC, 0b1000)
        ctx.set(dut.request.clear_a, 0)
        assert await read(ctx, dut, 0xFC) == (0b1000, 0)

    run(testbench)


def test_locked():
    async def testbench(ctx, dut):
        assert not await write(ctx, dut, 0x24, 1)
        ctx.set(dut.lock.job, 1)
        assert await write(ctx, dut, 0x24, 2)
        assert await read(ctx, dut, 0x24) == (1, 0)
        assert not await write(ctx, dut, 0x20, 0)
        ctx.set(dut.lock.job, 0)
        assert not await write(ctx, dut, 0x24, 0xFFFFFFFF)
        assert ctx.get(dut.locked.value) == 0xFFFFFFFF

    run(testbench)


def test_encode_and_decode():
    mode = TABLE["mode"]
    assert mode.encode(b=1) == 1 << 10 and mode.decode(0xFFFFFFFF) == {"a": 15, "b": 1023}
    with pytest.raises(ValueError, match=re.escape("mode.a is 16: it must be from 0 to 15")):
        mode.encode(a=16)
    with pytest.raises(KeyError, match="no field 'c'"):
        mode.encode(c=0)


@pytest.mark.parametrize(
    "second, message",
    [
        (word("x", 0, RW, "d"), "register x is there twice"),
        (word("y", 0, RW, "d"), "register y: offset 0x0 is that of x"),
        (word("y", 6, RW, "d"), "register y: offset 0x6 is no multiple of 4"),
        (word("y", 256, RW, "d"), "register y: offset 0x100 needs more than 8 address bits"),
        (word("Y", 4, RW, "d"), "register Y: 'Y' is no lower-case identifier"),
        (word("y", 4, RW, "d", width=33), "register y: bits 32..0 of value are not free"),
        (word("y", 4, RW, "d", width=2, reset=4), "register y: reset 4 does not fit value"),
    ],
)
def test_illegal_table(second, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        RegisterMap("test", 8, (word("x", 0, RW, "d"), second))
