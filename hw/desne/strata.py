# SPDX-License-Identifier: Apache-2.0
"""A list of m positions cut into b strata of nearly equal size."""

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.config import Configuration

__all__ = ["Strata"]


class Strata(wiring.Component):
    """Walks along the positions of a list and tells the stratum of each.

    Equation: number = floor(position * b / m). b <= m, so a stratum has at least one position, and
    the remainder of the division, b larger with every position, tells when one ends.

    Flow control: none. ``begin`` sets the walk to position 0, ``advance`` goes on by one; past the
    last position the outputs are of no use.

    Latency: the outputs are about the current position, combinational from registers. Throughput:
    one position a cycle.

    Parameters
    ----------
    config: samples N is used.

    Members
    -------
    candidates: In(range(N + 1)), m, at least 1. budget: In(range(N + 1)), b, 1..m.
    begin, advance: In(1).
    number: Out(range(N)). first, last: Out(1), the position is the first or last of its stratum.
    """

    def __init__(self, config: Configuration):
        self.config = config
        super().__init__(
            {
                "candidates": In(config.count_width),
                "budget": In(config.count_width),
                "begin": In(1),
                "advance": In(1),
                "number": Out(config.index_width),
                "first": Out(1),
                "last": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        remainder = Signal(self.config.count_width)
        following = Signal(self.config.count_width + 1)
        m.d.comb += [
            following.eq(remainder + self.budget),
            self.last.eq(following >= self.candidates),
        ]
        with m.If(self.begin):
            m.d.sync += [remainder.eq(0), self.number.eq(0), self.first.eq(1)]
        with m.Elif(self.advance):
            m.d.sync += [remainder.eq(following), self.first.eq(self.last)]
            with m.If(self.last):
                m.d.sync += [
                    remainder.eq(following - self.candidates),
                    self.number.eq(self.number + 1),
                ]
        return m
