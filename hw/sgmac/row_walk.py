# SPDX-License-Identifier: Apache-2.0
"""The order in which the values of a job's rows come."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.check import check
from hw.config import Configuration, width_for
from hw.pipeline import delayed
from hw.sgmac.counting import passes
from hw.sgmac.job import OUTPUTS_WIDTH

__all__ = ["RowWalk"]


class RowWalk(wiring.Component):
    """Goes through the values of a job's rows in the order that `Rows` tells.

    Flow control: a value is left by ``step``.

    Latency: the first value is there `latency` = 3 cycles after ``start``. Throughput: a value a
    cycle. All but `last` comes from registers.

    Parameters
    ----------
    config: as in Rows.

    Members
    -------
    start: In(1); outputs, taps, selected, depthwise: In, as in Rows. step: In(1), only while
        running.
    busy: Out(1), from the cycle after start to the last value. running: Out(1), there is a value.
    lane: Out(range(P)), its lane. fresh: Out(1), it is the first row of its output; depthwise, its
    output's first value. ends: Out(1), it ends its row. last: Out(1), its row is the job's last.
    """

    latency = 3

    def __init__(self, config: Configuration):
        self.config = config
        super().__init__(
            {
                "start": In(1),
                "outputs": In(OUTPUTS_WIDTH),
                "taps": In(width_for(config.kernel**2)),
                "selected": In(width_for(config.channels)),
                "depthwise": In(1),
                "step": In(1),
                "busy": Out(1),
                "running": Out(1),
                "lane": Out(range(config.outputs)),
                "fresh": Out(1),
                "ends": Out(1),
                "last": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        lane_width = len(self.lane)
        size = Signal(OUTPUTS_WIDTH)  # less one
        full, tail = size[lane_width:], size[:lane_width]
        single, double, tail_is_one = Signal(), Signal(), Signal()  # a block, two; a value
        begin = delayed(m, self.start, self.latency - 1, "start", reset_less=False)
        m.d.sync += [
            size.eq(Mux(self.depthwise, self.taps, self.outputs) - 1),
            single.eq(full == 0),
            double.eq(full == 1),
            tail_is_one.eq(tail == 0),
        ]

        # ---- the loops over rows; what follows is known before it is asked for
        row_ends, channel_steps, block_steps = Signal(), Signal(), Signal()
        last_tap = passes(m, "tap", self.taps, begin, row_ends)
        last_channel = passes(m, "channel", self.selected, begin, row_ends & channel_steps)
        blocks = Signal(len(full))  # behind this one
        last_block, last_follows = Signal(), Signal()  # blocks == 0, blocks == 1
        last_next = Signal()  # the next row is of the last block
        m.d.comb += [
            row_ends.eq(self.step & self.ends),
            channel_steps.eq(Mux(self.depthwise, last_block, last_tap)),
            block_steps.eq(self.depthwise | (last_tap & last_channel)),
            last_next.eq(Mux(block_steps, Mux(last_block, single, last_follows), last_block)),
            self.last.eq(last_block & last_channel & (self.depthwise | last_tap)),
        ]
        with m.If(begin | (row_ends & block_steps & last_block)):
            m.d.sync += [blocks.eq(full), last_block.eq(single), last_follows.eq(double)]
        with m.Elif(row_ends & block_steps):
            m.d.sync += [
                blocks.eq(blocks - 1),
                last_block.eq(last_follows),
                last_follows.eq(blocks == 2),
            ]

        # ---- the values of a row
        left = Signal(lane_width)  # behind this one
        short = Mux(begin, single, last_next)
        with m.If(begin | row_ends):
            m.d.sync += [
                self.lane.eq(0),
                left.eq(Mux(short, tail, (1 << lane_width) - 1)),
                self.ends.eq(short & tail_is_one),
                self.fresh.eq(begin | Mux(self.depthwise, last_block, last_tap & last_channel)),
            ]
        with m.Elif(self.step):
            m.d.sync += [
                self.lane.eq(self.lane + 1),
                left.eq(left - 1),
                self.ends.eq(left == 1),
            ]
            with m.If(self.depthwise):
                m.d.sync += self.fresh.eq(0)

        with m.If(self.start):
            m.d.sync += self.busy.eq(1)
        with m.Elif(row_ends & self.last):
            m.d.sync += [self.busy.eq(0), self.running.eq(0)]
        with m.If(begin):
            m.d.sync += self.running.eq(1)
        check(m, ~self.step | self.running, "a value was left while there was none")
        return m
