# SPDX-License-Identifier: Apache-2.0
"""ranking: the channels in descending order of their importance."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from hw.config import width_for
from hw.desne.candidates import Pass
from hw.desne.radix_sort import DigitPlaces
from hw.pipeline import delayed

__all__ = ["IMPORTANCE_WIDTH", "Ranking"]

IMPORTANCE_WIDTH = 32
_DIGIT_WIDTH = 4
_PASSES = IMPORTANCE_WIDTH // _DIGIT_WIDTH
_DIGITS = 1 << _DIGIT_WIDTH


class Ranking(wiring.Component):
    """Keeps an importance for each channel, and sorts the channels by it.

    Equation: channel(r) = the r-th of the channels 0..n-1 by (-importance, channel).

    Flow control: none. Importances are written while not ``busy``; positions are asked for while
    not ``busy``.

    Method: a counting sort by each digit of 4 bits, lowest first, of the importance with all its
    bits inverted; each keeps the order of equal digits. Two lists of channels take turns.

    Latency: 8 * (2 * (n + drain) + 32) + 1 cycles, 16 for each channel and 385, from ``sort`` to
    not ``busy``; `latency` cycles from a position to its channel. Throughput: a position a
    cycle, an importance a cycle.

    Parameters
    ----------
    channels: most channels, at least 1.

    Members
    -------
    write: In(1), with channel: In(range(channels)) and importance: In(32).
    sort: In(1), a pulse, with count: In(range(channels + 1)), n, at least 1, which holds still
        while busy.
    busy: Out(1).
    position: In(range(channels)), r. ranked: Out(range(channels)), channel(r).
    """

    latency = 4
    drain = latency + 1 + DigitPlaces.latency + 1

    def __init__(self, channels: int):
        if channels < 1:
            raise ValueError(f"channels is {channels}: it must be at least 1")
        self.channels = channels
        width = width_for(channels - 1)
        super().__init__(
            {
                "write": In(1),
                "channel": In(width),
                "importance": In(IMPORTANCE_WIDTH),
                "sort": In(1),
                "count": In(width_for(channels)),
                "busy": Out(1),
                "position": In(width),
                "ranked": Out(width),
            }
        )

    def elaborate(self, platform):
        m = Module()
        width = len(self.channel)
        m.submodules.importances = importances = Memory(
            shape=IMPORTANCE_WIDTH, depth=self.channels, init=[]
        )
        m.submodules.order = order = Memory(shape=width, depth=2 << width, init=[])
        m.submodules.steps = steps = Pass(self.channels, self.drain)
        m.submodules.places = places = DigitPlaces(_DIGIT_WIDTH, self.channels)
        new = importances.write_port()
        m.d.comb += [
            new.addr.eq(self.channel),
            new.data.eq(self.importance),
            new.en.eq(self.write),
            steps.length.eq(self.count),
        ]
        turn = Signal(range(_PASSES))
        digit = Signal(_DIGIT_WIDTH)
        clear, scan, counting, scattering = Signal(), Signal(), Signal(), Signal()
        last_digit = Signal()
        m.d.comb += last_digit.eq(digit == _DIGITS - 1)

        # cycle 0: the list; cycle 1: a register; cycle 2: the importance; cycle 3: a register.
        # The first pass takes the channels as they are; the last one leaves the odd list.
        listed, importance = order.read_port(), importances.read_port()
        step = Mux(self.busy, steps.step, self.position)
        m.d.comb += listed.addr.eq(Cat(step, ~self.busy | ~turn[0]))
        as_they_are = delayed(m, self.busy & (turn == 0), 1, "as_they_are")
        channel_2 = Signal(width, reset_less=True)
        m.d.sync += channel_2.eq(Mux(as_they_are, delayed(m, step, 1, "step"), listed.data))
        channel_4 = delayed(m, channel_2, 2, "channel")
        m.d.comb += [
            importance.addr.eq(channel_2),
            self.ranked.eq(channel_4),
        ]
        importance_4 = Signal(IMPORTANCE_WIDTH, reset_less=True)
        m.d.sync += importance_4.eq(importance.data)

        # cycle 4: the digit; then its place
        digit_5 = Signal(_DIGIT_WIDTH, reset_less=True)
        m.d.sync += digit_5.eq(~importance_4.word_select(turn, _DIGIT_WIDTH))
        comes_5 = delayed(m, steps.valid, self.latency + 1, "comes", reset_less=False)
        m.d.comb += [
            places.clear.eq(clear),
            places.scan.eq(scan),
            places.add.eq(comes_5 & (counting | scattering)),
            places.digit.eq(Mux(clear | scan, digit, digit_5)),
        ]
        scatter = order.write_port()
        scatters = comes_5 & scattering
        m.d.comb += [
            scatter.addr.eq(Cat(places.place[:width], turn[0])),
            scatter.data.eq(delayed(m, channel_4, 1 + DigitPlaces.latency, "scattered_channel")),
            scatter.en.eq(delayed(m, scatters, DigitPlaces.latency, "scattered", reset_less=False)),
        ]

        with m.If(clear | scan):
            m.d.sync += digit.eq(digit + 1)
        with m.FSM() as fsm:
            m.d.comb += self.busy.eq(~fsm.ongoing("IDLE"))
            with m.State("IDLE"):
                m.d.sync += [turn.eq(0), digit.eq(0)]
                with m.If(self.sort):
                    m.next = "CLEAR"
            with m.State("CLEAR"):
                m.d.comb += [clear.eq(1), steps.start.eq(last_digit)]
                with m.If(last_digit):
                    m.next = "COUNT"
            with m.State("COUNT"):
                m.d.comb += counting.eq(1)
                with m.If(steps.done):
                    m.next = "SCAN"
            with m.State("SCAN"):
                m.d.comb += [scan.eq(1), steps.start.eq(last_digit)]
                with m.If(last_digit):
                    m.next = "SCATTER"
            with m.State("SCATTER"):
                m.d.comb += scattering.eq(1)
                with m.If(steps.done):
                    m.d.sync += turn.eq(turn + 1)
                    m.next = "CLEAR"
                    with m.If(turn == _PASSES - 1):
                        m.next = "IDLE"
        return m
