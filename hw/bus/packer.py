# SPDX-License-Identifier: Apache-2.0
"""Indices become beats of the memory port."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hw.config import width_for

INDEX_BYTES = 4


class Packer(wiring.Component):
    """Joins indices, each as 32 bits with the lowest byte first, into words.

    Equation: word w holds the indices w * P to w * P + P - 1, P = data_width / 32; what the last
    one does not fill is zero.

    Flow control: two streams.

    Latency: 1 cycle from the index that completes a word. Throughput: one index a cycle.

    Parameters
    ----------
    data_width: bits of a word, a multiple of 32. most: N, indices are below it, and so many at most
    come; at least 1.

    Members
    -------
    start: In(1), latches count; drops what is there.
    count: In(range(N + 1)), indices to come, at least 1.
    indices: In(stream of range(N)).
    words: Out(stream of data_width bits), ceil(count / P) beats.
    """

    latency = 1

    def __init__(self, data_width: int, most: int):
        self.data_width = data_width
        super().__init__(
            {
                "start": In(1),
                "count": In(width_for(most)),
                "indices": In(stream.Signature(width_for(most - 1))),
                "words": Out(stream.Signature(data_width)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        places = self.data_width // (8 * INDEX_BYTES)
        slots = [Signal(8 * INDEX_BYTES, name=f"slot_{place}") for place in range(places)]
        place = Signal(range(places))
        left = Signal.like(self.count)
        taken, complete = Signal(), Signal()
        m.d.comb += [
            self.words.payload.eq(Cat(slots)),
            self.indices.ready.eq((left != 0) & (~self.words.valid | self.words.ready)),
            taken.eq(self.indices.valid & self.indices.ready),
            complete.eq((place == places - 1) | (left == 1)),
        ]
        with m.If(self.words.ready):
            m.d.sync += self.words.valid.eq(0)
        with m.If(taken):
            m.d.sync += [
                left.eq(left - 1),
                place.eq(Mux(complete, 0, place + 1)),
                self.words.valid.eq(complete),
                *(
                    slot.eq(Mux(place == number, self.indices.payload, Mux(place == 0, 0, slot)))
                    for number, slot in enumerate(slots)
                ),
            ]
        with m.If(self.start):
            m.d.sync += [left.eq(self.count), place.eq(0), self.words.valid.eq(0)]
        return m
