# SPDX-License-Identifier: Apache-2.0
"""calibrate: neighbours, inverse temperature and edge weights of every row of distances."""

from amaranth.hdl import Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hw.config import Configuration
from hw.desne.beta_search import BetaSearch, check_lanes, default_lanes, edges_layout, rows_layout
from hw.desne.distance import distances_layout
from hw.desne.entropy_test import target_width
from hw.desne.neighbour_cut import NeighbourCut

__all__ = ["Calibrate"]


class Calibrate(wiring.Component):
    """Turns blocks of R rows of distances into the k nearest neighbours of each row with weights.

    Equation: docs/numerics.md, calibrate. Of row i the k smallest distances over j != i, ties to
    the lowest j; beta so that the entropy of 2^(-beta * (d - min d)) is the target; weights p(j|i)
    as U0.8 and a status.

    Flow control: three streams. ceil(n / R) blocks of n beats come in through ``distances`` (row r
    of block b is sample b*R + r); of each block go out one beat of ``rows`` and, after it was
    offered, k beats of ``edges`` in ascending order of index. Three blocks are in work at once: one
    arrives, one is cut to its neighbours (NeighbourCut), one is calibrated (BetaSearch). A stream
    that is not taken holds up the stage behind it, and in the end ``distances``. Rows i >= n of the
    last block come out as zeros.

    Latency and throughput: golden.cycles.calibrate_cycles, asserted by a test. In preset edge a
    block takes 3*n + 522 cycles in the cut and, with k >= 33, 30*k + 35 in the search; the longer
    one counts. The time does not depend on the data.

    Parameters
    ----------
    config: samples N, rows R, neighbours K and the width of a distance are used.
    lanes: rows whose affinities are computed at once; divides R. R / 2 when not given, which with
    k >= 32 is as fast as R, since two rows take turns in a lane while decisions are under way.

    Members
    -------
    start: In(1), takes the three numbers below and begins a job; ignored while busy.
    busy: Out(1), from the cycle after start until the last beat was taken.
    samples: In(range(N + 1)), n = 2..N. neighbours: In(range(K + 1)), k = 1..min(K, n - 1).
    target: In, h = round(2^16 * log2 perplexity), 0..2^16 * log2 k.
    distances: In(stream of distances_layout): R distances of range(F * 255^2 + 1), and last.
    edges: Out(stream of edges_layout): R times index and weight (U0.8), and last of the block.
    rows: Out(stream of rows_layout): R times status (golden.desne.calibrate.Status) and code.
    """

    def __init__(self, config: Configuration, lanes: int | None = None):
        self.config = config
        self.lanes = default_lanes(config.rows) if lanes is None else lanes
        check_lanes(config.rows, self.lanes)
        super().__init__(
            {
                "start": In(1),
                "busy": Out(1),
                "samples": In(config.count_width),
                "neighbours": In(config.neighbours_width),
                "target": In(target_width(config)),
                "distances": In(stream.Signature(distances_layout(config))),
                "edges": Out(stream.Signature(edges_layout(config))),
                "rows": Out(stream.Signature(rows_layout(config))),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.cut = cut = NeighbourCut(self.config)
        m.submodules.search = search = BetaSearch(self.config, self.lanes)

        start = Signal()
        m.d.sync += start.eq(self.start & ~self.busy)
        samples = Signal.like(self.samples)
        neighbours = Signal.like(self.neighbours)
        target = Signal.like(self.target)
        with m.If(self.start & ~self.busy):
            m.d.sync += [
                samples.eq(self.samples),
                neighbours.eq(self.neighbours),
                target.eq(self.target),
            ]
        m.d.comb += [
            self.busy.eq(start | search.busy),
            cut.start.eq(start),
            search.start.eq(start),
            cut.samples.eq(samples),
            cut.neighbours.eq(neighbours),
            search.neighbours.eq(neighbours),
            search.target.eq(target),
            cut.open.eq(search.open),
        ]
        for name in ("kept", "index", "done", "equal", "present", "final"):
            m.d.comb += getattr(search, name).eq(getattr(cut, name))
        wiring.connect(m, wiring.flipped(self.distances), cut.distances)
        wiring.connect(m, search.edges, wiring.flipped(self.edges))
        wiring.connect(m, search.rows, wiring.flipped(self.rows))
        return m
