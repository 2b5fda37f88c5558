# SPDX-License-Identifier: Apache-2.0
"""The Hilbert curve over the map, and the stratified draw along it."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.arith.multiply import Multiply
from hw.config import Configuration
from hw.desne.bounds import CELL_BITS, EXTENT_WIDTH, SHIFT_MAXIMUM

__all__ = ["KEY_WIDTH", "PHASE_WIDTH", "CurveDraw", "HilbertKey"]

KEY_WIDTH = 2 * CELL_BITS
"""Bits of the number of a cell."""

PHASE_WIDTH = 16
"""The phase is U0.16."""


def _quadrants(turn: Value, x: Value, y: Value) -> tuple[Value, Value]:
    """(index within these bits, turn for the bits below), from the highest bit of x and y down."""
    swap, mirror = turn[0], turn[1]
    digits = []
    for bit in reversed(range(len(x))):
        right = Mux(swap, y[bit], x[bit]) ^ mirror
        upper = Mux(swap, x[bit], y[bit]) ^ mirror
        digits.append(Cat(right ^ upper, right))
        swap, mirror = swap ^ ~upper, mirror ^ (right & ~upper)
    return Cat(*reversed(digits)), Cat(swap, mirror)


class HilbertKey(wiring.Component):
    """Position of a point's cell along the Hilbert curve over 64 x 64 cells.

    Equation: x = offset.x >> shift, y likewise, 6 bits each. From the highest bit down, with right
    and upper the bits of x and y, the next two bits of the key are (3 * right) ^ upper; where upper
    is 0, the remaining bits of x and y are both inverted if right is 1, and then exchanged.

    The turns of all levels above are two bits, so a level is one LUT deep.

    Flow control: none; a point is taken in every cycle.

    Latency: `latency` cycles. Throughput: one key a cycle.

    Members
    -------
    x, y: In(15), offsets from the minimum; below 64 << shift.
    shift: In(range(10)), constant during a pass.
    key: Out(12).
    """

    latency = 3

    x: In(EXTENT_WIDTH)
    y: In(EXTENT_WIDTH)
    shift: In(range(SHIFT_MAXIMUM + 1))
    key: Out(KEY_WIDTH)

    def elaborate(self, platform):
        m = Module()
        half = CELL_BITS // 2
        # cycle 0: the cell
        x_1, y_1 = (Signal(CELL_BITS, name=f"{a}_1", reset_less=True) for a in "xy")
        m.d.sync += [x_1.eq(self.x >> self.shift), y_1.eq(self.y >> self.shift)]
        # cycle 1: the upper levels; cycle 2: the lower ones
        high, turn = _quadrants(Const(0, 2), x_1[half:], y_1[half:])
        x_2, y_2 = (Signal(half, name=f"{a}_2", reset_less=True) for a in "xy")
        high_2, turn_2 = Signal(2 * half, reset_less=True), Signal(2, reset_less=True)
        m.d.sync += [x_2.eq(x_1), y_2.eq(y_1), high_2.eq(high), turn_2.eq(turn)]
        low, _ = _quadrants(turn_2, x_2, y_2)
        m.d.sync += self.key.eq(Cat(low, high_2))
        return m


class CurveDraw(wiring.Component):
    """Which positions of an ordered list are drawn: b of m, evenly, from a phase on.

    Equation: taken are the positions floor((65536 j + phase) m / (65536 b)), j = 0..b-1. With h =
    floor(phase * m / 65536) they are floor((j * m + h) / b), no two alike because b <= m. So a
    remainder u walks along: u = h at position 0; a position is taken if u < b; to the next one u
    becomes u - b, and + m where one was taken. No division.

    Flow control: none. ``begin`` sets the walk to position 0, `settle` cycles or more after the
    last change of the settings; every ``advance`` goes on by one position.

    Latency: ``take`` is about the current position, combinational from registers. Throughput: one
    position a cycle.

    Parameters
    ----------
    config: samples N is used.

    Members
    -------
    candidates: In(range(N + 1)), m, at least 1. budget: In(range(N + 1)), b, 1..m.
    phase: In(16).
    begin, advance: In(1).
    take: Out(1).
    """

    def __init__(self, config: Configuration):
        self.config = config
        self._multiply = Multiply(PHASE_WIDTH, config.count_width)
        self.settle = self._multiply.latency
        super().__init__(
            {
                "candidates": In(config.count_width),
                "budget": In(config.count_width),
                "phase": In(PHASE_WIDTH),
                "begin": In(1),
                "advance": In(1),
                "take": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.multiply = multiply = self._multiply
        rest = Signal(self.config.count_width)
        surplus = Signal(self.config.count_width, reset_less=True)  # m - b
        m.d.sync += surplus.eq(self.candidates - self.budget)
        m.d.comb += [
            multiply.left.eq(self.phase),
            multiply.right.eq(self.candidates),
            self.take.eq(rest < self.budget),
        ]
        with m.If(self.begin):
            m.d.sync += rest.eq(multiply.product[PHASE_WIDTH:])
        with m.Elif(self.advance):
            m.d.sync += rest.eq(Mux(self.take, rest + surplus, rest - self.budget))
        return m
