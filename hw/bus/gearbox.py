# SPDX-License-Identifier: Apache-2.0
"""Beats of the memory port become beats of samples."""

from amaranth.hdl import Array, Cat, Module, Mux, ResetInserter, Signal, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from hw.config import Configuration
from hw.stream import CreditQueue

_PIPELINE = 2
"""Cycles in which the bytes of a beat are gathered."""


class Gearbox(wiring.Component):
    """Cuts a run of bytes into samples of D bytes, each from the start of a beat of B bytes.

    B = `raw_lanes` of the configuration: W, or the bytes of a word of memory if that is less.

    Equation: beat q of sample s holds the bytes s * D + q * B up to s * D + min((q + 1) * B, D) - 1
    of the run, and zeros behind them.

    Flow control: two streams. The last beat of the run may hold bytes behind the last sample; they
    are dropped by the next ``start``.

    Latency: `latency` = 5 cycles from the beat with a sample beat's last byte. Throughput: one beat
    out a cycle while its bytes are there, and one beat in a cycle as long as the way out keeps up
    with it.

    Method: words go into a ring as they are; only beats are moved to their places.

    Parameters
    ----------
    config: data_width, lanes and dimensions are used.

    Members
    -------
    start: In(1), drops what is buffered and latches sample_bytes; no beat is taken in that cycle.
    sample_bytes: In(range(dimensions + 1)), D, at least 1.
    words: In(stream of data_width bits), lowest address in the lowest byte.
    bytes: Out(stream of array of B unsigned bytes).
    """

    latency = 1 + _PIPELINE + CreditQueue.latency

    def __init__(self, config: Configuration):
        self.config = config
        super().__init__(
            {
                "start": In(1),
                "sample_bytes": In(range(config.dimensions + 1)),
                "words": In(stream.Signature(config.data_width)),
                "bytes": Out(stream.Signature(data.ArrayLayout(unsigned(8), config.raw_lanes))),
            }
        )

    def elaborate(self, platform):
        m = Module()
        lanes, word = self.config.raw_lanes, self.config.beat_bytes
        # words that a beat can reach, and two on their way in so that none waits for none
        reached = 1 + -(-(lanes - 1) // word)
        places = 1 << (reached + 1).bit_length()
        word_bits = exact_log2(word)
        ring = Array(Signal(8 * word, name=f"word_{n}", reset_less=True) for n in range(places))
        held = Signal(range(places + 1))  # words not yet passed
        arriving = Signal(range(places))
        queue = CreditQueue(self.bytes.payload.shape(), _PIPELINE + CreditQueue.round_trip)
        m.submodules.queue = ResetInserter(self.start)(queue)
        wiring.connect(m, queue.output, wiring.flipped(self.bytes))
        taken, given = Signal(), Signal()
        m.d.comb += [
            self.words.ready.eq((held != places) & ~self.start),
            taken.eq(self.words.valid & self.words.ready),
        ]
        with m.If(taken):
            m.d.sync += [ring[arriving].eq(self.words.payload), arriving.eq(arriving + 1)]

        # ---- cycle 0: the next beat of `take` bytes from `byte` on is given when it is there
        length, rest = Signal.like(self.sample_bytes), Signal.like(self.sample_bytes)
        take, final = Signal(range(lanes + 1)), Signal()
        begun, fresh = Signal(), Signal()
        byte = Signal(range(places * word))
        there = Signal(range(places * word + 1))  # bytes from there on
        follows = Signal.like(rest)
        m.d.comb += [
            given.eq(begun & queue.available & (there >= take)),
            queue.reserve.eq(given),
            follows.eq(Mux(final, length, rest - lanes)),
        ]
        gone = byte[:word_bits] + take  # from the word's beginning
        m.d.sync += [
            held.eq(held + taken - Mux(given, gone[word_bits:], 0)),
            there.eq(there + Mux(taken, word, 0) - Mux(given, take, 0)),
        ]
        with m.If(given):
            m.d.sync += [byte.eq(byte + take), rest.eq(follows)]
        with m.If(given | fresh):
            following = Mux(fresh, length, follows)
            m.d.sync += [
                final.eq(following <= lanes),
                take.eq(Mux(following <= lanes, following, lanes)),
                Cat(begun, fresh).eq(1),
            ]
        # ---- cycle 1: the words that it reaches; cycle 2: its bytes
        valid, reaches = Signal(), Signal(8 * word * reached, reset_less=True)
        place, count = Signal(word_bits, reset_less=True), Signal.like(take, reset_less=True)
        beat = reaches >> (place << 3)
        first = byte[word_bits:]
        m.d.sync += [
            valid.eq(given),
            reaches.eq(Cat(ring[(first + n)[: len(first)]] for n in range(reached))),
            place.eq(byte[:word_bits]),
            count.eq(take),
            queue.write.eq(valid),
            *(
                queue.result[lane].eq(Mux(count > lane, beat.word_select(lane, 8), 0))
                for lane in range(lanes)
            ),
        ]
        with m.If(self.start):
            m.d.sync += [
                Cat(held, arriving, byte, there, begun, valid, queue.write).eq(0),
                fresh.eq(1),
                length.eq(self.sample_bytes),
                rest.eq(self.sample_bytes),
            ]
        return m
