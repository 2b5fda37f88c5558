# SPDX-License-Identifier: Apache-2.0
"""The array of the sparse-gradient unit: planes in, rows of sums of products out."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hw.check import check
from hw.config import Configuration
from hw.pipeline import delayed
from hw.sgmac.array_job import (
    Target,
    array_job_layout,
    ring_address_width,
    rows_layout,
    words_layout,
)
from hw.sgmac.counting import passes, tally
from hw.sgmac.lanes import Lanes
from hw.sgmac.plane_ring import PlaneRing
from hw.sgmac.tap_address import PositionWalk, TapWalk

__all__ = ["GradientArray"]


class GradientArray(wiring.Component):
    """Weight gradients of one image: P_o products a cycle.

    Equation: a row is the sums of P_o outputs or taps l over all positions (y, z) of an error map,

        sums[l] = sum of d[b * P_o + l, y, z] * x[c, y * s + u - a, z * s + v - p]

    in the order b, c, (u, v): blocks of outputs, selected channels, taps. Depthwise, lane l has the
    tap t = b * P_o + l = u * k + v,

        sums[l] = sum of d[c, y, z] * x[c, y * s + u - a, z * s + v - p]

    in the order c, b. x is zero outside the map; all sums are exact (docs/numerics.md, gradient).
    Lanes without an output or tap give anything.

    Planes: each lane holds a plane of its own (that of the error; depthwise all hold that of x) in
    one of two halves, so that one block is loaded while another is computed. The bytes that meet
    all lanes come from a ring of 2 * plane bytes.

    Flow control: `words` are counted by the array. First the error planes of the first block, to
    LANES; then for every block and selected channel: its plane of x, to RING (`resident`: for the
    first block only), and the next ceil(P_o / K) error planes of the following block, to LANES.
    Depthwise, for every channel: its x to LANES, its error to RING.
    `rows` waits as long as it must; there are places for two. Every ready and valid comes from
    registers.

    Latency: `latency` = 10 cycles from a row's last position to the row; `setup` = 3 from start
    until the first word is taken into a memory; 1 from the last word of a plane to its first
    position; golden.sgmac.cycles.array_cycles has those of whole jobs. Throughput: a position a
    cycle, without a bubble between taps, channels and blocks while words are there, rows are taken
    and a row has 5 positions or more; depthwise also one more than it has taps.

    Parameters
    ----------
    config: outputs, plane, kernel, channels and data_width are used; outputs is at least 1.

    Members
    -------
    start: In(1), begins a job; ignored while busy. busy: Out(1), from the cycle after start until
        the last row was taken.
    job: In(array_job_layout), from start on as long as busy.
    words: In(stream of words_layout). rows: Out(stream of rows_layout).
    active: Out(1), a position is being multiplied. lanes: Out(range(P_o + 1)), how many lanes have
        an output or a tap there, 0 while not active.
    """

    latency = 1 + Lanes.latency + 2
    setup = 3
    places = 2

    def __init__(self, config: Configuration):
        if not config.outputs:
            raise ValueError("outputs is 0: the array needs at least 1")
        self.config = config
        super().__init__(
            {
                "start": In(1),
                "busy": Out(1),
                "job": In(array_job_layout(config)),
                "words": In(stream.Signature(words_layout(config))),
                "rows": Out(stream.Signature(rows_layout(config))),
                "active": Out(1),
                "lanes": Out(range(config.outputs + 1)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        config, job = self.config, self.job
        depthwise = delayed(m, job.depthwise, 2, "depthwise")
        m.submodules.multipliers = lanes = Lanes(config)
        m.submodules.ring = ring = PlaneRing(config)
        m.submodules.positions = positions = PositionWalk(config)
        m.submodules.taps = taps = TapWalk(config)

        # ---- start: what addresses are made of, then everything begins
        begin, first_start = Signal(), Signal()
        m.d.comb += first_start.eq(self.start & ~self.busy)
        m.d.sync += begin.eq(delayed(m, first_start, self.setup - 1, "start", reset_less=False))
        with m.If(first_start):
            m.d.sync += self.busy.eq(1)
        with m.Elif(self.rows.valid & self.rows.ready & self.rows.payload.last):
            m.d.sync += self.busy.eq(0)
        lane_bits = (config.outputs - 1).bit_length()
        address = ring_address_width(config)
        tap_line = Signal(address)
        blocks = Signal(max(len(job.outputs) - lane_bits, 0) + 1)
        m.d.sync += [
            tap_line.eq(job.width - job.kernel + 1),
            blocks.eq(Mux(depthwise, 1, (job.outputs + config.outputs - 1) >> lane_bits)),
        ]
        m.d.comb += [
            lanes.begin.eq(begin),
            lanes.job.eq(job),
            ring.begin.eq(begin),
            ring.beats.eq(Mux(depthwise, job.error_beats, job.x_beats)),
            ring.resident.eq(job.resident & ~depthwise),
            positions.begin.eq(begin),
            positions.job.eq(job),
            taps.begin.eq(begin),
            taps.kernel.eq(job.kernel),
            taps.count.eq(job.taps),
            taps.first_offset.eq(job.first_offset),
            taps.line.eq(tap_line),
        ]

        # ---- words: a register, then the memory that it is for
        word = Signal(words_layout(config))
        holding, written = Signal(), Signal()
        for_ring = word.target == Target.RING
        m.d.comb += [
            written.eq(holding & Mux(for_ring, ring.space, lanes.space)),
            self.words.ready.eq(~holding | written),
            ring.write.eq(written & for_ring),
            ring.word.eq(word.data),
            lanes.write.eq(written & ~for_ring),
            lanes.word.eq(word.data),
        ]
        with m.If(self.words.ready):
            m.d.sync += [holding.eq(self.words.valid), word.eq(self.words.payload)]

        # ---- a position a cycle, while everything that it needs is there
        running, go, row_ends = Signal(), Signal(), Signal()
        first, there = Signal(), Signal()
        last = passes(m, "position", job.positions, begin, go)
        taps_set, last_taps_set, last_taps = Signal(), Signal(), Signal()
        row_taken = self.rows.valid & self.rows.ready
        reserved, _ = tally(m, "reserved", self.places, begin, row_ends, row_taken)
        m.d.comb += [
            there.eq(lanes.ready & ring.ready & taps_set),
            go.eq(running & (~first | there) & ~(last & reserved[1])),
            row_ends.eq(running & (~first | there) & last & ~reserved[1]),
        ]
        with m.If(begin):
            m.d.sync += first.eq(1)
        with m.Elif(go):
            m.d.sync += first.eq(last)

        # ---- the loops over rows
        taps_end, channel_ends, block_ends, job_ends = Signal(), Signal(), Signal(), Signal()
        last_tap = passes(m, "tap", job.taps, begin, row_ends)  # unless depthwise
        last_channel = passes(m, "channel", job.selected, begin, channel_ends)
        last_block = passes(m, "block", blocks, begin, block_ends)
        m.d.comb += [
            taps_end.eq(Mux(depthwise, Mux(first, last_taps_set, last_taps), last_tap)),
            channel_ends.eq(row_ends & taps_end),
            block_ends.eq(row_ends & taps_end & last_channel),
            job_ends.eq(row_ends & taps_end & last_channel & last_block),
            ring.follow.eq(channel_ends),
            ring.rewind.eq(last_channel),
            lanes.follow.eq(Mux(depthwise, channel_ends, block_ends)),
        ]
        with m.If(begin):
            m.d.sync += running.eq(1)
        with m.Elif(job_ends):
            m.d.sync += running.eq(0)

        # ---- taps: one a row, or depthwise one a lane, set while the row before is computed
        setting, all_set, row_begins = Signal(), Signal(), Signal()
        m.d.comb += [
            row_begins.eq(go & first),
            setting.eq(running & ~taps_set),
            lanes.set_tap.eq(setting),
            lanes.tap.eq(taps.tap),
            all_set.eq(setting & (lanes.last_tap | taps.last)),
            lanes.restart_taps.eq(all_set),
        ]
        with m.If(begin | row_begins):
            m.d.sync += [taps_set.eq(~depthwise), last_taps.eq(last_taps_set)]
        with m.Elif(all_set):
            m.d.sync += [taps_set.eq(1), last_taps_set.eq(taps.last)]

        # ---- addresses: a cycle behind the decision
        goes = delayed(m, go, 1, "go", reset_less=False)
        first_1, last_1 = delayed(m, first, 1, "first"), delayed(m, last, 1, "last")
        row_inside = delayed(m, positions.rows, 1, "row_inside")
        column_inside = delayed(m, positions.columns, 1, "column_inside")
        u, v = delayed(m, taps.tap.u, 1, "u"), delayed(m, taps.tap.v, 1, "v")
        m.d.comb += [
            positions.step.eq(goes),
            taps.step.eq(Mux(depthwise, setting, goes & last_1)),
            lanes.take_taps.eq(goes & first_1),
            ring.position.eq(Mux(depthwise, positions.position, positions.base)),
            ring.offset.eq(Mux(depthwise, 0, taps.tap.offset)),
            ring.inside.eq(
                depthwise | (row_inside.bit_select(u, 1) & column_inside.bit_select(v, 1))
            ),
            lanes.position.eq(Mux(depthwise, positions.base, positions.position)),
            lanes.rows.eq(positions.rows),
            lanes.columns.eq(positions.columns),
            lanes.multiply.eq(goes),
            lanes.first.eq(first_1),
            lanes.last.eq(last_1),
            lanes.shared.eq(ring.byte),
        ]

        # ---- rows: caught behind the lanes, then offered
        caught = Signal(rows_layout(config))
        catching, move = Signal(), Signal()
        last_row = delayed(m, job_ends, 1 + Lanes.latency, "job_ends")
        m.d.comb += move.eq(~self.rows.valid | self.rows.ready)
        with m.If(lanes.summed):
            m.d.sync += [caught.sums.eq(lanes.sums), caught.last.eq(last_row)]
        m.d.sync += catching.eq(lanes.summed | (catching & ~move))
        with m.If(move):
            m.d.sync += [self.rows.valid.eq(catching), self.rows.payload.eq(caught)]
        check(m, ~(lanes.summed & catching & ~move), "a row found no place")

        # ---- counting
        in_last_block = Mux(depthwise, job.taps, job.outputs)
        remaining = Signal(range(config.outputs + 1))  # of the last block or the last taps
        partial = in_last_block & (config.outputs - 1)
        m.d.sync += remaining.eq(Mux(partial == 0, config.outputs, partial))
        few = Mux(depthwise, taps_end, last_block)
        m.d.sync += [
            self.active.eq(go),
            self.lanes.eq(Mux(go, Mux(few, remaining, config.outputs), 0)),
        ]
        return m
