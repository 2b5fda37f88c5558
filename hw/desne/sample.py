# SPDX-License-Identifier: Apache-2.0
"""Which samples of a mapped tile are chosen."""

from amaranth.hdl import Module, Mux, Signal, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hw.check import check
from hw.config import Configuration
from hw.desne.bounds import Bounds
from hw.desne.candidates import Candidates
from hw.desne.chosen import Chosen
from hw.desne.curve import PHASE_WIDTH, CurveDraw
from hw.desne.drop import Drop
from hw.desne.grid import CellRuns, GridSide
from hw.desne.histogram import Histogram
from hw.desne.map_key import MapKey
from hw.desne.map_widths import POSITION
from hw.desne.medoid import SPREAD_WIDTH, MedoidScore
from hw.desne.radix_sort import RadixSort
from hw.desne.sample_control import KEY_LATENCY, Rule, SampleControl
from hw.desne.stratum_select import StratumSelect
from hw.pipeline import delayed

__all__ = ["Rule", "Sample"]


class Sample(wiring.Component):
    """Chooses b of the n samples of a mapped tile by one of three rules.

    Equation: docs/numerics.md, sample. All is exact, and every tie goes to the lowest sample index.

    Flow control: a job begins with ``start``. Every edge's neighbour index may then come, one in
    any cycle, without a ready. The first valid coordinate ends that; coordinates are taken about 2n
    cycles later, one a cycle. ``chosen`` gives b beats once all is decided. Ready of one stream
    never depends on the other.

    Method: a histogram of the in-degrees finds the cut of the drop, and the coordinates of the
    candidates are stored as they come. They are sorted by their cell, in the order of the Hilbert
    curve or of the grid, in two digits. A bit for each sample says that it is chosen.

    Latency: golden.cycles.sample_cycles, from the first valid coordinate to the end of ``busy``
    without stalls. With m = n candidates the leading terms are 8n (curve), (8 + 2 beats + half the
    bits of a score and an index) n (medoid), 21n and the occupied cells (grid), at most 26n with a
    shortfall. After reset the unit is busy for N + 15 cycles, or 2^(bits of an index) + 2 if that
    is more. Throughput: one job at a time.

    Parameters
    ----------
    config: sizes; samples N, features and lanes W are used.

    Members
    -------
    start: In(1), begins a job with the settings of that cycle; ignored while busy.
    busy: Out(1), from the cycle after start until the last beat of chosen was taken; and after
        reset, while the counters are cleared.
    samples: In(range(N + 1)), n, 2..N. budget: In(range(N + 1)), b, 1..n.
    beats: In(range(features / W + 1)), beats of a sample, at least 1.
    rule: In(Rule): 0 curve, 1 medoid, 2 grid. drop: In(2), quarters of the samples, 0..2.
    spread: In(9), C, 0..256. phase: In(16), U0.16.
    neighbour: In(stream of range(N), always ready), neighbour indices of all edges, in any order.
    coordinates: In(stream of struct x, y: signed(15)), S7.8, n beats in the order of the samples.
    feature_enable: Out(1), feature_address: Out(range(N * features / W)): address of a beat in the
        store of samples, sample * (features / W) + beat. Used by the medoid rule only.
    feature_data: In(array of W unsigned bytes), the beat at the address of the cycle before.
    chosen: Out(stream of range(N)), b beats, ascending.
    """

    def __init__(self, config: Configuration):
        self.config = config
        beat = data.ArrayLayout(unsigned(8), config.lanes)
        super().__init__(
            {
                "start": In(1),
                "busy": Out(1, init=1),
                "samples": In(config.count_width),
                "budget": In(config.count_width),
                "beats": In(config.beats_width),
                "rule": In(Rule),
                "drop": In(2),
                "spread": In(SPREAD_WIDTH),
                "phase": In(PHASE_WIDTH),
                "neighbour": In(stream.Signature(config.index_width, always_ready=True)),
                "coordinates": In(stream.Signature(POSITION)),
                "feature_enable": Out(1),
                "feature_address": Out(range(config.samples * config.beats)),
                "feature_data": In(beat),
                "chosen": Out(stream.Signature(config.index_width)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        config = self.config
        m.submodules.control = control = SampleControl(config)
        m.submodules.degree = degree = Histogram(config.index_width, config.samples - 1)
        m.submodules.cut = cut = Drop(config.samples)
        m.submodules.bounds = bounds = Bounds()
        m.submodules.store = store = Candidates(config)
        m.submodules.map_key = map_key = MapKey(config)
        m.submodules.sort = sort = RadixSort(config, KEY_LATENCY)
        m.submodules.draw = draw = CurveDraw(config)
        m.submodules.side = side = GridSide(config, KEY_LATENCY)
        m.submodules.runs = runs = CellRuns(config)
        m.submodules.score = score = MedoidScore(config)
        m.submodules.select = select = StratumSelect(config)
        m.submodules.chosen = chosen = Chosen(config)
        now, go, request, answer = control.now, control.go, control.request, store.answer

        # ---- settings and sequence
        for name in ("start", "samples", "budget", "rule", "drop"):
            m.d.comb += getattr(control, name).eq(getattr(self, name))
        for name in ("beats", "spread", "phase"):
            held = Signal.like(getattr(self, name), name=f"job_{name}")
            with m.If(control.begin):
                m.d.sync += held.eq(getattr(self, name))
            m.d.comb += getattr(score, name).eq(held)
        samples = Signal(config.count_width)
        with m.If(control.begin):
            m.d.sync += samples.eq(self.samples)
        m.d.comb += [
            self.busy.eq(control.busy),
            control.coming.eq(self.coordinates.valid),
            self.coordinates.ready.eq(now.take),
            control.clearing.eq(cut.busy),
            draw.phase.eq(score.phase),
        ]
        for unit in (sort, draw, side, score, select):
            m.d.comb += unit.candidates.eq(control.candidates)
        for unit in (draw, side, score, select):
            m.d.comb += unit.budget.eq(control.wanted)
        for name, unit in (("side", side), ("sort", sort), ("score", score), ("select", select)):
            m.d.comb += [unit.start.eq(go[name]), control.done[name].eq(unit.done)]

        # ---- in-degrees: counted; then read, which clears them
        m.d.comb += [
            degree.add.eq(self.neighbour.valid & now.collect),
            degree.scan.eq(request.valid & (now.read | now.clear)),
            degree.digit.eq(Mux(now.collect, self.neighbour.payload, request.step)),
        ]
        check(
            m, ~self.neighbour.valid | now.collect, "a neighbour before start or after coordinates"
        )
        read = delayed(m, request.valid & now.read, Histogram.latency, "read", reset_less=False)

        # ---- the drop: of in-degrees, then of the cells of a grid
        cell = Signal()
        m.d.comb += [
            cell.eq(runs.cell.valid & now.run),
            control.cell.eq(cell),
            cut.load.eq(read | cell),
            cut.value.eq(Mux(now.run, runs.cell.others, degree.count)),
            cut.find.eq(go.cut),
            cut.drop.eq(control.to_drop),
            cut.bins.eq(control.bins),
            control.done.cut.eq(cut.done),
            cut.check.eq(control.accept | (request.valid & now.keep)),
            cut.position.eq(Mux(now.take, control.sample, request.step)),
        ]
        kept_cell = delayed(m, cut.keep & now.keep, Candidates.latency - Drop.latency, "kept_cell")

        # ---- into the store: coordinates that come, later the candidates that a grid left over
        come, arrival = Signal(store.candidate.shape()), Signal(store.candidate.shape())
        m.d.comb += [come.map.eq(self.coordinates.payload), come.sample.eq(control.sample)]
        again = answer.valid & now.rest
        again = delayed(m, again, Chosen.latency, "again", reset_less=False)
        arrived = Signal()
        m.d.sync += [
            arrived.eq((cut.keep & ~now.keep) | (again & ~chosen.answer)),
            arrival.eq(
                Mux(
                    now.rest,
                    delayed(m, answer.candidate, Chosen.latency, "left_over"),
                    delayed(m, come, Drop.latency, "come"),
                )
            ),
        ]
        m.d.comb += [
            store.write.eq(arrived),
            store.position.eq(control.candidates),
            store.candidate.eq(arrival),
            control.stored.eq(arrived),
            bounds.begin.eq(control.forget),
            bounds.valid.eq(arrived),
            bounds.point.eq(arrival.map),
            side.extent.eq(bounds.extent),
        ]

        # ---- out of the store, to the keys
        asks = Signal(store.request.shape())
        m.d.comb += [
            asks.eq(request),
            store.request.eq(asks),
            store.order.eq(sort.order),
            map_key.answer.eq(answer),
            map_key.minimum.eq(bounds.minimum),
            map_key.shift.eq(bounds.shift),
            map_key.scale.eq(side.scale),
            map_key.by_cell.eq(control.by_cell),
            score.answer.eq(answer),
        ]
        for unit in (sort, side, score):
            with m.If(unit.request.valid):
                m.d.comb += asks.eq(unit.request)
        for unit in (sort, side, runs):
            m.d.comb += unit.keyed.eq(map_key.keyed)
        with m.If(cell):  # the best of each cell, in the place of the first order
            m.d.comb += [
                store.order.valid.eq(1),
                store.order.second.eq(0),
                store.order.place.eq(control.cells),
                store.order.position.eq(runs.cell.position),
            ]

        # ---- the rules
        m.d.comb += [
            draw.begin.eq(go.draw),
            draw.advance.eq(answer.valid),
            runs.begin.eq(go.run),
            runs.flush.eq(go.flush),
            select.scored.eq(score.scored),
            select.wanted.eq(score.wanted),
            self.feature_enable.eq(score.feature_enable),
            self.feature_address.eq(score.feature_address),
            score.feature_data.eq(self.feature_data),
        ]

        # ---- the choice
        m.d.comb += [
            chosen.write.eq(
                control.accept | select.take | (answer.valid & ((now.draw & draw.take) | kept_cell))
            ),
            chosen.value.eq(~now.take),
            chosen.sample.eq(
                Mux(
                    now.take,
                    control.sample,
                    Mux(select.take, select.sample, answer.candidate.sample),
                )
            ),
            chosen.question.eq(answer.candidate.sample),
            chosen.emit.eq(go.emit),
            chosen.samples.eq(samples),
            control.done.emit.eq(chosen.done),
        ]
        wiring.connect(m, chosen.chosen, wiring.flipped(self.chosen))
        return m
