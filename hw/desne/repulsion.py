# SPDX-License-Identifier: Apache-2.0
"""Repulsion of all points and the sum of their similarities: L held, all n stream past."""

from amaranth.hdl import Cat, Module, Mux, Signal, signed
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from hw.config import Configuration, width_for
from hw.desne.coordinates import Coordinates, ReadPort
from hw.desne.map_widths import (
    SIMILARITY_BITS,
    repulsion_maximum,
    signed_for,
    similarity_sum_maximum,
    vector,
)
from hw.desne.repulsion_lane import RepulsionLane
from hw.pipeline import delayed

__all__ = ["Repulsion"]


class Repulsion(wiring.Component):
    """Force on every point from all others, and Z.

    Equation: R[i] = sum over j != i of q2 * (y[i] - y[j]); Z = sum of q over all ordered pairs
    (docs/numerics.md, embed, step 3). A lane's sum of similarities begins with the point itself,
    q = 4096, which is taken off again when the lane is emptied.

    Flow control: after `start` it reads coordinates through `read` in every cycle until `done`:
    first the L points to hold, then all n for each block; a block's points are caught as they
    stream past in the block before, so blocks follow without a bubble. The results are in an own
    memory, read by `address` while idle.

    Latency: golden.cycles.repulsion_cycles from start to done: with B = ceil(n / L) blocks
    L + B * n + n - (B - 1) * L + 23; 2 cycles from address to force. Throughput: L pairs a cycle.

    Parameters
    ----------
    config: sizes; samples and points are used.

    Members
    -------
    start: In(1), while idle. samples: In(bits of config.samples), n = 2..N; held until done.
    read: Out(ReadPort), of Coordinates.
    active: Out(1), the addresses in read count. done: Out(1), a pulse.
    similarity_sum: Out(Z), from done to the next start.
    address: In(range(N)). force: Out(struct of x, y: signed).
    """

    latency = 2

    def __init__(self, config: Configuration):
        self.config = config
        super().__init__(
            {
                "start": In(1),
                "samples": In(config.count_width),
                "read": Out(ReadPort(config)),
                "active": Out(1),
                "done": Out(1),
                "similarity_sum": Out(width_for(similarity_sum_maximum(config))),
                "address": In(config.index_width),
                "force": Out(vector(signed_for(repulsion_maximum(config)))),
            }
        )

    def elaborate(self, platform):
        m = Module()
        config = self.config
        points = config.points
        last_sample = Signal(config.index_width)
        m.d.sync += last_sample.eq(self.samples - 1)

        # cycle 0: addresses; the block before the first only loads
        filling = Signal()
        index = Signal(config.index_width)
        base_width = width_for(config.samples + 2 * points)
        base = Signal(base_width)  # of the block that is loaded
        relative = Signal(signed(base_width + 1))  # index - base: lane l is loaded at l
        block_ends = Signal()
        next_base = (base + points)[:base_width]
        m.d.comb += [
            self.read.address.eq(index),
            block_ends.eq(index == Mux(filling, points - 1, last_sample)),
        ]
        with m.If(self.start):
            m.d.sync += [
                self.active.eq(1),
                filling.eq(1),
                Cat(index, base, relative).eq(0),
            ]
        with m.Elif(self.active):
            m.d.sync += [index.eq(index + 1), relative.eq(relative + 1)]
            with m.If(block_ends):
                m.d.sync += [
                    filling.eq(0),
                    index.eq(0),
                    base.eq(next_base),
                    relative.eq(-next_base),
                    self.active.eq(base < self.samples),
                ]

        def control(bit, cycles, name):
            return delayed(m, bit, cycles, name, reset_less=False)

        # the position arrives; a register; then the lanes
        arrival = Coordinates.latency
        passing = delayed(m, self.read.position, 1, "passing")
        load = control(Cat(relative == lane for lane in range(points)), arrival, "load")
        ends = control(self.active & block_ends, arrival + 1, "ends")
        first = control(index == 0, arrival + 1 + RepulsionLane.latency, "first")
        summed = control(self.active & block_ends & ~filling, arrival + 1, "last")
        capture = control(summed, RepulsionLane.latency + 1, "capture")
        lanes = []
        for number in range(points):
            m.submodules[f"lane_{number}"] = lane = RepulsionLane(config)
            m.d.comb += [
                lane.load.eq(load[number]),
                lane.position.eq(self.read.position),
                lane.swap.eq(ends),
                lane.passing.eq(passing),
                lane.first.eq(first),
                lane.capture.eq(capture),
            ]
            if lanes:
                m.d.comb += lanes[-1].behind.eq(lane.result)
            lanes.append(lane)

        # emptying the chain: a lane a cycle, as many as there are points
        m.submodules.forces = forces = memory.Memory(
            shape=self.force.shape(), depth=config.samples, init=[]
        )
        write, read = forces.write_port(), forces.read_port()
        result = lanes[0].result
        emptying = Signal()
        lanes_left = Signal(range(points + 1))
        write_index = Signal(config.index_width)
        finished = write_index == last_sample
        m.d.comb += [
            write.en.eq(emptying),
            write.addr.eq(write_index),
            write.data.eq(result.force),
        ]
        m.d.sync += self.done.eq(emptying & finished)
        with m.If(emptying):
            m.d.sync += [
                write_index.eq(write_index + 1),
                self.similarity_sum.eq(
                    self.similarity_sum + result.similarity - (1 << SIMILARITY_BITS)
                ),
                lanes_left.eq(lanes_left - 1),
            ]
            with m.If((lanes_left == 1) | finished):
                m.d.sync += emptying.eq(0)
        with m.If(capture):
            m.d.sync += [emptying.eq(1), lanes_left.eq(points)]
        with m.If(self.start):
            m.d.sync += [self.similarity_sum.eq(0), write_index.eq(0)]

        m.d.comb += [
            read.addr.eq(self.address),
            self.force.eq(delayed(m, read.data, 1, "force")),
        ]
        return m
