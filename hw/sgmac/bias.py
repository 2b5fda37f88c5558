# SPDX-License-Identifier: Apache-2.0
"""bias: the sums of the error planes, as their words pass on the way to the array."""

from amaranth.hdl import Module, Mux, Signal, signed
from amaranth.lib import stream, wiring
from amaranth.lib.fifo import SyncFIFOBuffered
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from hw.check import check
from hw.config import Configuration, width_for
from hw.pipeline import delayed
from hw.sgmac.beat_pack import VALUE_WIDTH, BeatPack
from hw.sgmac.byte_sums import RunBeats, sum_tree, tree_cycles

__all__ = ["Bias"]

_READ = 3
"""Cycles from the address of a sum to its total."""


class Bias(wiring.Component):
    """Adds up each error plane, and gives the sums at the end of the job.

    Equation: db[o] = partial sum + the sum of the ``plane_bytes`` signed bytes of the o-th plane
    that passes; the partial sum is 0 unless ``accumulate``. 32 bits each, packed little-endian.

    A job may have as many planes as the configuration has channels; more are for software to sum.

    Flow control: a word that passes is taken in any case. ``partials`` and ``beats`` are streams;
    ``emit`` may come at any time after ``start``, and the sums follow when all planes are there.

    Latency: `settled` cycles from the last word of the last plane until sums are read, `latency`
    cycles from the last sum of a beat to the beat.
    Throughput: a word a cycle, a sum a cycle.

    Parameters
    ----------
    config: plane, channels and data_width are used.

    Members
    -------
    start: In(1), begins a job; the numbers of the job hold still from then until ``idle``.
    planes: In(range(channels + 1)), C_out, depthwise K; at least 1.
    plane_bytes: In(range(plane + 1)), H' * W', at least 1. accumulate: In(1).
    passes: In(1), with word: In(data_width): the next word of the error planes, each plane from a
        new word.
    emit: In(1), a pulse.
    partials: In(stream of data_width bits). beats: Out(stream of data_width bits).
    idle: Out(1), nothing is to come: not between ``emit`` and the last beat.
    """

    latency = _READ + BeatPack.latency

    def __init__(self, config: Configuration):
        self.config = config
        self._summed = 1 + tree_cycles(config.beat_bytes)
        self.settled = self._summed + 3
        beats = stream.Signature(config.data_width)
        super().__init__(
            {
                "start": In(1),
                "planes": In(width_for(config.channels)),
                "plane_bytes": In(width_for(config.plane)),
                "accumulate": In(1),
                "passes": In(1),
                "word": In(config.data_width),
                "emit": In(1),
                "partials": In(beats),
                "beats": Out(beats),
                "idle": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        config = self.config
        sum_shape = signed(8 + config.plane.bit_length() - 1)
        m.submodules.sums = sums = Memory(shape=sum_shape, depth=config.channels, init=[])
        write, read = sums.write_port(), sums.read_port()
        m.submodules.runs = runs = RunBeats(config.beat_bytes, config.plane)
        m.d.comb += [
            runs.start.eq(self.start),
            runs.size.eq(self.plane_bytes),
            runs.step.eq(self.passes),
        ]

        # cycle 0: bytes of the plane alone; then a tree
        kept = [Signal(signed(8), name=f"byte_{n}", reset_less=True) for n in range(len(runs.kept))]
        for number, value in enumerate(kept):
            byte = self.word.word_select(number, 8)
            m.d.sync += value.eq(Mux(runs.kept[number], byte, 0))
        word_sum = sum_tree(m, list(kept), "sum")
        comes = delayed(m, self.passes, self._summed, "comes", reset_less=False)
        first = delayed(m, runs.first, self._summed, "first")
        last = delayed(m, runs.last, self._summed, "last")

        # the plane's sum so far, and its place
        total, stores = Signal(sum_shape, reset_less=True), Signal()
        stored = Signal.like(self.planes)
        m.d.sync += stores.eq(comes & last)
        with m.If(comes):
            m.d.sync += total.eq(Mux(first, 0, total) + word_sum)
        m.d.comb += [write.addr.eq(stored), write.data.eq(total), write.en.eq(stores)]
        with m.If(self.start):
            m.d.sync += stored.eq(0)
        with m.Elif(stores):
            m.d.sync += stored.eq(stored + 1)
        check(m, ~stores | (stored != self.planes), "more planes passed than the job has")

        # at the end: a sum and its partial sum a cycle
        m.submodules.partials = partials = SyncFIFOBuffered(width=config.data_width, depth=4)
        m.submodules.pack = pack = BeatPack(config.data_width, places=12)
        words = config.data_width // VALUE_WIDTH
        wanted, complete = Signal(), Signal()
        position = Signal.like(self.planes)
        word = position[: (words - 1).bit_length()]
        issue, ends = Signal(), Signal()
        last_sum = Signal()
        m.d.comb += [
            partials.w_data.eq(self.partials.payload),
            partials.w_en.eq(self.partials.valid),
            self.partials.ready.eq(partials.w_rdy),
            read.addr.eq(position),
            last_sum.eq(position == self.planes - 1),
            ends.eq(last_sum | word.all()),
            issue.eq(
                wanted
                & complete
                & (~self.accumulate | partials.r_rdy)
                & ((word != 0) | pack.available)
            ),
            pack.reserve.eq(issue & (word == 0)),
            partials.r_en.eq(issue & self.accumulate & ends),
        ]
        m.d.sync += complete.eq(stored == self.planes)
        with m.If(self.emit):
            m.d.sync += [wanted.eq(1), position.eq(0)]
        with m.Elif(issue):
            m.d.sync += position.eq(position + 1)
            with m.If(last_sum):
                m.d.sync += wanted.eq(0)
        with m.If(self.start):
            m.d.sync += [wanted.eq(0), complete.eq(0)]
        partial = Mux(self.accumulate, partials.r_data.word_select(word, VALUE_WIDTH), 0)
        result = Signal(signed(VALUE_WIDTH), reset_less=True)
        read_sum = delayed(m, read.data, 1, "read_sum")  # the memory is slow
        m.d.sync += result.eq(read_sum + delayed(m, partial.as_signed(), 2, "partial"))
        m.d.comb += [
            pack.valid.eq(delayed(m, issue, _READ, "issued", reset_less=False)),
            pack.value.eq(result),
            pack.completes.eq(delayed(m, ends, _READ, "ends")),
            self.idle.eq(~wanted & pack.empty),
        ]
        wiring.connect(m, pack.beats, wiring.flipped(self.beats))
        return m
