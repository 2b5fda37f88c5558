# SPDX-License-Identifier: Apache-2.0
"""All squared distances of a tile: R samples are held, all n stream past, block after block."""

from amaranth.hdl import Cat, Module, Mux, Signal, Value, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hw.config import Configuration
from hw.desne.distance_array import DistanceArray, beat_layout, distance_layout
from hw.stream import CreditQueue


def distances_layout(config: Configuration) -> data.StructLayout:
    """One passing sample's distances to the `rows` held ones; `last` marks the block's last."""
    return data.StructLayout(
        {
            "distance": distance_layout(config),
            "last": unsigned(1),
        }
    )


class Distance(wiring.Component):
    """The distance array: R * W squared differences a cycle.

    Equation: for row block b = 0..ceil(n/R)-1, sample j = 0..n-1 and row r = 0..R-1

        distances.distance[r] = sum over features of (f[b * R + r] - f[j])^2

    where rows b * R + r >= n are whatever the feeder held there (zeros). Exact (docs/numerics.md).

    Flow control: all three streams are independent. `held` takes R * beats beats for each block,
    row after row, into one of two buffers: block b + 1 loads while block b streams. `passing` takes
    n * beats beats for each block, once that block is held and while a result's place is free
    (hw/stream.py); the arithmetic never stops. Every ready and every valid comes from registers.

    Latency: `latency` = 8 + log2(lanes) + ceil(rows / 2) cycles from a sample's last passing beat
    to its distances, when they are taken at once. A block's first passing beat can follow its last
    held beat after 2 cycles. Throughput: one passing beat a cycle, without a bubble between samples
    or blocks.

    Parameters
    ----------
    config: sizes; samples, features, rows and lanes are used.

    Members
    -------
    start: In(1), begins a job with samples and beats as they are in that cycle; ignored while busy.
    busy: Out(1), from the cycle after start until the last distances were taken.
    samples: In(bits of config.samples), n, 1..config.samples.
    beats: In(bits of config.beats), beats a sample, 1..config.beats.
    held: In(stream of array of lanes unsigned bytes).
    passing: In(stream of array of lanes unsigned bytes).
    distances: Out(stream of struct: distance, array of rows unsigned(distance_width); last, 1 bit).
    """

    def __init__(self, config: Configuration):
        self.config = config
        self._array_latency = DistanceArray.latency_for(config)
        self.latency = self._array_latency + CreditQueue.latency
        super().__init__(
            {
                "start": In(1),
                "busy": Out(1),
                "samples": In(config.count_width),
                "beats": In(config.beats_width),
                "held": In(stream.Signature(beat_layout(config))),
                "passing": In(stream.Signature(beat_layout(config))),
                "distances": Out(stream.Signature(distances_layout(config))),
            }
        )

    def elaborate(self, platform):
        m = Module()
        rows = self.config.rows
        beat_bits = (self.config.beats - 1).bit_length()

        m.submodules.queue = queue = CreditQueue(
            distances_layout(self.config), self._array_latency + CreditQueue.round_trip
        )
        wiring.connect(m, queue.output, wiring.flipped(self.distances))

        begin = Signal()
        single = Signal()  # one beat a sample
        before_last = Signal(beat_bits)  # number of the last beat but one of a sample
        full = Signal(2)  # a block is held in this buffer
        m.d.comb += begin.eq(self.start & ~self.busy)
        with m.If(begin):
            m.d.sync += [single.eq(self.beats == 1), before_last.eq(self.beats - 2)]

        def count_beats(name: str, step: Value) -> tuple[Signal, Signal]:
            """Number of the beat within its sample, and whether it is the sample's last."""
            beat = Signal(beat_bits, name=f"{name}_beat")
            ends = Signal(name=f"{name}_sample_ends")
            with m.If(begin):
                m.d.sync += ends.eq(self.beats == 1)
            with m.If(step):
                m.d.sync += [
                    beat.eq(Mux(ends, 0, beat + 1)),
                    ends.eq(Mux(ends, single, beat == before_last)),
                ]
            return beat, ends

        def count_rows(name: str, step: Value) -> Signal:
            """Whether this block is the job's last; `step` ends a block."""
            left = Signal(self.config.count_width, name=f"{name}_rows")
            final = Signal(name=f"{name}_final")
            with m.If(begin):
                m.d.sync += [left.eq(self.samples), final.eq(self.samples <= rows)]
            with m.Elif(step):
                m.d.sync += [left.eq(left - rows), final.eq(left <= 2 * rows)]
            return final

        # Loading: block after block into the buffers in turn.
        loading = Signal()
        load_buffer = Signal()
        load_row = Signal(rows, init=1)  # one-hot
        load = Signal()
        load_beat, row_ends = count_beats("load", load)
        block_loaded = Signal()
        load_final = count_rows("load", block_loaded)
        m.d.comb += [
            self.held.ready.eq(loading & ~Mux(load_buffer, full[1], full[0])),
            load.eq(self.held.valid & self.held.ready),
            block_loaded.eq(load & row_ends & load_row[-1]),
        ]
        with m.If(begin):
            m.d.sync += loading.eq(1)
        with m.Elif(block_loaded & load_final):
            m.d.sync += loading.eq(0)
        with m.If(load & row_ends):
            m.d.sync += load_row.eq(load_row.rotate_left(1))
        with m.If(block_loaded):
            m.d.sync += load_buffer.eq(~load_buffer)

        # Streaming: n samples past each block.
        streaming = Signal()
        pass_buffer = Signal()
        samples = Signal(self.config.count_width)
        samples_left = Signal(self.config.count_width)  # with this one
        last_sample = Signal()
        sample_begins = Signal(init=1)
        step = Signal()
        pass_beat, sample_ends = count_beats("pass", step)
        block_passed = Signal()
        pass_final = count_rows("pass", block_passed)
        m.d.comb += [
            self.passing.ready.eq(
                streaming & Mux(pass_buffer, full[1], full[0]) & (queue.available | ~sample_begins)
            ),
            step.eq(self.passing.valid & self.passing.ready),
            block_passed.eq(step & sample_ends & last_sample),
            queue.reserve.eq(step & sample_begins),
        ]
        with m.If(begin):
            m.d.sync += [
                streaming.eq(1),
                samples.eq(self.samples),
                samples_left.eq(self.samples),
                last_sample.eq(self.samples == 1),
            ]
        with m.Elif(step & sample_ends):
            m.d.sync += [
                samples_left.eq(Mux(last_sample, samples, samples_left - 1)),
                last_sample.eq(Mux(last_sample, samples == 1, samples_left == 2)),
            ]
        with m.If(step):
            m.d.sync += sample_begins.eq(sample_ends)
        with m.If(block_passed):
            m.d.sync += pass_buffer.eq(~pass_buffer)
            with m.If(pass_final):
                m.d.sync += streaming.eq(0)

        # A block counts as held a cycle after its last beat came, when that is on its way into the
        # buffers. Filling and freeing never meet in one buffer.
        filled, filled_buffer = Signal(), Signal()
        m.d.sync += [filled.eq(block_loaded), filled_buffer.eq(load_buffer)]
        for buffer in range(2):
            with m.If(filled & (filled_buffer == buffer)):
                m.d.sync += full[buffer].eq(1)
            with m.If(block_passed & (pass_buffer == buffer)):
                m.d.sync += full[buffer].eq(0)

        with m.If(begin):
            m.d.sync += self.busy.eq(1)
        with m.Elif(~streaming & queue.empty):
            m.d.sync += self.busy.eq(0)

        m.submodules.array = array = DistanceArray(self.config)
        # as long as the array takes, for the sample's result
        ends, last = Signal(self._array_latency), Signal(self._array_latency)
        m.d.sync += [ends.eq(Cat(step & sample_ends, ends)), last.eq(Cat(last_sample, last))]
        m.d.comb += [
            array.write.eq(Mux(load, load_row, 0)),
            array.write_address.eq(Cat(load_beat, load_buffer)),
            array.beat.eq(self.held.payload),
            array.valid.eq(step),
            array.first.eq(sample_begins),
            array.read_address.eq(Cat(pass_beat, pass_buffer)),
            array.passing.eq(self.passing.payload),
            queue.write.eq(ends[-1]),
            queue.result.distance.eq(array.distance),
            queue.result.last.eq(last[-1]),
        ]
        return m
