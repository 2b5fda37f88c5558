# SPDX-License-Identifier: Apache-2.0
"""The bounding square of points on the map."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.arith.normalise import leading_one
from hw.config import width_for
from hw.desne.map_widths import DIFFERENCE_MAXIMUM, POSITION

__all__ = ["CELL_BITS", "EXTENT_WIDTH", "SHIFT_MAXIMUM", "Bounds"]

CELL_BITS = 6
"""Bits of a cell's number on an axis: maps are cut into at most 64 x 64 cells."""

EXTENT_WIDTH = width_for(DIFFERENCE_MAXIMUM)
"""Bits of the distance of two points along an axis."""

SHIFT_MAXIMUM = EXTENT_WIDTH - CELL_BITS


class Bounds(wiring.Component):
    """Minimum of each axis and the larger extent of points that pass by.

    Equation: minimum = min over the points, per axis; extent = max over both axes of (max - min);
    shift = the smallest s >= 0 with (extent >> s) < 64.

    Flow control: none; ``begin`` forgets all points before the next, ``valid`` adds one.

    Latency: `latency` cycles from a point to the outputs. Throughput: one point a cycle.

    Members
    -------
    begin: In(1). valid: In(1), with point: In(struct of x, y: signed(15)); not with begin.
    minimum: Out(struct of x, y: signed(15)).
    extent: Out(15). shift: Out(range(10)).
    """

    latency = 4

    begin: In(1)
    valid: In(1)
    point: In(POSITION)
    minimum: Out(POSITION)
    extent: Out(EXTENT_WIDTH)
    shift: Out(range(SHIFT_MAXIMUM + 1))

    def elaborate(self, platform):
        m = Module()
        fresh = Signal()
        with m.If(self.begin):
            m.d.sync += fresh.eq(1)
        with m.Elif(self.valid):
            m.d.sync += fresh.eq(0)
        extents = []
        for axis in ("x", "y"):
            value, low = self.point[axis], self.minimum[axis]
            high = Signal(POSITION.members[axis], name=f"maximum_{axis}", reset_less=True)
            with m.If(self.valid & (fresh | (value < low))):
                m.d.sync += low.eq(value)
            with m.If(self.valid & (fresh | (value > high))):
                m.d.sync += high.eq(value)
            extent = Signal(EXTENT_WIDTH, name=f"extent_{axis}", reset_less=True)
            m.d.sync += extent.eq(high - low)
            extents.append(extent)
        x, y = extents
        exponent = leading_one(self.extent)
        m.d.sync += [
            self.extent.eq(Mux(x < y, y, x)),
            self.shift.eq(Mux(exponent < CELL_BITS, 0, exponent - (CELL_BITS - 1))),
        ]
        return m
