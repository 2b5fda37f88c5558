# SPDX-License-Identifier: Apache-2.0
"""Exact quotient of integers, one bit a cycle."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

__all__ = ["Divide"]


class Divide(wiring.Component):
    """Quotient of two unsigned integers, rounded down.

    Equation: quotient = floor(numerator / denominator). A zero denominator gives all ones.

    Flow control: `start` takes both numbers; `done` is high for one cycle, and from it on
    `quotient` holds until the next start. A start before done drops the division under way.

    Latency: `latency` = numerator_width + 1 cycles from start to done. Throughput: one quotient in
    as many cycles.

    Parameters
    ----------
    numerator_width, denominator_width: bits of the operands, at least 1.

    Members
    -------
    start: In(1). numerator: In(numerator_width). denominator: In(denominator_width).
    done: Out(1). quotient: Out(numerator_width).
    """

    def __init__(self, numerator_width: int, denominator_width: int):
        if numerator_width < 1 or denominator_width < 1:
            raise ValueError(
                f"numerator_width is {numerator_width} and denominator_width is "
                f"{denominator_width}: both must be at least 1"
            )
        self.numerator_width = numerator_width
        self.denominator_width = denominator_width
        self.latency = numerator_width + 1
        super().__init__(
            {
                "start": In(1),
                "numerator": In(numerator_width),
                "denominator": In(denominator_width),
                "done": Out(1),
                "quotient": Out(numerator_width),
            }
        )

    def elaborate(self, platform):
        m = Module()
        left = Signal(range(self.numerator_width + 1))
        divisor = Signal(self.denominator_width, reset_less=True)
        remainder = Signal(self.denominator_width, reset_less=True)
        # numerator bits leave at the top, quotient bits enter at the bottom
        shifter = Signal(self.numerator_width, reset_less=True)
        widened = Cat(shifter[-1], remainder)
        difference = Signal(self.denominator_width + 2)
        m.d.comb += [difference.eq(widened - divisor), self.quotient.eq(shifter)]
        fits = ~difference[-1]
        m.d.sync += self.done.eq(left == 1)
        with m.If(self.start):
            m.d.sync += [
                left.eq(self.numerator_width),
                divisor.eq(self.denominator),
                remainder.eq(0),
                shifter.eq(self.numerator),
                self.done.eq(0),
            ]
        with m.Elif(left != 0):
            m.d.sync += [
                left.eq(left - 1),
                remainder.eq(Mux(fits, difference, widened)),
                shifter.eq(Cat(fits, shifter)),
            ]
        return m
