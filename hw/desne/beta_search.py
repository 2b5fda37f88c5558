# SPDX-License-Identifier: Apache-2.0
"""Inverse temperature, edge weights and status of R rows, from the lists of their neighbours."""

from amaranth.hdl import Array, Cat, Const, Module, Mux, Signal, unsigned
from amaranth.lib import data, fifo, stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from hw.config import Configuration, width_for
from hw.desne.affinity_lane import WEIGHT_WIDTH, AffinityLane, lane_tag
from hw.desne.approximation import Approximation
from hw.desne.entropy_test import target_width
from hw.desne.row_select import kept_entry
from hw.pipeline import delayed
from hw.stream import CreditQueue

__all__ = ["BetaSearch", "default_lanes", "edges_layout", "rows_layout"]

TRIALS = 14
"""Code 0, then one for each bit."""


def edges_layout(config: Configuration) -> data.StructLayout:
    """One neighbour of each of R rows; last is set on the last beat of a block."""
    edge = data.StructLayout({"index": unsigned(config.index_width), "weight": WEIGHT_WIDTH})
    return data.StructLayout({"edge": data.ArrayLayout(edge, config.rows), "last": 1})


def rows_layout(config: Configuration) -> data.ArrayLayout:
    """How each of R rows fared."""
    row = data.StructLayout({"status": 2, "code": unsigned(config.code_width)})
    return data.ArrayLayout(row, config.rows)


def default_lanes(rows: int) -> int:
    """Two rows a lane: while one is summed up, the decision on the other is under way."""
    return rows // 2 if rows % 2 == 0 else rows


def check_lanes(rows: int, lanes: int) -> None:
    """ValueError unless R rows can be shared out among the lanes."""
    if lanes < 1 or rows % lanes:
        raise ValueError(f"lanes is {lanes}: it must divide rows, which is {rows}")


