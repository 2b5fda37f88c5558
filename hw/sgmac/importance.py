# SPDX-License-Identifier: Apache-2.0
"""importance: which input channels matter most, from their weights as they stream by."""

from amaranth.hdl import Module, Mux, Signal, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hw.config import Configuration, width_for
from hw.pipeline import delayed
from hw.sgmac.byte_sums import RunBeats, sum_tree, tree_cycles
from hw.sgmac.job import OUTPUTS_WIDTH
from hw.sgmac.ranking import IMPORTANCE_WIDTH, Ranking
from hw.stream import CreditQueue

__all__ = ["Importance", "ranked_layout"]

_SQUARED = 2
"""Cycles to a byte's square."""


def ranked_layout(channels: int) -> data.StructLayout:
    """A channel and its importance."""
    return data.StructLayout({"channel": width_for(channels - 1), "importance": IMPORTANCE_WIDTH})


class Importance(wiring.Component):
    """The squared L2 norm of each channel's weights, and the channels in descending order of it.

    Equation: importance[c] = sum of w^2 over the weights w of channel c, 32 bits unsigned; ranking:
    by (-importance, channel). A channel has ``rows`` rows of ``row_bytes`` signed bytes, each from
    a new beat (docs/numerics.md, memory); less than 2^18 in all.

    Flow control: ``beats`` is a stream, taken from ``start`` until all channels are there. The
    ranking is made, and stays until the next ``start``. Then positions may be asked for, and on
    ``emit`` the whole ranking comes as a stream, in which positions are not answered.

    Latency: `settled` cycles from the last beat to the sort, which takes 16 * n + 385 for n
    channels; one more to ``ready``. `latency` cycles from a position to its channel.
    `emit_latency` from ``emit`` to the first of ``ranking``. Throughput: a beat a cycle, a
    position a cycle, a channel of ``ranking`` a cycle.

    Parameters
    ----------
    config: channels, kernel and data_width are used.

    Members
    -------
    start: In(1), drops the ranking; the numbers hold still from then until the last use of it.
    count: In(range(channels + 1)), n, at least 1. rows: In(range(kernel^2 + 1)), k * k, depthwise
        1; at least 1. row_bytes: In(16), C_out, depthwise k * k; at least 1.
    beats: In(stream of data_width bits).
    ready: Out(1), the ranking is there.
    position: In(range(channels)), from 0. channel: Out(range(channels)), which has that rank.
    emit: In(1), a pulse, while ready. ranking: Out(stream of ranked_layout), n, most important
        first.
    emitting: Out(1), from ``emit`` until all were taken.
    """

    latency = Ranking.latency
    emit_latency = 1 + latency + CreditQueue.latency

    def __init__(self, config: Configuration):
        self.config = config
        self._summed = _SQUARED + tree_cycles(config.beat_bytes)
        self.settled = self._summed + 3
        width = width_for(config.channels - 1)
        super().__init__(
            {
                "start": In(1),
                "count": In(width_for(config.channels)),
                "rows": In(width_for(config.kernel**2)),
                "row_bytes": In(OUTPUTS_WIDTH),
                "beats": In(stream.Signature(config.data_width)),
                "ready": Out(1),
                "position": In(width),
                "channel": Out(width),
                "emit": In(1),
                "ranking": Out(stream.Signature(ranked_layout(config.channels))),
                "emitting": Out(1),
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
        sorts = delayed(m, passes & all_end, self.settled, "sorts", reset_less=False)
        m.d.comb += [
            ranks.write.eq(writes),
            ranks.channel.eq(channel),
            ranks.importance.eq(total),
            ranks.sort.eq(sorts),
            ranks.count.eq(self.count),
        ]
        sorting = Signal()
        with m.If(sorts):
            m.d.sync += sorting.eq(1)
        with m.Elif(sorting & ~ranks.busy):
            m.d.sync += [sorting.eq(0), self.ready.eq(1)]
        with m.If(self.start):
            m.d.sync += self.ready.eq(0)

        # the whole ranking as a stream
        places = self.latency + CreditQueue.round_trip
        m.submodules.queue = queue = CreditQueue(ranked_layout(config.channels), places)
        walks, rank = Signal(), Signal.like(self.count)
        asked = Signal()
        m.d.comb += [
            asked.eq(walks & queue.available),
            ranks.position.eq(Mux(walks, rank, self.position)),
            self.channel.eq(ranks.ranked),
            queue.reserve.eq(asked),
            queue.write.eq(delayed(m, asked, self.latency, "asked", reset_less=False)),
            queue.result.channel.eq(ranks.ranked),
            queue.result.importance.eq(ranks.ranked_importance),
            self.emitting.eq(walks | ~queue.empty),
        ]
        with m.If(self.emit):
            m.d.sync += [walks.eq(1), rank.eq(0)]
        with m.Elif(asked):
            m.d.sync += rank.eq(rank + 1)
            with m.If(rank == self.count - 1):
                m.d.sync += walks.eq(0)
        wiring.connect(m, queue.output, wiring.flipped(self.ranking))
        return m
