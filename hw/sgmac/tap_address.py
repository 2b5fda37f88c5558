# SPDX-License-Identifier: Apache-2.0
"""Where the products of a row find their bytes: the places of an error map, and the taps."""

from amaranth.hdl import Cat, Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.config import Configuration, width_for
from hw.sgmac.array_job import array_job_layout, ring_address_width, tap_layout
from hw.sgmac.counting import passes

__all__ = ["Axis", "PositionWalk", "TapWalk"]


class Axis(wiring.Component):
    """One side of the error map, and which taps lie inside the map of x.

    Equation: at place y = 0..out_size - 1 of the error map, inside[u] is 1 where
    0 <= y * stride + u - padding < size.

    Flow control: none; `step` goes to the next place, behind the last one to the first again.

    Latency: inside and last belong to the place that the steps before led to; inside is a few
    gates behind registers. Throughput: a step a cycle.

    Parameters
    ----------
    config: plane and kernel are used.

    Members
    -------
    begin: In(1), to the first place. step: In(1).
    size, out_size: In, 1..plane. stride: In(8). padding: In(range(kernel)). All hold still from
        begin on, and every window touches the map: (out_size - 1) * stride < size + padding.
    last: Out(1), this is the last place. inside: Out(config.kernel).
    """

    def __init__(self, config: Configuration):
        self.config = config
        job = array_job_layout(config)
        super().__init__(
            {
                "begin": In(1),
                "step": In(1),
                "size": In(job["height"].shape),
                "out_size": In(job["out_height"].shape),
                "stride": In(job["stride"].shape),
                "padding": In(job["padding"].shape),
                "last": Out(1),
                "inside": Out(config.kernel),
            }
        )

    def elaborate(self, platform):
        m = Module()
        config = self.config
        m.d.comb += self.last.eq(passes(m, "axis", self.out_size, self.begin, self.step))
        # the place of tap 0, from the map's beginning on and to its end
        before = Signal(signed(width_for(config.plane) + 1))
        room = Signal(width_for(config.plane + config.kernel))
        with m.If(self.begin | (self.step & self.last)):
            m.d.sync += [before.eq(-self.padding), room.eq(self.size + self.padding)]
        with m.Elif(self.step):
            m.d.sync += [before.eq(before + self.stride), room.eq(room - self.stride)]
        # before >= -kernel and room >= 1: their low bits tell
        low = width_for(config.kernel)
        wide = Signal()
        m.d.comb += wide.eq(room[low:].any())
        m.d.comb += self.inside.eq(
            Cat(
                (~before[-1] | (before[:low] >= (1 << low) - tap if tap else 0))
                & (wide | (room[:low] > tap))
                for tap in range(config.kernel)
            )
        )
        return m


class PositionWalk(wiring.Component):
    """All positions (y, z) of an error map, in rows, again and again.

    Equation: position = y * out_width + z; base = (y * stride) * width + z * stride, the place of
    tap (0, 0) without padding; rows[u] and columns[v] tell which taps lie inside the map of x.

    Flow control: none; `step` goes to the next position.

    Latency: the outputs belong to the position that the steps before led to. Throughput: a
    position a cycle, also from the last one to the first.

    Parameters
    ----------
    config: plane and kernel are used.

    Members
    -------
    begin: In(1), to the first position. step: In(1).
    job: In(array_job_layout), still from begin on.
    position, base: Out(range(2 * plane)). rows, columns: Out(config.kernel).
    """

    def __init__(self, config: Configuration):
        self.config = config
        address = ring_address_width(config)
        super().__init__(
            {
                "begin": In(1),
                "step": In(1),
                "job": In(array_job_layout(config)),
                "position": Out(address),
                "base": Out(address),
                "rows": Out(config.kernel),
                "columns": Out(config.kernel),
            }
        )

    def elaborate(self, platform):
        m = Module()
        job = self.job
        m.submodules.row = row = Axis(self.config)
        m.submodules.column = column = Axis(self.config)
        line_base = Signal.like(self.base)  # of this row's first position
        for axis, size, out_size, padding in (
            (row, job.height, job.out_height, job.padding_above),
            (column, job.width, job.out_width, job.padding),
        ):
            m.d.comb += [
                axis.begin.eq(self.begin),
                axis.size.eq(size),
                axis.out_size.eq(out_size),
                axis.stride.eq(job.stride),
                axis.padding.eq(padding),
            ]
        m.d.comb += [
            column.step.eq(self.step),
            row.step.eq(self.step & column.last),
            self.rows.eq(row.inside),
            self.columns.eq(column.inside),
        ]
        with m.If(self.begin | (self.step & column.last & row.last)):
            m.d.sync += Cat(self.position, self.base, line_base).eq(0)
        with m.Elif(self.step):
            following = line_base + job.line
            m.d.sync += [
                self.position.eq(self.position + 1),
                self.base.eq(Mux(column.last, following, self.base + job.stride)),
            ]
            with m.If(column.last):
                m.d.sync += line_base.eq(following)
        return m


class TapWalk(wiring.Component):
    """All taps (u, v) of a kernel, in rows, again and again.

    Equation: offset = (u - padding_above) * width + v - padding, modulo 2 * plane.

    Flow control: none; `step` goes to the next tap.

    Latency: the outputs belong to the tap that the steps before led to. Throughput: a tap a cycle.

    Parameters
    ----------
    config: plane and kernel are used.

    Members
    -------
    begin: In(1), to the first tap. step: In(1).
    kernel: In, k. count: In, k * k. first_offset: In, -(padding_above * width + padding). line: In,
        width - k + 1. All still from begin on, the last two modulo 2 * plane.
    tap: Out(tap_layout). last: Out(1), it is (k - 1, k - 1).
    """

    def __init__(self, config: Configuration):
        self.config = config
        address = ring_address_width(config)
        super().__init__(
            {
                "begin": In(1),
                "step": In(1),
                "kernel": In(array_job_layout(config)["kernel"].shape),
                "count": In(width_for(config.kernel**2)),
                "first_offset": In(address),
                "line": In(address),
                "tap": Out(tap_layout(config)),
                "last": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        tap = self.tap
        column_last = passes(m, "column", self.kernel, self.begin, self.step)
        m.d.comb += self.last.eq(passes(m, "tap", self.count, self.begin, self.step))
        with m.If(self.begin | (self.step & self.last)):
            m.d.sync += [tap.offset.eq(self.first_offset), Cat(tap.u, tap.v).eq(0)]
        with m.Elif(self.step):
            m.d.sync += [
                tap.offset.eq(tap.offset + Mux(column_last, self.line, 1)),
                tap.v.eq(Mux(column_last, 0, tap.v + 1)),
                tap.u.eq(tap.u + column_last),
            ]
        return m
