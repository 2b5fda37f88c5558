# SPDX-License-Identifier: Apache-2.0
"""Counting of digits in a memory, one digit a cycle."""

from amaranth.hdl import Module, Mux, Signal, signed, unsigned
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out
from amaranth.utils import bits_for

__all__ = ["Histogram", "RankScan"]


class Histogram(wiring.Component):
    """Counts how often every digit occurs; a scan reads the bins and clears them behind itself.

    Equation: with ``add``, bin[digit] = bin[digit] + 1; with ``scan``, count = bin[digit] and then
    bin[digit] = 0.

    Flow control: none; one operation every cycle, ``add`` and ``scan`` never together. Operations
    take effect in order whatever their digits are: the two additions that may still be on their way
    to the memory when a bin is read are forwarded. Bins are undefined after reset: scan all of them
    once before the first use.

    Latency: ``count`` is valid ``latency`` = 2 cycles after its ``scan``. Throughput: one a cycle.

    Parameters
    ----------
    digit_width: bits of a digit, >= 1; there are 2^digit_width bins.
    limit: the largest count that a bin can reach, >= 1.

    Members
    -------
    add: In(1), count this digit.
    scan: In(1), read this bin and clear it.
    digit: In(digit_width).
    count: Out(range(limit + 1)).
    """

    latency = 2

    def __init__(self, digit_width: int, limit: int):
        if digit_width < 1 or limit < 1:
            raise ValueError(f"digit_width = {digit_width} and limit = {limit} must be at least 1")
        self.digit_width = digit_width
        self.limit = limit
        super().__init__(
            {
                "add": In(1),
                "scan": In(1),
                "digit": In(digit_width),
                "count": Out(range(limit + 1)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        shape = unsigned(bits_for(self.limit))
        m.submodules.bins = bins = Memory(shape=shape, depth=1 << self.digit_width, init=[])
        read, write = bins.read_port(), bins.write_port()

        # cycle 0: address
        m.d.comb += read.addr.eq(self.digit)

        # cycle 1: the memory answers; is an operation on the same bin still under way?
        add1, scan1 = Signal(), Signal()
        digit1 = Signal(self.digit_width, reset_less=True)
        m.d.sync += [add1.eq(self.add), scan1.eq(self.scan), digit1.eq(self.digit)]
        add2, scan2 = Signal(), Signal()
        digit2 = Signal(self.digit_width, reset_less=True)
        written = Signal()
        digit3 = Signal(self.digit_width, reset_less=True)
        after_last, after_older = Signal(), Signal()
        m.d.sync += [
            add2.eq(add1),
            scan2.eq(scan1),
            digit2.eq(digit1),
            after_last.eq((add2 | scan2) & (digit1 == digit2)),
            after_older.eq(written & (digit1 == digit3)),
        ]

        # cycle 2: the new value goes to the memory and is kept for the next two operations
        value = Signal(shape)
        data2, last, older = (Signal(shape, reset_less=True) for _ in range(3))
        m.d.sync += data2.eq(read.data)
        m.d.comb += [
            value.eq(Mux(after_last, last, Mux(after_older, older, data2))),
            write.addr.eq(digit2),
            write.data.eq(Mux(scan2, 0, value + 1)),
            write.en.eq(add2 | scan2),
            self.count.eq(value),
        ]
        m.d.sync += [written.eq(write.en), digit3.eq(digit2), last.eq(write.data), older.eq(last)]
        return m


class RankScan(wiring.Component):
    """Finds, while the bins of a histogram pass by in order, the digit that holds a given rank.

    Equation: the digit is the smallest g with ``count[0] + ... + count[g] >= rank``, and then
    ``remaining = rank - (count[0] + ... + count[g - 1])``, from 1 to ``count[g]``.

    Flow control: none. ``load`` sets the rank, ``arm`` starts the search for the next digit from
    the remaining rank, then one bin a cycle with ``valid``. ``take`` lowers the remaining rank by
    one: after the last digit it is the number of places among the equals.

    Latency: ``searching`` is high with every bin up to the one that holds the rank (so a register
    enabled by it ends with that digit, and no comparison stands before its enable); ``remaining``
    is valid 1 cycle after that bin. Throughput: one bin a cycle.

    Parameters
    ----------
    limit: the largest count and rank, >= 1.

    Members
    -------
    load: In(1), with rank: In(range(limit + 1)), 1..limit.
    arm, take: In(1).
    valid: In(1), with count: In(range(limit + 1)).
    searching: Out(1), from registers and ``valid``.
    remaining: Out(range(limit + 1)).
    """

    def __init__(self, limit: int):
        self.limit = limit
        count = range(limit + 1)
        super().__init__(
            {
                "load": In(1),
                "rank": In(count),
                "arm": In(1),
                "take": In(1),
                "valid": In(1),
                "count": In(count),
                "searching": Out(1),
                "remaining": Out(count),
            }
        )

    def elaborate(self, platform):
        m = Module()
        armed, found = Signal(), Signal()
        beyond = Signal(signed(bits_for(self.limit) + 1))
        m.d.comb += [
            self.searching.eq(self.valid & armed),
            beyond.eq(self.remaining - self.count),
            found.eq(self.searching & (beyond <= 0)),
        ]
        with m.If(self.load):
            m.d.sync += self.remaining.eq(self.rank)
        with m.Elif(self.take):
            m.d.sync += self.remaining.eq(self.remaining - 1)
        with m.Elif(self.searching & ~found):
            m.d.sync += self.remaining.eq(beyond)
        with m.If(self.arm):
            m.d.sync += armed.eq(1)
        with m.Elif(found):
            m.d.sync += armed.eq(0)
        return m
