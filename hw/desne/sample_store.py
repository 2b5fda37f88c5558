# SPDX-License-Identifier: Apache-2.0
"""The reduced samples on chip, and the order in which the distance array reads them."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import data, memory, stream, wiring
from amaranth.lib.wiring import In, Out

from hw.config import Configuration, width_for
from hw.desne.distance import beat_layout
from hw.stream import CreditQueue


class SampleStore(wiring.Component):
    """Keeps a tile's reduced samples and plays them to the distance array, block of rows by block.

    Flow control: ``features`` are written as they come, n * beats beats from ``load`` on. After
    ``play``, ``held`` gives R samples for each of the ceil(n / R) blocks, zeros behind the last
    one, and ``passing`` all n samples for each block. One read port serves both: the samples that
    the next block holds are caught as they pass; only the first block's are read before.

    Latency: `latency` cycles from ``play`` until the first held beat is valid. Throughput: one beat
    of ``passing`` a cycle.

    Parameters
    ----------
    config: samples, features, rows and lanes are used.

    Members
    -------
    load: In(1), the next beat of features is the first of a tile.
    play: In(1), begins to play; only while not playing. playing: Out(1).
    samples: In, n. beats: In, beats a sample. Both hold still from load until all is played.
    features: In(stream of beat_layout), always ready.
    held, passing: Out(stream of beat_layout).
    address: In(range(N * features / W)). beat: Out(beat_layout), what is there, one cycle later;
        only while not playing. Beat q of sample i is at i * (features / W) + q.
    """

    def __init__(self, config: Configuration):
        self.config = config
        self.latency = 3 + CreditQueue.latency
        beat = beat_layout(config)
        super().__init__(
            {
                "load": In(1),
                "play": In(1),
                "playing": Out(1),
                "samples": In(config.count_width),
                "beats": In(config.beats_width),
                "features": In(stream.Signature(beat, always_ready=True)),
                "held": Out(stream.Signature(beat)),
                "passing": Out(stream.Signature(beat)),
                "address": In(width_for(config.samples * config.beats - 1)),
                "beat": Out(beat),
            }
        )

    def elaborate(self, platform):
        m = Module()
        config = self.config
        beat = beat_layout(config)
        m.submodules.store = store = memory.Memory(
            shape=beat, depth=config.samples * config.beats, init=[]
        )
        write, read = store.write_port(), store.read_port()
        last_beat = Signal(config.beats_width)
        m.d.sync += last_beat.eq(self.beats - 1)

        # ---- writing
        at, part = Signal.like(self.address), Signal(config.beats_width)
        m.d.comb += [
            write.en.eq(self.features.valid),
            write.addr.eq(at + part),
            write.data.eq(self.features.payload),
        ]
        with m.If(self.features.valid):
            m.d.sync += part.eq(Mux(part == last_beat, 0, part + 1))
            with m.If(part == last_beat):
                m.d.sync += at.eq(at + config.beats)
        with m.If(self.load):
            m.d.sync += Cat(at, part).eq(0)

        # ---- playing, cycle 0: which beat, and who gets it
        item = data.StructLayout({"beat": beat, "held": 1, "passing": 1})
        m.submodules.queue = queue = CreditQueue(item, places=2 + CreditQueue.round_trip)
        filling, passing = Signal(), Signal()  # rows of the next block; all samples
        sample = Signal(range(config.samples + config.rows))
        base = Signal(range(config.samples + config.rows + 1))  # of the next block
        start_of_sample = Signal(range((config.samples + config.rows) * config.beats))
        beat_number = Signal(config.beats_width)
        real, in_next, sample_end, round_end = Signal(), Signal(), Signal(), Signal()
        go = Signal()
        next_base = Signal.like(base)
        last_sample = Signal(range(config.samples))
        more = Signal()  # there is a next block
        round_last = Signal.like(sample)  # of this round: filling or a pass
        m.d.comb += [
            self.playing.eq(filling | passing | ~queue.empty),
            go.eq((filling | passing) & queue.available),
            queue.reserve.eq(go),
            real.eq(sample < self.samples),
            in_next.eq((sample >= base) & (sample < next_base)),
            round_end.eq(sample == round_last),
            sample_end.eq(beat_number == last_beat),
            read.addr.eq(Mux(filling | passing, start_of_sample + beat_number, self.address)),
            self.beat.eq(read.data),
        ]
        with m.If(go):
            m.d.sync += beat_number.eq(Mux(sample_end, 0, beat_number + 1))
            with m.If(sample_end):
                m.d.sync += [
                    sample.eq(sample + 1),
                    start_of_sample.eq(start_of_sample + config.beats),
                ]
        # a pass ends behind the last sample, and behind the padding that the next block needs
        padded = next_base + (config.rows - 1)
        following = next_base < self.samples
        m.d.sync += last_sample.eq(self.samples - 1)
        with m.If(go & sample_end & round_end):
            m.d.sync += [
                Cat(sample, start_of_sample).eq(0),
                filling.eq(0),
                passing.eq(more),
                more.eq(following),
                base.eq(next_base),
                next_base.eq(next_base + config.rows),
                round_last.eq(Mux(following & (padded > last_sample), padded, last_sample)),
            ]
        with m.If(self.play):
            m.d.sync += [
                Cat(filling, more).eq(3),
                Cat(base, sample, start_of_sample, beat_number, passing).eq(0),
                next_base.eq(config.rows),
                round_last.eq(config.rows - 1),
            ]
        # cycle 1: the store answers
        arrived = Signal(item)
        valid_1 = Signal()
        real_1 = Signal()
        held_1, passing_1 = Signal(), Signal()
        m.d.sync += [
            valid_1.eq(go),
            real_1.eq(real),
            held_1.eq(filling | in_next),
            passing_1.eq(passing & real),
        ]
        m.d.comb += [
            arrived.beat.eq(Mux(real_1, read.data.as_value(), 0)),
            arrived.held.eq(held_1),
            arrived.passing.eq(passing_1),
        ]
        # cycle 2: a register before the queue
        m.d.sync += [queue.write.eq(valid_1), queue.result.eq(arrived)]

        # ---- each beat goes to one or both, each when it is ready
        out = queue.output
        done_held, done_passing = Signal(), Signal()
        m.d.comb += [
            self.held.payload.eq(out.payload.beat),
            self.passing.payload.eq(out.payload.beat),
            self.held.valid.eq(out.valid & out.payload.held & ~done_held),
            self.passing.valid.eq(out.valid & out.payload.passing & ~done_passing),
            out.ready.eq(
                (~out.payload.held | done_held | self.held.ready)
                & (~out.payload.passing | done_passing | self.passing.ready)
            ),
        ]
        m.d.sync += [
            done_held.eq(~out.ready & (done_held | (self.held.valid & self.held.ready))),
            done_passing.eq(
                ~out.ready & (done_passing | (self.passing.valid & self.passing.ready))
            ),
        ]
        return m
