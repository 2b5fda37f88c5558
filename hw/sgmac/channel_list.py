# SPDX-License-Identifier: Apache-2.0
"""The selected channels of a job, on chip."""

from amaranth.hdl import Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from hw.config import Configuration, width_for
from hw.sgmac.words import WORD_BITS, Words


class ChannelList(wiring.Component):
    """Takes the list from beats of memory, checks it, and answers what stands at a position.

    Equation: entry i is the i-th 32-bit word, lowest first. The list is illegal unless it rises
    strictly and ends below in_channels.

    Flow control: `beats` is a stream, taken from ``start`` until ``count`` words are there.

    Latency: an entry can be read 2 cycles after its beat was taken; `latency` = 2 cycles from
    ``position`` to ``channel``. Throughput: a word a cycle, so a beat every data_width / 32 cycles.

    Parameters
    ----------
    config: channels and data_width are used.

    Members
    -------
    start: In(1), begins a list of count: In(range(channels + 1)) words, at least 1.
    in_channels: In(range(channels + 1)), of the layer.
    beats: In(stream of data_width bits).
    loaded: Out(1), the whole list is there. illegal: Out(1), it breaks the rule; until ``start``.
    position: In(range(channels)), one for each of `readers`. channel: Out(range(channels)), its
    entry.
    """

    latency = 2

    def __init__(self, config: Configuration, readers: int = 2):
        self.config = config
        width = width_for(config.channels - 1)
        count = width_for(config.channels)
        super().__init__(
            {
                "start": In(1),
                "count": In(count),
                "in_channels": In(count),
                "beats": In(stream.Signature(config.data_width)),
                "loaded": Out(1),
                "illegal": Out(1),
                "position": In(width).array(readers),
                "channel": Out(width).array(readers),
            }
        )

    def elaborate(self, platform):
        m = Module()
        config = self.config
        width = width_for(config.channels - 1)
        m.submodules.entries = entries = Memory(shape=width, depth=config.channels, init=[])
        write = entries.write_port()
        for position, channel in zip(self.position, self.channel, strict=True):
            read = entries.read_port()
            m.d.comb += read.addr.eq(position)
            m.d.sync += channel.eq(read.data)  # the memory is slow

        m.submodules.words = words = Words(config.data_width, config.channels)
        place = Signal(width)
        least = Signal(WORD_BITS)  # the smallest legal entry
        wiring.connect(m, wiring.flipped(self.beats), words.beats)
        m.d.comb += [
            words.start.eq(self.start),
            words.count.eq(self.count),
            write.addr.eq(place),
            write.data.eq(words.word),
            write.en.eq(words.valid),
        ]
        with m.If(words.valid):
            m.d.sync += [place.eq(place + 1), least.eq(words.word + 1)]
            with m.If((words.word < least) | (words.word >= self.in_channels)):
                m.d.sync += self.illegal.eq(1)
            with m.If(words.last):
                m.d.sync += self.loaded.eq(1)
        with m.If(self.start):
            m.d.sync += [place.eq(0), least.eq(0), self.loaded.eq(0), self.illegal.eq(0)]
        return m
