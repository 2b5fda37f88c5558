# SPDX-License-Identifier: Apache-2.0
"""The side of the sampling grid, and the best candidate of each of its cells."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from hw.arith.divide import Divide
from hw.config import Configuration
from hw.desne.bounds import CELL_BITS, EXTENT_WIDTH
from hw.desne.candidates import Pass, request
from hw.desne.curve import KEY_WIDTH
from hw.desne.map_key import CENTRE_WIDTH, FRACTION_BITS, SCALE_WIDTH, keyed
from hw.pipeline import delayed

__all__ = ["CellRuns", "GridSide", "occupied_cell"]


class GridSide(wiring.Component):
    """Finds the coarsest grid with enough occupied cells, and leaves its scale.

    Equation: with scale(G) = floor(G * 2^16 / (extent + 1)), g is found bit by bit from bit 5 down:
    a bit is kept while with scale(g) fewer than ``budget`` cells are occupied. G = g + 1; scale =
    scale(G).

    Flow control: none; ``start`` is for when no search is under way. The unit asks for candidates,
    whose keys, grid cells at ``scale``, come back a fixed number of cycles later.

    Method: one bit for each cell. A trial is two passes over the candidates: the first wipes the
    bits of their cells, the second sets them and counts those that were not set.

    Latency: 6 * 2 * (m + drain) + 7 * 25 cycles from ``start`` to ``done``, drain = latency + 4.

    Parameters
    ----------
    config: samples N is used.
    latency: cycles from a request to its key.

    Members
    -------
    start: In(1). candidates: In(range(N + 1)), m, at least 1. budget: In(range(N + 1)), 1..m.
    extent: In(15), the larger extent of the map. All constant until done.
    request: Out(request). keyed: In(keyed).
    scale: Out(23), holds after done until the next start.
    done: Out(1).
    """

    def __init__(self, config: Configuration, latency: int):
        self.config = config
        self.drain = latency + 4
        super().__init__(
            {
                "start": In(1),
                "candidates": In(config.count_width),
                "budget": In(config.count_width),
                "extent": In(EXTENT_WIDTH),
                "request": Out(request(config)),
                "keyed": In(keyed(config)),
                "scale": Out(SCALE_WIDTH),
                "done": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.steps = steps = Pass(self.config.samples, self.drain)
        m.submodules.divide = divide = Divide(SCALE_WIDTH, EXTENT_WIDTH + 1)
        m.submodules.marks = marks = Memory(shape=1, depth=1 << KEY_WIDTH, init=[])
        write = marks.write_port()
        read = marks.read_port(transparent_for=(write,))
        cells = Signal(CELL_BITS)  # g, as far as it is found
        bit = Signal(CELL_BITS)
        trial = Signal(CELL_BITS + 1)
        marking = Signal()
        m.d.comb += [
            steps.length.eq(self.candidates),
            self.request.valid.eq(steps.valid),
            self.request.step.eq(steps.step),
            trial.eq(Mux(bit.any(), cells | bit, cells + 1)),
            divide.numerator.eq(Cat(Const(0, FRACTION_BITS), trial)),
            divide.denominator.eq(self.extent + 1),
            self.scale.eq(divide.quotient),
        ]

        # cycle 0 of a cell: ask; cycle 1: wipe or mark it; cycle 2: was it the first there?
        valid_1 = delayed(m, self.keyed.valid, 1, "valid", reset_less=False)
        fresh, occupied = Signal(), Signal(self.config.count_width)
        m.d.comb += [
            read.addr.eq(self.keyed.key),
            write.addr.eq(delayed(m, self.keyed.key, 1, "cell")),
            write.data.eq(marking),
            write.en.eq(valid_1),
        ]
        m.d.sync += fresh.eq(valid_1 & marking & ~read.data)
        with m.If(~marking):
            m.d.sync += occupied.eq(0)
        with m.Elif(fresh):
            m.d.sync += occupied.eq(occupied + 1)

        with m.FSM():
            with m.State("IDLE"):
                with m.If(self.start):
                    m.d.sync += [cells.eq(0), bit.eq(1 << CELL_BITS - 1)]
                    m.next = "DIVIDE"
            with m.State("DIVIDE"):
                m.d.comb += divide.start.eq(1)
                m.next = "SCALE"
            with m.State("SCALE"):
                with m.If(divide.done):
                    with m.If(bit.any()):
                        m.d.comb += steps.start.eq(1)
                        m.next = "WIPE"
                    with m.Else():
                        m.d.comb += self.done.eq(1)
                        m.next = "IDLE"
            with m.State("WIPE"):
                m.d.comb += steps.start.eq(steps.done)
                with m.If(steps.done):
                    m.next = "MARK"
            with m.State("MARK"):
                m.d.comb += marking.eq(1)
                with m.If(steps.done):
                    with m.If(occupied < self.budget):
                        m.d.sync += cells.eq(cells | bit)
                    m.d.sync += bit.eq(bit >> 1)
                    m.next = "DIVIDE"
        return m


def occupied_cell(config: Configuration) -> data.StructLayout:
    """An occupied cell: its candidates but one, and the position of the best."""
    index = unsigned(config.index_width)
    return data.StructLayout({"valid": 1, "others": index, "position": index})


class CellRuns(wiring.Component):
    """Best candidate and population of each occupied cell, from candidates sorted by cell.

    Equation: a run is a maximal stretch of equal keys; the best of it is the first of its smallest
    ``from_centre``; others = its length - 1.

    Flow control: none; ``begin`` forgets everything, ``flush`` ends the last run.

    Latency: 1 cycle from the first candidate of the next run, or from ``flush``, to ``cell``.
    Throughput: one candidate a cycle.

    Parameters
    ----------
    config: samples N is used.

    Members
    -------
    begin, flush: In(1), without a valid candidate.
    keyed: In(keyed).
    cell: Out(occupied_cell), in ascending order of the keys.
    """

    def __init__(self, config: Configuration):
        self.config = config
        super().__init__(
            {
                "begin": In(1),
                "flush": In(1),
                "keyed": In(keyed(config)),
                "cell": Out(occupied_cell(config)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        running = Signal()
        key = Signal(KEY_WIDTH, reset_less=True)
        best = Signal(CENTRE_WIDTH, reset_less=True)
        position, others = (
            Signal(self.config.index_width, name=name, reset_less=True)
            for name in ("position", "others")
        )
        same = Signal()
        m.d.comb += same.eq(running & (self.keyed.key == key))
        m.d.sync += [
            self.cell.valid.eq(running & (self.flush | (self.keyed.valid & ~same))),
            self.cell.others.eq(others),
            self.cell.position.eq(position),
        ]
        with m.If(self.begin | self.flush):
            m.d.sync += running.eq(0)
        with m.If(self.keyed.valid):
            m.d.sync += [running.eq(1), key.eq(self.keyed.key)]
            m.d.sync += others.eq(Mux(same, others + 1, 0))
            with m.If(~same | (self.keyed.from_centre < best)):
                m.d.sync += [best.eq(self.keyed.from_centre), position.eq(self.keyed.position)]
        return m
