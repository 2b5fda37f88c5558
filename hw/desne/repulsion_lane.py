# SPDX-License-Identifier: Apache-2.0
"""One held point: what all points that stream past push it."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from hw.config import Configuration, width_for
from hw.desne.map_widths import (
    POSITION,
    SIMILARITY_BITS,
    SQUARE_MAXIMUM,
    SQUARE_WIDTH,
    push_maximum,
    repulsion_maximum,
    signed_for,
    vector,
)
from hw.desne.similarity import Similarity
from hw.pipeline import delayed

__all__ = ["RepulsionLane", "push_layout"]


def push_layout(config: Configuration) -> data.StructLayout:
    """Force on a point, and its similarities to all points, itself among them."""
    return data.StructLayout(
        {
            "force": vector(signed_for(repulsion_maximum(config))),
            "similarity": width_for(config.samples << SIMILARITY_BITS),
        }
    )


class RepulsionLane(wiring.Component):
    """Accumulates repulsion and similarity of one held point over the points of a block.

    Equation: force = sum of q2 * (held - passing) per axis, similarity = sum of q, with
    q2 = min((q * q + 64) >> 7, 2^17 - 1) (docs/numerics.md, embed, step 3). A point that meets
    itself adds nothing to the force, and q = 4096 to the similarity.

    Flow control: none. The next point is loaded beside the held one and takes its place with
    `swap`, in the cycle of the last passing point. `first` and `capture` come `latency` cycles
    after the passing point they are about. Results leave in a chain from lane to lane.

    Latency: `latency` = 16 cycles from passing to the sum, another one to `result`.
    Throughput: one passing point a cycle.

    Parameters
    ----------
    config: sizes; samples is used.

    Members
    -------
    load: In(1), takes position: In(struct of x, y: signed(15)) as the next point to hold.
    swap: In(1), the next point is held from the next cycle on.
    passing: In(struct of x, y: signed(15)).
    first: In(1), the sum begins anew. capture: In(1), in the cycle after the last was summed: the
    sum becomes the result; in other cycles, what the lane behind had.
    behind: In(push_layout). result: Out(push_layout).
    """

    latency = Similarity.latency + 3

    def __init__(self, config: Configuration):
        self.config = config
        super().__init__(
            {
                "load": In(1),
                "position": In(POSITION),
                "swap": In(1),
                "passing": In(POSITION),
                "first": In(1),
                "capture": In(1),
                "behind": In(push_layout(config)),
                "result": Out(push_layout(config)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        following = Signal(POSITION, reset_less=True)
        held = Signal(POSITION, reset_less=True)
        with m.If(self.load):
            m.d.sync += following.eq(self.position)
        with m.If(self.swap):
            m.d.sync += held.eq(following)

        m.submodules.similarity = similarity = Similarity()
        m.d.comb += [similarity.a.eq(held), similarity.b.eq(self.passing)]
        q = similarity.q
        # square; round; multiply; accumulate
        square = Signal(2 * SIMILARITY_BITS + 1, reset_less=True)
        rounded = ((square + 64) >> 7)[: SQUARE_WIDTH + 1]
        q2 = Signal(SQUARE_WIDTH, reset_less=True)
        m.d.sync += [
            square.eq(q * q),
            q2.eq(Mux(rounded[-1], SQUARE_MAXIMUM, rounded)),
        ]
        total = Signal(push_layout(self.config), reset_less=True)
        for axis in ("x", "y"):
            difference = delayed(m, similarity.difference[axis], 2, f"d{axis}")
            push = Signal(signed_for(push_maximum()), name=f"push_{axis}", reset_less=True)
            m.d.sync += [
                push.eq(q2 * difference),
                total.force[axis].eq(Mux(self.first, 0, total.force[axis]) + push),
            ]
        summand = delayed(m, q, 3, "q")
        result = Signal.like(self.result, reset_less=True)
        m.d.sync += [
            total.similarity.eq(Mux(self.first, 0, total.similarity) + summand),
            result.eq(Mux(self.capture, total, self.behind)),
        ]
        m.d.comb += self.result.eq(result)
        return m
