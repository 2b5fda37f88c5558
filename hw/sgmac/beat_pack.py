# SPDX-License-Identifier: Apache-2.0
"""Values from a pipeline that cannot be stopped become beats of the memory port."""

from amaranth.hdl import Cat, Module, Mux, Signal, signed
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hw.stream import CreditQueue

__all__ = ["BeatPack"]

VALUE_WIDTH = 32


class BeatPack(wiring.Component):
    """Joins values, 4 bytes each or their lowest byte alone, into beats, lowest address first.

    Equation: value number i of a beat is at byte 4 * i, or i where ``narrow``; what its values do
    not fill is zero. A beat ends with a value that ``completes`` it, at the latest the one that
    fills it.

    Flow control: ``beats`` is a stream. As in CreditQueue, whoever feeds the pipeline sets
    ``reserve`` for the first value of each beat, only while ``available``; the other values of the
    beat need no place of their own.

    Latency: `latency` cycles from the value that completes a beat. Throughput: a value a cycle,
    while places are free.

    Parameters
    ----------
    data_width: bits of a beat, a multiple of 32.
    places: beats in the pipeline and in the queue together, at least 3.

    Members
    -------
    available: Out(1). reserve: In(1).
    valid: In(1), with value: In(signed(32)) and completes: In(1). narrow: In(1), holds still while
        values are under way.
    beats: Out(stream of data_width bits).
    empty: Out(1), no beat has a place.
    """

    latency = 1 + CreditQueue.latency
    round_trip = 1 + CreditQueue.round_trip

    def __init__(self, data_width: int, places: int):
        if data_width < VALUE_WIDTH or data_width % VALUE_WIDTH:
            raise ValueError(f"data_width is {data_width}: it must be a multiple of {VALUE_WIDTH}")
        self.data_width = data_width
        self.places = places
        super().__init__(
            {
                "available": Out(1),
                "reserve": In(1),
                "valid": In(1),
                "value": In(signed(VALUE_WIDTH)),
                "completes": In(1),
                "narrow": In(1),
                "beats": Out(stream.Signature(data_width)),
                "empty": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        size, step = self.data_width // 8, VALUE_WIDTH // 8
        m.submodules.queue = queue = CreditQueue(self.data_width, self.places)
        slots = [Signal(8, name=f"slot_{place}", reset_less=True) for place in range(size)]
        place = Signal(range(size))
        complete = Signal()
        m.d.sync += complete.eq(self.valid & self.completes)
        with m.If(self.valid):
            m.d.sync += place.eq(Mux(self.completes, 0, place + 1))
            for number, slot in enumerate(slots):
                wide = self.value.word_select(number % step, 8)
                here = place == Mux(self.narrow, number, number // step)
                value = Mux(self.narrow, self.value[:8], wide)
                m.d.sync += slot.eq(Mux(here, value, Mux(place == 0, 0, slot)))
        m.d.comb += [
            self.available.eq(queue.available),
            queue.reserve.eq(self.reserve),
            queue.write.eq(complete),
            queue.result.eq(Cat(slots)),
            self.empty.eq(queue.empty),
        ]
        wiring.connect(m, queue.output, wiring.flipped(self.beats))
        return m
