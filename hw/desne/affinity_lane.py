# SPDX-License-Identifier: Apache-2.0
"""One neighbour a cycle from distance to affinity, to the sums of a row, and to its edge weight."""

from amaranth.hdl import Array, Module, Mux, Signal, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from hw.arith.exp2 import Exp2, exp2_table
from hw.arith.multiply import Multiply, multiply_latency
from hw.arith.rounding import saturate
from hw.config import CODE_WIDTH, Configuration, width_for
from hw.pipeline import delayed

__all__ = ["AffinityLane", "lane_tag", "moment_width", "total_width"]

FRACTION_BITS = 8
"""Fraction bits of t and of the code."""

EXPONENT_LIMIT = 18 << FRACTION_BITS
"""Where t saturates: 2^-18 rounds to 0 in the 16 fraction bits of w."""

MANTISSA_WIDTH = 16
AFFINITY_WIDTH = 17
SCALE_WIDTH = 17
OCTAVE_WIDTH = CODE_WIDTH - FRACTION_BITS
WEIGHT_WIDTH = 8
LEAST_SHIFT = 4
"""The product is shifted by 35 - (c >> 8), and c >> 8 is 31 at most."""


def largest_product() -> int:
    """Largest w * t of any t: near t = 1/ln 2, where it is 2^24 / (e * ln 2)."""
    table = exp2_table()
    return max(
        t * (((table[t & 255] << 1 >> (t >> FRACTION_BITS)) + 1) >> 1)
        for t in range(EXPONENT_LIMIT + 1)
    )


def total_width(config: Configuration) -> int:
    """Bits of S, a sum of w over at most K neighbours."""
    return width_for(config.neighbours << 16)


def moment_width(config: Configuration) -> int:
    """Bits of T, a sum of w * t over at most K neighbours."""
    return width_for(config.neighbours * largest_product())


def excess_width(config: Configuration) -> int:
    """Bits of floor(log2 S) - 16, which is at most floor(log2 K)."""
    return width_for(config.neighbours.bit_length() - 1)


def lane_tag(groups: int) -> data.StructLayout:
    """What goes along with a neighbour: first and last of its row, to weigh it (or else to sum it
    up), and which of the lane's rows it belongs to."""
    return data.StructLayout(
        {"valid": 1, "first": 1, "last": 1, "weigh": 1, "group": width_for(groups - 1)}
    )


