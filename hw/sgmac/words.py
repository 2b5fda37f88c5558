# SPDX-License-Identifier: Apache-2.0
"""Beats of the memory port become 32-bit words."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hw.config import width_for

__all__ = ["WORD_BITS", "Words"]

WORD_BITS = 32


class Words(wiring.Component):
    """The first n words of the beats that follow ``start``.

    Equation: word i is the i-th 32-bit word, lowest first; what the last beat holds beyond word
    n - 1 is dropped.

    Flow control: ``beats`` is a stream, taken until all words are there. A word stands for one
    cycle and must be taken in it.

    Latency: 1 cycle from a beat to its first word. Throughput: a word a cycle.

    Parameters
    ----------
    data_width: bits of a beat, a multiple of 32. most: largest n, at least 1.

    Members
    -------
    start: In(1), with count: In(range(most + 1)), n, at least 1. Drops what is there.
    beats: In(stream of data_width bits).
    valid: Out(1), with word: Out(32), and last: Out(1), it is word n - 1.
    """

    def __init__(self, data_width: int, most: int):
        self.data_width = data_width
        super().__init__(
            {
                "start": In(1),
                "count": In(width_for(most)),
                "beats": In(stream.Signature(data_width)),
                "valid": Out(1),
                "word": Out(WORD_BITS),
                "last": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        words = self.data_width // WORD_BITS
        beat = Signal(self.data_width)
        held = Signal(range(words + 1))  # words of the beat not yet given; none behind the last
        missing, unread = Signal.like(self.count), Signal.like(self.count)
        wanted = Signal()  # unread != 0: words of beats to come
        m.d.comb += [
            self.beats.ready.eq(wanted & (held <= 1)),
            self.valid.eq(held != 0),
            self.word.eq(beat[:WORD_BITS]),
        ]
        with m.If(self.valid):
            m.d.sync += [
                missing.eq(missing - 1),
                self.last.eq(missing == 2),
                held.eq(Mux(self.last, 0, held - 1)),
                beat.eq(beat >> WORD_BITS),
            ]
        with m.If(self.beats.valid & self.beats.ready):
            m.d.sync += [
                beat.eq(self.beats.payload),
                held.eq(words),
                unread.eq(unread - words),
                wanted.eq(unread > words),
            ]
        with m.If(self.start):
            m.d.sync += [
                Cat(missing, unread).eq(Cat(self.count, self.count)),
                Cat(wanted, held).eq(1),
                self.last.eq(self.count == 1),
            ]
        return m
