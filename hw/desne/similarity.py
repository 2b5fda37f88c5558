# SPDX-License-Identifier: Apache-2.0
"""Similarity of two points of the map: q = 1 / (1 + d^2)."""

from amaranth.hdl import Module, Signal, unsigned
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.arith.reciprocal import Reciprocal
from hw.desne.map_widths import DIFFERENCE, DIFFERENCE_MAXIMUM, POSITION, SIMILARITY_BITS
from hw.pipeline import delayed

__all__ = ["Similarity"]

_SQUARE_WIDTH = (DIFFERENCE_MAXIMUM**2).bit_length()
_UNIT = 1 << SIMILARITY_BITS
_X_WIDTH = (_UNIT + (2 * DIFFERENCE_MAXIMUM**2 >> 4)).bit_length()


class Similarity(wiring.Component):
    """Difference and similarity of two points.

    Equation: difference = a - b per axis; x = 4096 + ((dx^2 + dy^2) >> 4);
    (v, e) = reciprocal(x), P = 12; q = round_shift(v, e - 12) (docs/numerics.md, embed).

    Flow control: none; a pair is taken and a result is given in every cycle.

    Latency: `latency` = 13 cycles. Throughput: one pair a cycle.

    Members
    -------
    a, b: In(struct of x, y: signed(15), S7.8).
    difference: Out(struct of x, y: signed(16), S8.8).
    q: Out(13), U1.12, 0..4096.
    """

    latency = 4 + Reciprocal.latency + 2

    a: In(POSITION)
    b: In(POSITION)
    difference: Out(DIFFERENCE)
    q: Out(unsigned(SIMILARITY_BITS + 1))

    def elaborate(self, platform):
        m = Module()
        m.submodules.reciprocal = reciprocal = Reciprocal(_X_WIDTH, SIMILARITY_BITS)
        squares = []
        for axis in ("x", "y"):
            # cycle 0: subtract; cycle 1: square
            difference = Signal(DIFFERENCE.members[axis], name=f"d{axis}", reset_less=True)
            square = Signal(_SQUARE_WIDTH, name=f"d{axis}_square", reset_less=True)
            m.d.sync += [
                difference.eq(self.a[axis] - self.b[axis]),
                square.eq(difference * difference),
            ]
            squares.append(square)
            m.d.comb += self.difference[axis].eq(
                delayed(m, difference, self.latency - 1, f"d{axis}")
            )
        # cycles 2 and 3: add; then: reciprocal
        squared_distance = Signal(_SQUARE_WIDTH + 1 - 4, reset_less=True)  # but for what x drops
        x = Signal(_X_WIDTH, reset_less=True)
        m.d.sync += [
            squared_distance.eq((squares[0] + squares[1]) >> 4),
            x.eq(_UNIT + squared_distance),
        ]
        m.d.comb += reciprocal.x.eq(x)
        # last two: round_shift, with one bit below the result in between; x >= 2^12
        shift = (reciprocal.exponent - SIMILARITY_BITS)[:4]
        half = Signal(SIMILARITY_BITS + 2, reset_less=True)
        m.d.sync += half.eq((reciprocal.mantissa << 1) >> shift)
        m.d.comb += self.q.eq(delayed(m, ((half + 1) >> 1)[: len(self.q)], 1, "q"))
        return m
