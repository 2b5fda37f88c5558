# SPDX-License-Identifier: Apache-2.0
"""The edges of all samples on chip: written R rows abreast, read one edge a cycle."""

from amaranth.hdl import Array, Module, Signal
from amaranth.lib import data, memory, stream, wiring
from amaranth.lib.wiring import In, Out

from hw.config import Configuration
from hw.desne.beta_search import edges_layout
from hw.desne.map_widths import WEIGHT_WIDTH
from hw.pipeline import delayed

__all__ = ["EdgeStore", "edge_layout"]


def edge_layout(config: Configuration) -> data.StructLayout:
    """One directed edge on its way to the attraction."""
    return data.StructLayout(
        {
            "row": config.index_width,
            "index": config.index_width,
            "weight": WEIGHT_WIDTH,
            "row_begins": 1,
            "row_ends": 1,
            "last": 1,
        }
    )


class EdgeStore(wiring.Component):
    """R banks, each with the edges of every R-th row.

    Equation: beat p of block b brings edge p of the rows b*R .. b*R + R - 1; read are the edges of
    row 0, then of row 1, up to row n - 1, those of a row in the order they came.

    Flow control: `edges` takes ceil(n / R) * k beats from the cycle after `load` on, never
    stalling; `loaded` is high from then on. What it holds for rows i >= n is never read. After
    `read` all n * k edges leave, one a cycle, unasked.

    Latency: `latency` = 4 cycles from read to the first edge. Throughput: R edges a cycle in, one
    out.

    Parameters
    ----------
    config: sizes; samples, rows and neighbours are used.

    Members
    -------
    load: In(1), begins a job. read: In(1), while loaded and no edge is on its way.
    samples: In(bits of config.samples), n. neighbours: In(bits of config.neighbours), k. Both held
    while the store is in use.
    edges: In(stream of edges_layout); `last` in it is not looked at.
    loaded: Out(1). valid: Out(1), edge: Out(edge_layout).
    """

    latency = 5

    def __init__(self, config: Configuration):
        self.config = config
        super().__init__(
            {
                "load": In(1),
                "read": In(1),
                "samples": In(config.count_width),
                "neighbours": In(config.neighbours_width),
                "edges": In(stream.Signature(edges_layout(config))),
                "loaded": Out(1),
                "valid": Out(1),
                "edge": Out(edge_layout(config)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        config = self.config
        rows = config.rows
        depth = -(-config.samples // rows) * config.neighbours
        last_neighbour = Signal(config.neighbours_width)
        last_row = Signal(config.index_width)
        m.d.sync += [
            last_neighbour.eq(self.neighbours - 1),
            last_row.eq(self.samples - 1),
        ]

        loading, take = Signal(), Signal()
        write_address = Signal(range(depth))
        write_neighbour = Signal(config.neighbours_width)
        rows_left = Signal(config.count_width)  # from this block on
        m.d.comb += [self.edges.ready.eq(loading), take.eq(loading & self.edges.valid)]
        with m.If(self.load):
            m.d.sync += [
                loading.eq(1),
                self.loaded.eq(0),
                write_address.eq(0),
                write_neighbour.eq(0),
                rows_left.eq(self.samples),
            ]
        with m.Elif(take):
            m.d.sync += [
                write_address.eq(write_address + 1),
                write_neighbour.eq(write_neighbour + 1),
            ]
            with m.If(write_neighbour == last_neighbour):
                m.d.sync += [write_neighbour.eq(0), rows_left.eq(rows_left - rows)]
                with m.If(rows_left <= rows):
                    m.d.sync += [loading.eq(0), self.loaded.eq(1)]

        # cycle 0: addresses
        reading = Signal()
        base = Signal(range(depth))  # of this block of rows
        address = Signal(range(depth))
        bank = Signal(range(rows))
        row = Signal(config.index_width)
        neighbour = Signal(config.neighbours_width)
        row_ends = Signal()
        last = Signal()
        m.d.comb += [
            row_ends.eq(neighbour == last_neighbour),
            last.eq(row_ends & (row == last_row)),
        ]
        with m.If(self.read):
            m.d.sync += [
                reading.eq(1),
                base.eq(0),
                address.eq(0),
                bank.eq(0),
                row.eq(0),
                neighbour.eq(0),
            ]
        with m.Elif(reading):
            m.d.sync += [address.eq(address + 1), neighbour.eq(neighbour + 1)]
            with m.If(row_ends):
                m.d.sync += [neighbour.eq(0), row.eq(row + 1), bank.eq(bank + 1), address.eq(base)]
                with m.If(bank == rows - 1):
                    m.d.sync += [bank.eq(0), base.eq(address + 1), address.eq(address + 1)]
            with m.If(last):
                m.d.sync += reading.eq(0)

        # cycle 1: two registers behind each memory, which lies far off; cycle 3: the bank's answer
        answers = []
        shape = edges_layout(config)["edge"].shape.elem_shape
        for number in range(rows):
            store = memory.Memory(shape=shape, depth=depth, init=[])
            m.submodules[f"bank_{number}"] = store
            write, read = store.write_port(), store.read_port()
            m.d.comb += [
                write.en.eq(take),
                write.addr.eq(write_address),
                write.data.eq(self.edges.payload.edge[number]),
                read.addr.eq(address),
            ]
            answers.append(delayed(m, read.data, 2, f"answer_{number}"))
        chosen = data.View(shape, Array(answers)[delayed(m, bank, 3, "bank")])
        m.d.sync += [self.edge.index.eq(chosen.index), self.edge.weight.eq(chosen.weight)]
        for field, value in (
            ("row", row),
            ("row_begins", neighbour == 0),
            ("row_ends", row_ends),
            ("last", last),
        ):
            m.d.comb += self.edge[field].eq(delayed(m, value, 4, field))
        m.d.comb += self.valid.eq(delayed(m, reading, 4, "reading", reset_less=False))
        return m
