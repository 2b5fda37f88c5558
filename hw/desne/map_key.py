# SPDX-License-Identifier: Apache-2.0
"""The cell of the map that a candidate falls into, as a sorting key."""

from amaranth.hdl import Module, Mux, Signal, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from hw.arith.multiply import Multiply
from hw.config import Configuration
from hw.desne.bounds import CELL_BITS, EXTENT_WIDTH, SHIFT_MAXIMUM
from hw.desne.candidates import answer
from hw.desne.curve import KEY_WIDTH, HilbertKey
from hw.desne.map_widths import POSITION
from hw.pipeline import delayed

__all__ = ["CENTRE_WIDTH", "FRACTION_BITS", "SCALE_WIDTH", "GridCell", "MapKey", "keyed"]

FRACTION_BITS = 16
"""Fraction bits of a scaled offset."""

SCALE_WIDTH = CELL_BITS + 1 + FRACTION_BITS
"""Bits of the scale: 64 * 2^16 when all points coincide."""

CENTRE_WIDTH = 2 * FRACTION_BITS
"""Bits of the squared distance from a cell's centre, 0..2^31."""


def keyed(config: Configuration) -> data.StructLayout:
    """A candidate's position and key, and its squared distance from the centre of its grid cell."""
    return data.StructLayout(
        {
            "valid": 1,
            "position": unsigned(config.index_width),
            "key": unsigned(KEY_WIDTH),
            "from_centre": unsigned(CENTRE_WIDTH),
        }
    )


class GridCell(wiring.Component):
    """Cell of a grid, row by row, and how far from its centre a point lies.

    Equation: scaled = offset * scale per axis; cell = (scaled.y >> 16) * 64 + (scaled.x >> 16);
    from_centre = sum over the axes of ((scaled & 65535) - 32768)^2. With rows of 64 instead of G
    cells the numbers are others than in docs/numerics.md, but their order is the same.

    Flow control: none; a point is taken in every cycle.

    Latency: `latency` cycles. Throughput: one point a cycle.

    Members
    -------
    x, y: In(15), offsets from the minimum.
    scale: In(23), constant during a pass; offset * scale < 64 * 2^16.
    cell: Out(12). from_centre: Out(32), 0..2^31.
    """

    _multiply = (EXTENT_WIDTH, SCALE_WIDTH)
    latency = 5

    x: In(EXTENT_WIDTH)
    y: In(EXTENT_WIDTH)
    scale: In(SCALE_WIDTH)
    cell: Out(KEY_WIDTH)
    from_centre: Out(CENTRE_WIDTH)

    def elaborate(self, platform):
        m = Module()
        squares = []
        for number, (name, offset) in enumerate((("x", self.x), ("y", self.y))):
            # cycles 0 and 1: scale
            m.submodules[f"scale_{name}"] = scaled = Multiply(*self._multiply)
            m.d.comb += [scaled.left.eq(offset), scaled.right.eq(self.scale)]
            # cycle 2: distance from the centre, 0..32768
            half = 1 << FRACTION_BITS - 1
            fraction = scaled.product[: FRACTION_BITS - 1]
            above = scaled.product[FRACTION_BITS - 1]
            centre = Signal(FRACTION_BITS, name=f"centre_{name}", reset_less=True)
            m.d.sync += centre.eq(Mux(above, fraction, half - fraction))
            # cycle 3: its square; the cell keeps step
            m.submodules[f"square_{name}"] = square = Multiply(FRACTION_BITS, FRACTION_BITS)
            m.d.comb += [square.left.eq(centre), square.right.eq(centre)]
            squares.append(square.product)
            part = scaled.product[FRACTION_BITS : FRACTION_BITS + CELL_BITS]
            m.d.comb += self.cell.word_select(number, CELL_BITS).eq(
                delayed(m, part, self.latency - scaled.latency, f"cell_{name}")
            )
        # cycle 4: the sum
        m.d.sync += self.from_centre.eq(squares[0] + squares[1])
        return m


class MapKey(wiring.Component):
    """Sorting key of a candidate: its place along the Hilbert curve, or its grid cell.

    Equation: of the offset from the minimum of each axis, HilbertKey or GridCell.

    Flow control: none; an answer of the store of candidates is taken in every cycle.

    Latency: `latency` cycles. Throughput: one key a cycle.

    Parameters
    ----------
    config: samples N is used.

    Members
    -------
    by_cell: In(1), the key is the grid cell. minimum: In(struct of x, y: signed(15)).
    shift: In(range(10)), of the curve. scale: In(23), of the grid. All constant during a pass.
    answer: In(answer).
    keyed: Out(keyed); from_centre is of the grid cell in either case.
    """

    latency = 1 + GridCell.latency

    def __init__(self, config: Configuration):
        self.config = config
        super().__init__(
            {
                "by_cell": In(1),
                "minimum": In(POSITION),
                "shift": In(range(SHIFT_MAXIMUM + 1)),
                "scale": In(SCALE_WIDTH),
                "answer": In(answer(config)),
                "keyed": Out(keyed(config)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.hilbert = hilbert = HilbertKey()
        m.submodules.grid = grid = GridCell()
        for axis in ("x", "y"):
            offset = Signal(EXTENT_WIDTH, name=f"offset_{axis}", reset_less=True)
            m.d.sync += offset.eq(self.answer.candidate.map[axis] - self.minimum[axis])
            m.d.comb += [getattr(hilbert, axis).eq(offset), getattr(grid, axis).eq(offset)]
        m.d.comb += [hilbert.shift.eq(self.shift), grid.scale.eq(self.scale)]
        curve_key = delayed(m, hilbert.key, GridCell.latency - HilbertKey.latency, "curve_key")
        m.d.comb += [
            self.keyed.valid.eq(
                delayed(m, self.answer.valid, self.latency, "valid", reset_less=False)
            ),
            self.keyed.position.eq(delayed(m, self.answer.position, self.latency, "position")),
            self.keyed.key.eq(Mux(self.by_cell, grid.cell, curve_key)),
            self.keyed.from_centre.eq(grid.from_centre),
        ]
        return m
