# SPDX-License-Identifier: Apache-2.0
"""The order in which the values of a job's rows come."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.check import check
from hw.config import Configuration, width_for
from hw.sgmac.job import OUTPUTS_WIDTH

__all__ = ["RowWalk"]


class RowWalk(wiring.Component):
    """Goes through the values of a job's rows in the order that `Rows` tells.

    Flow control: a value is left by ``step``.

    Latency: the first value is there in the cycle after ``start``. Throughput: a value a cycle.

    Parameters
    ----------
    config: as in Rows.

    Members
    -------
    start: In(1); outputs, taps, selected, depthwise: In, as in Rows. step: In(1), only while
        running.
    running: Out(1), there is a value. lane: Out(range(P)), its lane.
    fresh: Out(1), it is the first row of its output. ends: Out(1), it ends its row.
    last: Out(1), its row is the job's last.
    """

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
        blocks = Signal(OUTPUTS_WIDTH)  # full ones, behind this one
        tail = Signal(lane_width)
        taps_left, channels_left = Signal.like(self.taps), Signal.like(self.selected)
        fresh_row = Signal()
        full, taps_end, channels_end = Signal(OUTPUTS_WIDTH), Signal(), Signal()
        block_ends = Signal()  # blocks == 0, a register for the sake of the clock
        m.d.comb += [
            size.eq(Mux(self.depthwise, self.taps, self.outputs) - 1),
            full.eq(size >> lane_width),
            taps_end.eq(taps_left == 0),
            channels_end.eq(channels_left == 0),
            self.ends.eq(self.lane == Mux(block_ends, tail, (1 << lane_width) - 1)),
            self.fresh.eq(fresh_row & (~self.depthwise | (self.lane == 0))),
            self.last.eq(block_ends & channels_end & (self.depthwise | taps_end)),
        ]
        with m.If(self.step):
            m.d.sync += self.lane.eq(Mux(self.ends, 0, self.lane + 1))
        with m.If(self.step & self.ends & self.depthwise):
            m.d.sync += [
                blocks.eq(blocks - 1),
                block_ends.eq(blocks == 1),
                fresh_row.eq(block_ends),
            ]
            with m.If(block_ends):
                m.d.sync += [
                    blocks.eq(full),
                    block_ends.eq(full == 0),
                    channels_left.eq(channels_left - 1),
                ]
        with m.If(self.step & self.ends & ~self.depthwise):
            m.d.sync += [taps_left.eq(taps_left - 1), fresh_row.eq(taps_end & channels_end)]
            with m.If(taps_end):
                m.d.sync += [taps_left.eq(self.taps - 1), channels_left.eq(channels_left - 1)]
            with m.If(taps_end & channels_end):
                m.d.sync += [
                    channels_left.eq(self.selected - 1),
                    blocks.eq(blocks - 1),
                    block_ends.eq(blocks == 1),
                ]
        with m.If(self.step & self.ends & self.last):
            m.d.sync += self.running.eq(0)
        with m.If(self.start):
            m.d.sync += [
                self.running.eq(1),
                self.lane.eq(0),
                fresh_row.eq(1),
                blocks.eq(full),
                block_ends.eq(full == 0),
                tail.eq(size),
                taps_left.eq(self.taps - 1),
                channels_left.eq(self.selected - 1),
            ]
        check(m, ~self.step | self.running, "a value was left while there was none")
        return m
