# SPDX-License-Identifier: Apache-2.0
"""importance: which input channels matter most, from their weights as they stream by."""

from amaranth.hdl import Module, Mux, Signal, signed
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hw.config import Configuration, width_for
from hw.pipeline import delayed
from hw.sgmac.byte_sums import RunBeats, sum_tree, tree_cycles
from hw.sgmac.job import OUTPUTS_WIDTH
from hw.sgmac.ranking import IMPORTANCE_WIDTH, Ranking
from hw.stream import CreditQueue

__all__ = ["Importance"]

_SQUARED = 2
"""Cycles to a byte's square."""
_SORT = 385
"""Cycles of a sort beside 16 for each channel."""


class Importance(wiring.Component):
    """The squared L2 norm of each channel's weights, and the channels in descending order of it.

    Equation: importance[c] = sum of w^2 over the weights w of channel c, 32 bits unsigned; ranking:
    by (-importance, channel). A channel has ``rows`` rows of ``row_bytes`` signed bytes, each from
    a new beat (docs/numerics.md, memory); less than 2^18 in all.

    Flow control: ``beats`` and ``ranking`` are streams. Beats are taken from ``start`` until all
    channels are there, then the ranking is made and given; nothing of it stays.

    Latency: `latency` + 16 * n cycles from the last beat to the first channel of ``ranking``.
    Throughput: a beat a cycle, a channel of ``ranking`` a cycle.

    Parameters
    ----------
    config: channels, kernel and data_width are used.

    Members
    -------
    start: In(1); the numbers hold still from then until the ranking was taken.
    count: In(range(channels + 1)), n, at least 1. rows: In(range(kernel^2 + 1)), k * k, depthwise
        1; at least 1. row_bytes: In(16), C_out, depthwise k * k; at least 1.
    beats: In(stream of data_width bits).
    ranking: Out(stream of range(channels)), n channels, most important first.
    """

    def __init__(self, config: Configuration):
        self.config = config
        self._summed = _SQUARED + tree_cycles(config.beat_bytes)
        self._settled = self._summed + 3
        self.latency = self._settled + _SORT + 1 + Ranking.latency + CreditQueue.latency
        super().__init__(
            {
                "start": In(1),
                "count": In(width_for(config.channels)),
                "rows": In(width_for(config.kernel**2)),
                "row_bytes": In(OUTPUTS_WIDTH),
                "beats": In(stream.Signature(config.data_width)),
                "ranking": Out(stream.Signature(width_for(config.channels - 1))),
            }
        )

    def elaborate(self, platform):
        m = Module()
        config = self.config
        m.submodules.ranks = ranks = Ranking(config.channels)
        m.submodules.runs = runs = RunBeats(config.beat_bytes, (1 << OUTPUTS_WIDTH) - 1)

        # which beat this is
        taking = Signal()
        rows_left, channels_left = Signal.like(self.rows), Signal.like(self.count)
        first_row = Signal()
        passes, channel_ends, all_end = Signal(), Signal(), Signal()
        m.d.comb += [
            runs.start.eq(self.start),
            runs.size.eq(self.row_bytes),
            runs.step.eq(passes),
            self.beats.ready.eq(taking),
            passes.eq(taking & self.beats.valid),
            channel_ends.eq(runs.last & (rows_left == 0)),
            all_end.eq(channel_ends & (channels_left == 0)),
        ]
        with m.If(passes & runs.last):
            m.d.sync += [rows_left.eq(rows_left - 1), first_row.eq(0)]
        with m.If(passes & channel_ends):
            m.d.sync += [
                rows_left.eq(self.rows - 1),
                channels_left.eq(channels_left - 1),
                first_row.eq(1),
            ]
        with m.If(passes & all_end):
            m.d.sync += taking.eq(0)
        with m.If(self.start):
            m.d.sync += [
                taking.eq(1),
                rows_left.eq(self.rows - 1),
                channels_left.eq(self.count - 1),
                first_row.eq(1),
            ]

        # cycle 0: the bytes of the row alone; cycle 1: squares; then a tree
        squares = []
        for number in range(config.beat_bytes):
            byte = Signal(signed(8), name=f"byte_{number}", reset_less=True)
            square = Signal(15, name=f"square_{number}", reset_less=True)
            kept = Mux(runs.kept[number], self.beats.payload.word_select(number, 8), 0)
            m.d.sync += [byte.eq(kept), square.eq(byte * byte)]
            squares.append(square)
        beat_sum = sum_tree(m, squares, "sum")
        comes = delayed(m, passes, self._summed, "comes", reset_less=False)
        first = delayed(m, runs.first & first_row, self._summed, "first")
        last = delayed(m, channel_ends, self._summed, "last")
        total = Signal(IMPORTANCE_WIDTH, reset_less=True)
        channel = Signal(width_for(config.channels - 1))
        writes = Signal()
        m.d.sync += writes.eq(comes & last)
        with m.If(comes):
            m.d.sync += total.eq(Mux(first, 0, total) + beat_sum)
        with m.If(self.start):
            m.d.sync += channel.eq(0)
        with m.Elif(writes):
            m.d.sync += channel.eq(channel + 1)
        sorts = delayed(m, passes & all_end, self._settled, "sorts", reset_less=False)
        m.d.comb += [
            ranks.write.eq(writes),
            ranks.channel.eq(channel),
            ranks.importance.eq(total),
            ranks.sort.eq(sorts),
            ranks.count.eq(self.count),
        ]

        # the whole ranking as a stream
        width = width_for(config.channels - 1)
        places = ranks.latency + CreditQueue.round_trip
        m.submodules.queue = queue = CreditQueue(width, places)
        sorting, walks, rank, asked = Signal(), Signal(), Signal(width), Signal()
        m.d.comb += [
            asked.eq(walks & queue.available),
            ranks.position.eq(rank),
            queue.reserve.eq(asked),
            queue.write.eq(delayed(m, asked, ranks.latency, "asked", reset_less=False)),
            queue.result.eq(ranks.ranked),
        ]
        with m.If(sorts):
            m.d.sync += sorting.eq(1)
        with m.Elif(sorting & ~ranks.busy):
            m.d.sync += [sorting.eq(0), walks.eq(1), rank.eq(0)]
        with m.Elif(asked):
            m.d.sync += rank.eq(rank + 1)
            with m.If(rank == self.count - 1):
                m.d.sync += walks.eq(0)
        wiring.connect(m, queue.output, wiring.flipped(self.ranking))
        return m
