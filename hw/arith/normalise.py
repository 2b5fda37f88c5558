# SPDX-License-Identifier: Apache-2.0
"""Position of the leading one, and the bits below it."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.config import width_for
from hw.pipeline import delayed


def leading_one(x: Value) -> Value:
    """Position of the highest bit that is set, 0 if none is; combinational, a balanced tree."""

    def search(part: Value) -> tuple[Value, list[Value]]:
        """Whether any bit is set, and the bits of the position, lowest first."""
        if len(part) == 1:
            return part[0], []
        half = 1 << (len(part) - 1).bit_length() - 1
        low_any, low = search(part[:half])
        high_any, high = search(part[half:])
        high += [Const(0, 1)] * (len(low) - len(high))
        bits = [Mux(high_any, h, b) for h, b in zip(high, low, strict=True)]
        return low_any | high_any, [*bits, high_any]

    return Cat(*search(x)[1])


class Normalise(wiring.Component):
    """An integer as its leading one and the bits below it, which are the fraction of log2 and 1/x.

    Equation: exponent = floor(log2(x)); fraction = floor((x - 2^exponent) * 2^bits / 2^exponent).
    x = 0 gives what x = 1 gives.

    Flow control: none; x is taken in every cycle.

    Latency: `latency` cycles. Throughput: one result a cycle.

    Parameters
    ----------
    width: bits of x, at least 1.
    bits: bits of the fraction, at least 1.

    Members
    -------
    x: In(width), 1..2^width - 1.
    exponent: Out(bits of width - 1), 0..width - 1.
    fraction: Out(bits), U0.bits.
    """

    latency = 2

    def __init__(self, width: int, bits: int):
        if width < 1:
            raise ValueError(f"width is {width}: it must be at least 1")
        if bits < 1:
            raise ValueError(f"bits is {bits}: it must be at least 1")
        self.width = width
        self.bits = bits
        super().__init__(
            {"x": In(width), "exponent": Out(width_for(width - 1)), "fraction": Out(bits)}
        )

    def elaborate(self, platform):
        m = Module()
        # cycle 0: find
        x_0 = Signal(self.width, reset_less=True)
        exponent_0 = Signal.like(self.exponent, reset_less=True)
        m.d.sync += [x_0.eq(self.x), exponent_0.eq(leading_one(self.x))]
        # cycle 1: shift the leading one out at the top
        below = (x_0 << (self.width - 1 - exponent_0)[: len(exponent_0)])[: self.width - 1]
        padded = Cat(Const(0, self.bits), below)
        m.d.comb += [
            self.exponent.eq(delayed(m, exponent_0, 1, "exponent")),
            self.fraction.eq(delayed(m, padded[-self.bits :], 1, "fraction")),
        ]
        return m
