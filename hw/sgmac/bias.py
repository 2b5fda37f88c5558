# SPDX-License-Identifier: Apache-2.0
"""bias: the sums of the error planes, as their words pass on the way to the array."""

from amaranth.hdl import Module, Mux, Signal, signed
from amaranth.lib import stream, wiring
from amaranth.lib.fifo import SyncFIFOBuffered
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from hw.check import check
from hw.config import Configuration, width_for
from hw.pipeline import delayed
from hw.sgmac.beat_pack import VALUE_WIDTH
from hw.sgmac.byte_sums import RunBeats, sum_tree, tree_cycles
from hw.stream import CreditQueue

__all__ = ["Bias"]

_READ = 3
"""Cycles from the address of a beat's sums to their totals."""


class Bias(wiring.Component):
    """Adds up each error plane, and gives the sums at the end of the job.

    Equation: db[o] = partial sum + the sum of the ``plane_bytes`` signed bytes of the o-th plane
    that passes; the partial sum is 0 unless ``accumulate``. 32 bits each, packed little-endian.

    A job may have as many planes as the configuration has channels; more are for software to sum.

    Flow control: a word that passes is taken in any case. ``partials`` and ``beats`` are streams;
    ``emit`` may come at any time after ``start``, and the sums follow when all planes are there.

    Latency: `settled` cycles from the last word of the last plane until sums are read, `latency`
    cycles from the sums of a beat to the beat. Throughput: a word a cycle, a beat a cycle.

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

    latency = _READ + CreditQueue.latency

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
        words = config.data_width // VALUE_WIDTH
        word_bits = exact_log2(words)
        ports = []  # of a memory for each value of a beat
        for number in range(words):
            depth = -(-config.channels // words)
            m.submodules[f"sums_{number}"] = sums = Memory(shape=sum_shape, depth=depth, init=[])
            ports.append((sums.write_port(), sums.read_port()))
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
        place = stored[:word_bits]
        for number, (write, _) in enumerate(ports):
            m.d.comb += [
                write.addr.eq(stored >> word_bits),
                write.data.eq(total),
                write.en.eq(stores & (place == number)),
            ]
        with m.If(self.start):
            m.d.sync += stored.eq(0)
        with m.Elif(stores):
            m.d.sync += stored.eq(stored + 1)
        check(m, ~stores | (stored != self.planes), "more planes passed than the job has")

        # at the end: the sums of a beat and their partial sums in a cycle
        m.submodules.partials = partials = SyncFIFOBuffered(width=config.data_width, depth=4)
        m.submodules.queue = queue = CreditQueue(config.data_width, _READ + CreditQueue.round_trip)
        wanted, complete = Signal(), Signal()
        last_plane = Signal.like(self.planes)
        beat = Signal(max(len(self.planes) - word_bits, 1))
        issue, last_beat = Signal(), Signal()
        m.d.comb += [
            partials.w_data.eq(self.partials.payload),
            partials.w_en.eq(self.partials.valid),
            self.partials.ready.eq(partials.w_rdy),
            *(read.addr.eq(beat) for _, read in ports),
            last_beat.eq(beat == last_plane >> word_bits),
            issue.eq(wanted & complete & (~self.accumulate | partials.r_rdy) & queue.available),
            queue.reserve.eq(issue),
            partials.r_en.eq(issue & self.accumulate),
        ]
        m.d.sync += [complete.eq(stored == self.planes), last_plane.eq(self.planes - 1)]
        with m.If(self.emit):
            m.d.sync += [wanted.eq(1), beat.eq(0)]
        with m.Elif(issue):
            m.d.sync += beat.eq(beat + 1)
            with m.If(last_beat):
                m.d.sync += wanted.eq(0)
        with m.If(self.start):
            m.d.sync += [wanted.eq(0), complete.eq(0)]
        partial = delayed(m, Mux(self.accumulate, partials.r_data, 0), 2, "partial")
        result = Signal(config.data_width, reset_less=True)
        for number, (_, read) in enumerate(ports):
            exists = ~last_beat | (last_plane[:word_bits] >= number)
            value = delayed(m, read.data, 1, f"read_sum_{number}")  # the memory is slow
            sum_ = value + partial.word_select(number, VALUE_WIDTH).as_signed()
            m.d.sync += result.word_select(number, VALUE_WIDTH).eq(
                Mux(delayed(m, exists, 2, f"exists_{number}"), sum_, 0)
            )
        m.d.comb += [
            queue.write.eq(delayed(m, issue, _READ, "issued", reset_less=False)),
            queue.result.eq(result),
            self.idle.eq(~wanted & queue.empty),
        ]
        wiring.connect(m, queue.output, wiring.flipped(self.beats))
        return m
