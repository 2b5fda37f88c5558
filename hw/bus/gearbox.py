# SPDX-License-Identifier: Apache-2.0
"""Beats of the memory port become beats of samples."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hw.config import Configuration


class Gearbox(wiring.Component):
    """Cuts a run of bytes into samples of D bytes, each from the start of a beat of W bytes.

    Equation: beat q of sample s holds the bytes s * D + q * W up to s * D + min((q + 1) * W, D) - 1
    of the run, and zeros behind them.

    Flow control: two streams. The last beat of the run may hold bytes behind the last sample; they
    are dropped by the next ``start``.

    Latency: 1 cycle from the beat with a sample beat's last byte. Throughput: one beat out a cycle
    while its bytes are there, and one beat in a cycle as long as the way out keeps up with it.

    Parameters
    ----------
    config: data_width, lanes and dimensions are used.

    Members
    -------
    start: In(1), drops what is buffered and latches sample_bytes; no beat is taken in that cycle.
    sample_bytes: In(range(dimensions + 1)), D, at least 1.
    words: In(stream of data_width bits), lowest address in the lowest byte.
    bytes: Out(stream of array of W unsigned bytes).
    """

    latency = 1

    def __init__(self, config: Configuration):
        self.config = config
        super().__init__(
            {
                "start": In(1),
                "sample_bytes": In(range(config.dimensions + 1)),
                "words": In(stream.Signature(config.data_width)),
                "bytes": Out(stream.Signature(data.ArrayLayout(unsigned(8), config.lanes))),
            }
        )

    def elaborate(self, platform):
        m = Module()
        lanes, word = self.config.lanes, self.config.data_width // 8
        size = 2 * lanes + word  # so that a short last beat never leaves a bubble
        buffer = Signal(8 * size)
        fill = Signal(range(size + 1))
        length, rest = Signal.like(self.sample_bytes), Signal.like(self.sample_bytes)
        take, removed, kept = (Signal(range(size + 1), name=n) for n in ("take", "gone", "kept"))
        final, given, taken = Signal(), Signal(), Signal()
        shifted, behind = Signal(8 * size), Signal(8 * size)
        m.d.comb += [
            final.eq(rest <= lanes),
            take.eq(Mux(final, rest, lanes)),
            self.bytes.valid.eq((fill >= take) & (rest != 0)),
            self.words.ready.eq((fill <= 2 * lanes) & ~self.start),
            given.eq(self.bytes.valid & self.bytes.ready),
            taken.eq(self.words.valid & self.words.ready),
            removed.eq(Mux(given, take, 0)),
            kept.eq(fill - removed),
            shifted.eq(buffer >> (removed << 3)),
            behind.eq(Mux(taken, self.words.payload, 0) << (kept << 3)),
            *(
                self.bytes.payload[lane].eq(Mux(take > lane, buffer.word_select(lane, 8), 0))
                for lane in range(lanes)
            ),
        ]
        # bytes above `fill` are zero at all times, so what comes behind is joined by an or
        m.d.sync += [buffer.eq(shifted | behind), fill.eq(kept + Mux(taken, word, 0))]
        with m.If(given):
            m.d.sync += rest.eq(Mux(final, length, rest - lanes))
        with m.If(self.start):
            m.d.sync += [
                Cat(buffer, fill).eq(Const(0, 1)),
                length.eq(self.sample_bytes),
                rest.eq(self.sample_bytes),
            ]
        return m
