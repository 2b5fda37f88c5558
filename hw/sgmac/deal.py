# SPDX-License-Identifier: Apache-2.0
"""Beats that come in the order of their transfers go where each transfer was meant for."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import enum, stream, wiring
from amaranth.lib.fifo import SyncFIFOBuffered
from amaranth.lib.wiring import In, Out

from hw.bus.read_master import read_layout
from hw.config import Configuration
from hw.relay import Relay
from hw.sgmac.array_job import Target, words_layout


class Sink(enum.Enum, shape=3):
    """Where the beats of a transfer go."""

    CHANNELS = 0
    LANES = 1
    RING = 2
    PARTIALS = 3
    WEIGHTS = 4
    SCALES = 5
    BIAS = 6


class Deal(wiring.Component):
    """Deals out the beats of a read master.

    Flow control: streams; a beat whose reader waits holds up all behind it. `ordered` is ready
    while fewer than `places` transfers are under way.

    Latency: `latency` = 1 cycle from `data`, whose ready comes from a register, to its reader.
    Throughput: one beat a cycle.

    Parameters
    ----------
    config: data_width is used.

    Members
    -------
    ordered: In(stream of Sink), where the beats of the next transfer go.
    data: In(stream of read_layout).
    channels, partials, weights, scales, bias: Out(stream of data_width bits).
    words: Out(stream of words_layout), those to lanes and ring.
    idle: Out(1), the last beat of every transfer has gone.
    """

    places = 16
    latency = Relay.latency

    def __init__(self, config: Configuration):
        beats = stream.Signature(config.data_width)
        super().__init__(
            {
                "ordered": In(stream.Signature(Sink)),
                "data": In(stream.Signature(read_layout(config.data_width))),
                "words": Out(stream.Signature(words_layout(config))),
                "idle": Out(1),
            }
            | {name: Out(beats) for name in ("channels", "partials", "weights", "scales", "bias")}
        )

    def elaborate(self, platform):
        m = Module()
        # of each transfer under way, a bit for every sink
        m.submodules.tags = tags = SyncFIFOBuffered(width=len(Sink), depth=self.places)
        m.submodules.relay = relay = Relay(self.data.payload.shape())
        wiring.connect(m, wiring.flipped(self.data), relay.input)
        data = relay.output
        beat = data.payload

        def of(sink: Sink):
            return tags.r_data[sink.value]

        m.d.comb += [
            tags.w_data.eq(Cat(self.ordered.payload == sink for sink in Sink)),
            tags.w_en.eq(self.ordered.valid),
            self.ordered.ready.eq(tags.w_rdy),
            self.idle.eq(tags.level == 0),
            tags.r_en.eq(data.valid & data.ready & beat.last),
            self.words.payload.data.eq(beat.data),
            self.words.payload.target.eq(Mux(of(Sink.RING), Target.RING, Target.LANES)),
        ]
        readers = {
            (Sink.LANES, Sink.RING): self.words,
            (Sink.CHANNELS,): self.channels,
            (Sink.PARTIALS,): self.partials,
            (Sink.WEIGHTS,): self.weights,
            (Sink.SCALES,): self.scales,
            (Sink.BIAS,): self.bias,
        }
        readies = []
        for sinks, reader in readers.items():
            if reader is not self.words:
                m.d.comb += reader.payload.eq(beat.data)
            meant = Signal(name=f"to_{sinks[0].name.lower()}")
            m.d.comb += [
                meant.eq(tags.r_rdy & Cat(of(sink) for sink in sinks).any()),
                reader.valid.eq(data.valid & meant),
            ]
            readies.append(meant & reader.ready)
        m.d.comb += data.ready.eq(Cat(readies).any())
        return m
