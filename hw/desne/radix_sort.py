# SPDX-License-Identifier: Apache-2.0
"""Stable sort of the candidates by a 12-bit key, in two digits."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from hw.config import Configuration
from hw.desne.candidates import Pass, Source, order_write, request
from hw.desne.curve import KEY_WIDTH
from hw.desne.map_key import keyed
from hw.pipeline import delayed

__all__ = ["DIGIT_WIDTH", "DigitPlaces", "RadixSort"]

DIGIT_WIDTH = KEY_WIDTH // 2


class DigitPlaces(wiring.Component):
    """Counts digits, and then gives each entry its place among all: the core of a counting sort.

    Equation, one operation a cycle, on the counter of ``digit``:

        clear   counter = 0; the sum of the scan = 0
        add     place = counter; counter = counter + 1
        scan    counter, sum = sum, sum + counter

    Adding all entries, scanning all digits in order and adding all entries again gives in the
    second turn each entry's place in the sorted list, entries with equal digits in their order.

    Flow control: none.

    Latency: `latency` cycles from add to place. Throughput: one operation a cycle; the memory is
    read without a clock, so operations on one digit need no distance.

    Parameters
    ----------
    digit_width: bits of a digit, at least 1.
    limit: most entries, at least 1.

    Members
    -------
    clear, add, scan: In(1), at most one of them. digit: In(digit_width).
    place: Out(range(limit)).
    """

    latency = 2

    def __init__(self, digit_width: int, limit: int):
        if digit_width < 1 or limit < 1:
            raise ValueError(f"digit_width = {digit_width} and limit = {limit} must be at least 1")
        self.digit_width = digit_width
        self.limit = limit
        super().__init__(
            {
                "clear": In(1),
                "add": In(1),
                "scan": In(1),
                "digit": In(digit_width),
                "place": Out(range(limit)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        count = Signal(range(self.limit + 1))
        m.submodules.counters = counters = Memory(
            shape=count.shape(), depth=1 << self.digit_width, init=[]
        )
        read, write = counters.read_port(domain="comb"), counters.write_port()
        total = Signal.like(count, reset_less=True)
        # cycle 0: a register; cycle 1: read, change, write
        clear = delayed(m, self.clear, 1, "clear", reset_less=False)
        add = delayed(m, self.add, 1, "add", reset_less=False)
        scan = delayed(m, self.scan, 1, "scan", reset_less=False)
        digit = delayed(m, self.digit, 1, "digit")
        m.d.comb += [
            read.addr.eq(digit),
            count.eq(read.data),
            write.addr.eq(digit),
            write.en.eq(clear | add | scan),
            write.data.eq(Mux(clear, 0, Mux(scan, total, count + 1))),
        ]
        with m.If(clear):
            m.d.sync += total.eq(0)
        with m.Elif(scan):
            m.d.sync += total.eq(total + count)
        m.d.sync += self.place.eq(count)
        return m


class RadixSort(wiring.Component):
    """Puts the positions of all candidates in ascending order of their keys, equal keys in order.

    Equation: second[r] = the r-th of the positions 0..m-1 by (key, position), the second order of
    the store of candidates.

    Flow control: none; ``start`` is for when no sort is under way. The unit asks for candidates,
    whose keys come back a fixed number of cycles later.

    Method: a counting sort by the low digit into the first order, then one by the high digit into
    the second. Both digits are counted in one pass.

    Latency: 3 * (m + drain) + 2 * 64 cycles from ``start`` to ``done``, drain = latency + 3.

    Parameters
    ----------
    config: samples N is used.
    latency: cycles from a request to its key.

    Members
    -------
    start: In(1), with candidates: In(range(N + 1)), m, at least 1.
    request: Out(request). keyed: In(keyed).
    order: Out(order_write).
    done: Out(1).
    """

    def __init__(self, config: Configuration, latency: int):
        self.config = config
        self.latency = latency
        self.drain = latency + DigitPlaces.latency + 1
        super().__init__(
            {
                "start": In(1),
                "candidates": In(config.count_width),
                "request": Out(request(config)),
                "keyed": In(keyed(config)),
                "order": Out(order_write(config)),
                "done": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.steps = steps = Pass(self.config.samples, self.drain)
        digit = Signal(DIGIT_WIDTH)
        walking, low_scatters, high_scatters = Signal(), Signal(), Signal()
        last_digit = Signal()
        clear, count, scan = Signal(), Signal(), Signal()
        m.d.comb += [
            steps.length.eq(self.candidates),
            self.request.valid.eq(steps.valid),
            self.request.step.eq(steps.step),
            self.request.source.eq(Mux(high_scatters, Source.FIRST, Source.POSITION)),
            walking.eq(clear | scan),
            last_digit.eq(digit == (1 << DIGIT_WIDTH) - 1),
        ]
        with m.If(walking):
            m.d.sync += digit.eq(digit + 1)
        halves = (self.keyed.key[:DIGIT_WIDTH], self.keyed.key[DIGIT_WIDTH:])
        places = []
        for name, half, scatters in zip(
            ("low", "high"), halves, (low_scatters, high_scatters), strict=True
        ):
            m.submodules[name] = counters = DigitPlaces(DIGIT_WIDTH, self.config.samples)
            m.d.comb += [
                counters.clear.eq(clear),
                counters.scan.eq(scan),
                counters.add.eq(self.keyed.valid & (count | scatters)),
                counters.digit.eq(Mux(walking, digit, half)),
            ]
            places.append(counters.place)
        scattered = self.keyed.valid & (low_scatters | high_scatters)
        m.d.comb += [
            self.order.valid.eq(
                delayed(m, scattered, DigitPlaces.latency, "scattered", reset_less=False)
            ),
            self.order.second.eq(high_scatters),
            self.order.place.eq(Mux(high_scatters, places[1], places[0])),
            self.order.position.eq(
                delayed(m, self.keyed.position, DigitPlaces.latency, "position")
            ),
        ]
        with m.FSM():
            with m.State("IDLE"):
                with m.If(self.start):
                    m.d.sync += digit.eq(0)
                    m.next = "CLEAR"
            with m.State("CLEAR"):
                m.d.comb += [clear.eq(1), steps.start.eq(last_digit)]
                with m.If(last_digit):
                    m.next = "COUNT"
            with m.State("COUNT"):
                m.d.comb += count.eq(1)
                with m.If(steps.done):
                    m.next = "SCAN"
            with m.State("SCAN"):
                m.d.comb += [scan.eq(1), steps.start.eq(last_digit)]
                with m.If(last_digit):
                    m.next = "LOW"
            with m.State("LOW"):
                m.d.comb += [low_scatters.eq(1), steps.start.eq(steps.done)]
                with m.If(steps.done):
                    m.next = "HIGH"
            with m.State("HIGH"):
                m.d.comb += [high_scatters.eq(1), self.done.eq(steps.done)]
                with m.If(steps.done):
                    m.next = "IDLE"
        return m