class AffinityLane(wiring.Component):
    """Affinity of one neighbour a cycle, summed over a row or weighed.

    Equation, with mantissa and octave = 31 - (c >> 8) of the row's code c:

        t = min((delta * mantissa) >> (4 + octave), 4608)       w = exp2(t)
        total = sum of w            moment = sum of w * t
        weight = min(round_shift(w * scale, 24 + excess), 255)

    Flow control: none; one neighbour is taken every cycle. A lane serves several rows in turn; the
    one meant is tag.group.

    Latency: `latency` cycles from a neighbour to its weight, and from the last one of a row to
    total and moment, which then stay until the next row's. Throughput: one neighbour a cycle.

    Parameters
    ----------
    config: neighbours K and the width of a distance are used.
    groups: rows the lane serves, >= 1.

    Members
    -------
    tag: In(lane_tag).
    delta: In(array of groups of range(F * 255^2 + 1)), the neighbour of each row.
    mantissa: In(array of groups of U1.15, 2^15..2^16 - 1). octave: In(array of groups of 0..31).
    scale: In(array of groups of U1.16), 1/S without its exponent. excess: In(array of groups),
    floor(log2 S) - 16. Both are read from `latency` - 4 cycles after the neighbour on.
    sums: Out(1), total and moment are new. total: Out, U.16. moment: Out, U.24.
    weighed: Out(1), with weight: Out(8), U0.8, and group.
    """

    def __init__(self, config: Configuration, groups: int):
        self.config = config
        self.groups = groups
        self.latency = self.latency_of(config)

        def each(width: int) -> data.ArrayLayout:
            return data.ArrayLayout(unsigned(width), groups)

        super().__init__(
            {
                "tag": In(lane_tag(groups)),
                "delta": In(each(config.distance_width)),
                "mantissa": In(each(MANTISSA_WIDTH)),
                "octave": In(each(OCTAVE_WIDTH)),
                "scale": In(each(SCALE_WIDTH)),
                "excess": In(each(excess_width(config))),
                "sums": Out(1),
                "total": Out(total_width(config)),
                "moment": Out(moment_width(config)),
                "weighed": Out(1),
                "weight": Out(WEIGHT_WIDTH),
                "group": Out(width_for(groups - 1)),
            }
        )

    @staticmethod
    def latency_of(config: Configuration) -> int:
        """Operands, product, shifts, saturation, exp2, operands, product, sum or shift, result."""
        first = multiply_latency(config.distance_width, MANTISSA_WIDTH)
        second = multiply_latency(AFFINITY_WIDTH, SCALE_WIDTH)
        return 1 + first + 2 + 1 + Exp2.latency + 1 + second + 2

    def elaborate(self, platform):
        m = Module()
        config = self.config
        m.submodules.exponent = exponent = Multiply(config.distance_width, MANTISSA_WIDTH)
        m.submodules.exp2 = exp2 = Exp2()
        m.submodules.product = product = Multiply(AFFINITY_WIDTH, SCALE_WIDTH)

        tags = [self.tag]
        for cycle in range(1, self.latency + 1):
            tag = Signal.like(self.tag, name=f"tag_{cycle}")
            m.d.sync += tag.eq(tags[-1])
            tags.append(tag)

        # cycle 0: choose the row
        octave = Signal(OCTAVE_WIDTH, reset_less=True)
        chosen = [Array(of)[self.tag.group] for of in (self.delta, self.mantissa)]
        m.d.comb += [
            exponent.left.eq(delayed(m, chosen[0], 1, "delta")),
            exponent.right.eq(delayed(m, chosen[1], 1, "mantissa")),
        ]
        m.d.sync += octave.eq(Array(self.octave)[self.tag.group])
        # multiply, then shift by whole bytes, then by single bits, then saturate
        octave = delayed(m, octave, exponent.latency, "octave")
        coarse = Signal(len(exponent.product) - LEAST_SHIFT, reset_less=True)
        fine = Signal.like(coarse, reset_less=True)
        fine_shift = Signal(3, reset_less=True)
        t = Signal(range(EXPONENT_LIMIT + 1), reset_less=True)
        m.d.sync += [
            coarse.eq(exponent.product[LEAST_SHIFT:] >> (octave & 0b11000)),
            fine_shift.eq(octave[:3]),
            fine.eq(coarse >> fine_shift),
            t.eq(saturate(fine, 0, EXPONENT_LIMIT)),
        ]
        m.d.comb += exp2.t.eq(t)
        cycle = 1 + exponent.latency + 3 + Exp2.latency
        # w meets its t, or the scale of its row
        exponents = delayed(m, t, Exp2.latency, "t")
        factor = Mux(tags[cycle].weigh, Array(self.scale)[tags[cycle].group], exponents)
        m.d.comb += [
            product.left.eq(delayed(m, exp2.w, 1, "affinity")),
            product.right.eq(delayed(m, factor, 1, "factor")),
        ]
        w = delayed(m, exp2.w, 1 + product.latency, "w")
        cycle += 1 + product.latency
        tag = tags[cycle]
        # sums of the row
        total = Signal.like(self.total, reset_less=True)
        moment = Signal.like(self.moment, reset_less=True)
        row_total = Signal.like(self.total, reset_less=True)
        row_moment = Signal.like(self.moment, reset_less=True)
        with m.If(tag.valid):
            m.d.sync += [
                total.eq(Mux(tag.first, 0, total) + w),
                moment.eq(Mux(tag.first, 0, moment) + product.product),
            ]
        # the weight, with one bit more to round
        shifted = Signal(len(product.product) - 23, reset_less=True)
        m.d.sync += shifted.eq(product.product[23:] >> Array(self.excess)[tag.group])
        cycle += 1
        tag = tags[cycle]
        with m.If(tag.valid & tag.last & ~tag.weigh):
            m.d.sync += [row_total.eq(total), row_moment.eq(moment)]
        weight = saturate((shifted + 1) >> 1, 0, (1 << WEIGHT_WIDTH) - 1)[:WEIGHT_WIDTH]
        m.d.comb += [
            self.total.eq(row_total),
            self.moment.eq(row_moment),
            self.weight.eq(delayed(m, weight, 1, "weight")),
        ]
        tag = tags[cycle + 1]
        assert cycle + 1 == self.latency
        m.d.comb += [
            self.sums.eq(tag.valid & tag.last & ~tag.weigh),
            self.weighed.eq(tag.valid & tag.weigh),
            self.group.eq(tag.group),
        ]
        return m