class BetaSearch(wiring.Component):
    """Approximates beta of R rows over their k neighbours, then gives out weights and status.

    Equation: docs/numerics.md, calibrate, 3 to 5; AffinityLane, EntropyTest and Approximation hold
    the parts.

    Flow control: the lists are buffered twice: one block's are written through ``kept`` while the
    one before is worked on; ``open`` is low when both are taken. ``edges`` and ``rows`` are
    streams. The rows of a block come out when they are decided, the first edge after them. Edges
    have a queue with credits, rows one register; either holds up the next block when it is full.

    Latency: with G = R / lanes groups of rows, slot = max(k, lanes) and loop = k + lanes +
    lane latency + test latency + 2 cycles (k + 33 in preset edge), a block takes 13 * max(G * slot,
    loop) + (G - 1) * slot + loop + G * k + 2 cycles when nothing stalls: 14 passes over the
    neighbours and one to weigh them. Throughput: one block in that time.

    Parameters
    ----------
    config: samples N, rows R, neighbours K and the width of a distance are used.
    lanes: rows worked on at once; divides R.

    Members
    -------
    start: In(1), a pulse while idle; neighbours and target then hold still while busy.
    busy: Out(1), until the last beat of the final block is taken.
    neighbours: In(range(K + 1)), k. target: In, h = log2 perplexity as U.16, 0..log2 k.
    open: Out(1). kept: In(array of R kept_entry), index: In(range(N)), done: In(1), equal: In(R),
    present: In(R), final: In(1): as NeighbourCut gives them.
    edges: Out(stream of edges_layout), k beats a block.
    rows: Out(stream of rows_layout), one a block.
    """

    def __init__(self, config: Configuration, lanes: int):
        check_lanes(config.rows, lanes)
        self.config = config
        self.lanes = lanes
        super().__init__(
            {
                "start": In(1),
                "busy": Out(1),
                "neighbours": In(config.neighbours_width),
                "target": In(target_width(config)),
                "open": Out(1),
                "kept": In(data.ArrayLayout(kept_entry(config), config.rows)),
                "index": In(config.index_width),
                "done": In(1),
                "equal": In(config.rows),
                "present": In(config.rows),
                "final": In(1),
                "edges": Out(stream.Signature(edges_layout(config))),
                "rows": Out(stream.Signature(rows_layout(config))),
            }
        )

    def elaborate(self, platform):
        m = Module()
        config, lanes = self.config, self.lanes
        groups = config.rows // lanes
        rows = range(config.rows)
        position_width = width_for(config.neighbours - 1)
        m.submodules.approximation = approximation = Approximation(config, lanes)
        m.d.comb += approximation.target.eq(self.target)

        # ---- the lists, and what is known of their rows
        fill_bank, work_bank = Signal(), Signal()
        full = Signal(2)
        about = data.StructLayout({"equal": config.rows, "present": config.rows, "final": 1})
        facts = Array(Signal(about, name=f"facts_{b}") for b in range(2))
        m.d.comb += self.open.eq(~full.bit_select(fill_bank, 1))
        with m.If(self.done):
            m.d.sync += [
                full.bit_select(fill_bank, 1).eq(1),
                facts[fill_bank].equal.eq(self.equal),
                facts[fill_bank].present.eq(self.present),
                facts[fill_bank].final.eq(self.final),
                fill_bank.eq(~fill_bank),
            ]
        entry = data.StructLayout(
            {"delta": unsigned(config.distance_width), "index": unsigned(config.index_width)}
        )
        position = Signal(position_width)
        answers = []
        for r in rows:
            kept = self.kept[r]
            memory = Memory(shape=entry, depth=2 << position_width, init=[])
            m.submodules[f"list_{r}"] = memory
            write, read = memory.write_port(), memory.read_port()
            m.d.comb += [
                write.addr.eq(Cat(kept.position, fill_bank)),
                write.data.delta.eq(kept.delta),
                write.data.index.eq(self.index),
                write.en.eq(kept.write),
                read.addr.eq(Cat(position, work_bank)),
            ]
            answers.append(data.View(entry, delayed(m, read.data, 1, f"answer_{r}")))

        # ---- the sequencer gives a neighbour of a group of rows a cycle
        slot_width = max(config.neighbours_width, width_for(lanes))
        slot = Signal(slot_width)
        slots = Signal(slot_width)
        group, decided_group = Signal(range(groups)), Signal(range(groups))
        trial = Signal(range(TRIALS))
        pending = Signal(groups)
        tag = Signal(lane_tag(groups))
        finishing = Signal()
        last_slot, last_group, last_neighbour = Signal(), Signal(), Signal()
        advance, weigh, begin = Signal(), Signal(), Signal()
        m.d.sync += approximation.begin.eq(begin)  # the lanes follow the lists, a cycle later too
        m.d.sync += slots.eq(Mux(self.neighbours > lanes, self.neighbours, lanes))
        m.d.comb += [
            position.eq(slot[:position_width]),
            last_slot.eq(slot == slots - 1),
            last_neighbour.eq(slot == self.neighbours - 1),
            last_group.eq(group == groups - 1),
            tag.first.eq(slot == 0),
            tag.last.eq(last_neighbour),
            tag.group.eq(group),
        ]

        places = -(-(2 + AffinityLane.latency_of(config)) // groups) + CreditQueue.round_trip + 1
        weights_shape = data.ArrayLayout(WEIGHT_WIDTH, config.rows)
        m.submodules.weights = weights = CreditQueue(weights_shape, places)
        indices_shape = data.StructLayout(
            {"index": data.ArrayLayout(config.index_width, config.rows), "last": 1}
        )
        m.submodules.indices = indices = fifo.SyncFIFOBuffered(
            width=indices_shape.size, depth=places
        )
        fact = facts[work_bank]
        reported = Signal(config.rows)  # rows that the edges on their way are about
        with m.If(self.rows.ready):
            m.d.sync += self.rows.valid.eq(0)
        with m.FSM():
            with m.State("IDLE"):
                with m.If(self.start):
                    m.d.sync += [self.busy.eq(1), finishing.eq(0)]
                    m.d.sync += Cat(fill_bank, work_bank, full).eq(0)
                with m.Elif(full.bit_select(work_bank, 1)):
                    m.d.comb += begin.eq(1)
                    m.d.sync += Cat(slot, group, decided_group, trial, pending).eq(0)
                    m.next = "TRIAL"
                with m.Elif(finishing & weights.empty & ~self.rows.valid):
                    m.d.sync += [self.busy.eq(0), finishing.eq(0)]
            with m.State("TRIAL"):
                with m.If((slot != 0) | ~pending.bit_select(group, 1)):
                    m.d.comb += tag.valid.eq(slot < self.neighbours)
                    m.d.sync += slot.eq(slot + 1)
                    with m.If(last_slot):
                        m.d.sync += [
                            slot.eq(0),
                            pending.bit_select(group, 1).eq(1),
                            group.eq(Mux(last_group, 0, group + 1)),
                        ]
                        with m.If(last_group):
                            m.d.sync += trial.eq(trial + 1)
                            with m.If(trial == TRIALS - 1):
                                m.next = "SETTLE"
            with m.State("SETTLE"):
                with m.If(approximation.settled):
                    m.next = "REPORT"
            with m.State("REPORT"):
                with m.If(~self.rows.valid):
                    m.d.sync += [self.rows.valid.eq(1), reported.eq(fact.present)]
                    m.next = "WEIGH"
            with m.State("WEIGH"):
                m.d.comb += [weigh.eq(1), advance.eq((group != 0) | weights.available)]
                m.d.comb += [tag.valid.eq(advance), tag.weigh.eq(1)]
                with m.If(advance):
                    m.d.sync += group.eq(Mux(last_group, 0, group + 1))
                    with m.If(last_group):
                        m.d.sync += slot.eq(slot + 1)
                        with m.If(last_neighbour):
                            m.d.sync += [
                                full.bit_select(work_bank, 1).eq(0),
                                work_bank.eq(~work_bank),
                                finishing.eq(fact.final),
                            ]
                            m.next = "IDLE"
        with m.If(approximation.decided):
            m.d.sync += [
                pending.bit_select(decided_group, 1).eq(0),
                decided_group.eq(Mux(decided_group == groups - 1, 0, decided_group + 1)),
            ]
        m.d.comb += weights.reserve.eq(weigh & advance & (group == 0))

        # ---- rows: status and code
        with m.If(~self.rows.valid):
            for r in rows:
                row = self.rows.payload[r]
                status, high = Signal(2, name=f"status_{r}"), Signal(name=f"high_{r}")
                m.d.comb += [
                    high.eq(approximation.code[r].all()),
                    status.eq(Mux(fact.equal[r], 3, Mux(approximation.low[r], 1, Mux(high, 2, 0)))),
                ]
                m.d.sync += row.eq(
                    Mux(fact.present[r], Cat(status, approximation.code[r]), Const(0))
                )

        # ---- lanes: lane e serves rows e, E + e, ...
        tag_1, tag_2 = Signal.like(tag), Signal.like(tag)
        m.d.sync += [tag_1.eq(tag), tag_2.eq(tag_1)]
        held = Signal(weights_shape, reset_less=True)
        for e in range(lanes):
            m.submodules[f"lane_{e}"] = lane = AffinityLane(config, groups)
            m.d.comb += lane.tag.eq(tag_2)
            for g in range(groups):
                r = g * lanes + e
                m.d.comb += [
                    lane.delta[g].eq(answers[r].delta),
                    lane.mantissa[g].eq(approximation.mantissa[r]),
                    lane.octave[g].eq(approximation.octave[r]),
                    lane.scale[g].eq(approximation.scale[r]),
                    lane.excess[g].eq(approximation.excess[r]),
                ]
                weight = Mux(reported[r], lane.weight, 0)
                if g < groups - 1:
                    with m.If(lane.group == g):
                        m.d.sync += held[r].eq(weight)
                    m.d.comb += weights.result[r].eq(held[r])
                else:
                    m.d.comb += weights.result[r].eq(weight)
            m.d.comb += [
                approximation.total[e].eq(lane.total),
                approximation.moment[e].eq(lane.moment),
            ]
            if e == 0:
                m.d.comb += [
                    approximation.sums.eq(lane.sums),
                    weights.write.eq(lane.weighed & (lane.group == groups - 1)),
                ]

        # ---- edges: indices need no lane and wait for their weights
        index_in = Signal(indices_shape)
        index_out = data.View(indices_shape, indices.r_data)
        m.d.comb += [
            indices.w_data.eq(index_in),
            indices.w_en.eq(tag_2.valid & tag_2.weigh & (tag_2.group == 0)),
            index_in.last.eq(tag_2.last),
            self.edges.valid.eq(weights.output.valid),
            weights.output.ready.eq(self.edges.ready),
            indices.r_en.eq(self.edges.valid & self.edges.ready),
            self.edges.payload.last.eq(index_out.last),
        ]
        for r in rows:
            edge = self.edges.payload.edge[r]
            m.d.comb += [
                index_in.index[r].eq(Mux(reported[r], answers[r].index, 0)),
                edge.index.eq(index_out.index[r]),
                edge.weight.eq(weights.output.payload[r]),
            ]
        return m
