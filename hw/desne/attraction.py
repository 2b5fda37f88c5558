# SPDX-License-Identifier: Apache-2.0
"""Attraction along the edges: one directed edge a cycle, both ends updated."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import data, memory, wiring
from amaranth.lib.wiring import In, Out

from hw.arith.multiply_signed import MultiplySigned, multiply_signed_latency
from hw.config import Configuration
from hw.desne.accumulator import Accumulator
from hw.desne.coordinates import Coordinates, ReadPort
from hw.desne.edge_store import edge_layout
from hw.desne.map_widths import (
    WEIGHT_WIDTH,
    attraction_maximum,
    pull_maximum,
    pull_sum_maximum,
    signed_for,
    vector,
)
from hw.desne.similarity import Similarity
from hw.pipeline import delayed

__all__ = ["Attraction"]

_PULL = signed_for(pull_maximum())
_SCALE_LATENCY = multiply_signed_latency(_PULL.width, WEIGHT_WIDTH)


class Attraction(wiring.Component):
    """Force of the edges on every point.

    Equation: each edge (i, j, weight) adds weight * q * (y[i] - y[j]) to A[i] and takes it from
    A[j] (docs/numerics.md, embed, step 4). A row's edges come one after the other and are summed up
    in a register; what they take from others is summed up in a memory (Accumulator), in which no
    update is lost however soon an index comes again.

    Flow control: an edge is taken whenever `valid`; both ends are then read through `own` and
    `other`. The sums are read by `address` while no edge is in work. The memory counts on from what
    it holds: each place must have been zeroed with `clear`, which follows `address`.

    Latency: `pass_latency` = 24 cycles from the last edge to `done`; `latency` = 3 cycles from
    address to force. Throughput: one edge a cycle.

    Parameters
    ----------
    config: sizes; samples and neighbours are used.

    Members
    -------
    valid: In(1). edge: In(edge_layout).
    own, other: Out(ReadPort), of Coordinates. done: Out(1), a pulse.
    address: In(range(N)). clear: In(1), zero the place at address, after it was read.
    force: Out(struct of x, y: signed).
    """

    latency = 3
    _pull_latency = Coordinates.latency + Similarity.latency + 1 + _SCALE_LATENCY
    pass_latency = _pull_latency + Accumulator.latency

    def __init__(self, config: Configuration):
        self.config = config
        super().__init__(
            {
                "valid": In(1),
                "edge": In(edge_layout(config)),
                "own": Out(ReadPort(config)),
                "other": Out(ReadPort(config)),
                "done": Out(1),
                "address": In(config.index_width),
                "clear": In(1),
                "force": Out(vector(signed_for(attraction_maximum(config)))),
            }
        )

    def elaborate(self, platform):
        m = Module()
        config = self.config
        sums = vector(signed_for(pull_sum_maximum(config)))
        edge = self.edge
        m.submodules.similarity = similarity = Similarity()
        m.d.comb += [
            self.own.address.eq(edge.row),
            self.other.address.eq(edge.index),
            similarity.a.eq(self.own.position),
            similarity.b.eq(self.other.position),
        ]
        # q * difference, then times the weight
        here = Coordinates.latency + Similarity.latency
        weight = delayed(m, edge.weight, here + 1, "weight")
        pull = Signal(vector(signed_for(((1 << WEIGHT_WIDTH) - 1) * pull_maximum())), name="pull")
        for axis in ("x", "y"):
            unweighted = Signal(_PULL, name=f"unweighted_{axis}", reset_less=True)
            m.d.sync += unweighted.eq(similarity.difference[axis] * similarity.q)
            multiply = MultiplySigned(_PULL.width, WEIGHT_WIDTH)
            m.submodules[f"multiply_{axis}"] = multiply
            m.d.comb += [
                multiply.left.eq(unweighted),
                multiply.right.eq(weight),
                pull[axis].eq(multiply.product),
            ]
        arrived = {
            name: delayed(m, edge[name], self._pull_latency, f"arrived_{name}")
            for name in ("row", "index", "row_begins", "row_ends")
        }
        valid = delayed(m, self.valid, self._pull_latency, "valid", reset_less=False)

        # what the edges of a row give it
        own = Signal(sums, reset_less=True)
        m.submodules.own_sums = own_sums = memory.Memory(shape=sums, depth=config.samples, init=[])
        write, read = own_sums.write_port(), own_sums.read_port()
        for axis in ("x", "y"):
            m.d.sync += own[axis].eq(Mux(arrived["row_begins"], 0, own[axis]) + pull[axis])
        m.d.comb += [
            write.en.eq(delayed(m, valid & arrived["row_ends"], 1, "row_ends", reset_less=False)),
            write.addr.eq(delayed(m, arrived["row"], 1, "row")),
            write.data.eq(own),
            read.addr.eq(self.address),
        ]
        # what they take from the other end
        m.submodules.taken = taken = Accumulator(sums, pull.shape(), config.samples)
        m.d.comb += [
            taken.add.eq(valid),
            taken.index.eq(arrived["index"]),
            taken.value.eq(pull),
            taken.address.eq(self.address),
            taken.clear.eq(self.clear),
            self.done.eq(
                delayed(
                    m,
                    self.valid & edge.last,
                    self.pass_latency,
                    "done",
                    reset_less=False,
                )
            ),
        ]
        given = data.View(sums, delayed(m, read.data, 1, "given"))
        for axis in ("x", "y"):
            force = delayed(m, given[axis] - taken.total[axis], 1, f"force_{axis}")
            m.d.comb += self.force[axis].eq(force)
        return m
