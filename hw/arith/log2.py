# SPDX-License-Identifier: Apache-2.0
"""log2 of an integer: the leading one, then a table with linear interpolation."""

from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from itertools import pairwise

from amaranth.hdl import Cat, Module, Signal, unsigned
from amaranth.lib import data, memory, wiring
from amaranth.lib.wiring import In, Out

from hw.arith.normalise import Normalise
from hw.config import width_for
from hw.pipeline import delayed

FRACTION_BITS = 16
"""Fraction bits of the result."""

INDEX_BITS = 8
"""Address bits of the table."""

REMAINDER_BITS = 12
"""Bits of the interpolation."""

GUARD_BITS = 2
"""Fraction bits of the table beyond those of the result."""


def log2_table() -> list[int]:
    """B[j] = round(2^18 * log2(1 + j/256)) for j = 0..256.

    From 50 decimal digits; no entry is within 10^-20 of a tie, so the rounding is certain.
    """
    table = []
    with localcontext() as context:
        context.prec = 50
        for j in range((1 << INDEX_BITS) + 1):
            octaves = (1 + Decimal(j) / (1 << INDEX_BITS)).ln() / Decimal(2).ln()
            value = octaves * (1 << FRACTION_BITS + GUARD_BITS)
            nearest = value.to_integral_value(ROUND_HALF_EVEN)
            assert abs(value - nearest) < Decimal("0.5") - Decimal("1e-20")
            table.append(int(nearest))
    return table


class Log2(wiring.Component):
    """Binary logarithm of an integer.

    Equation: with e = floor(log2(x)), i the 8 bits below the leading one, r the 12 bits below those
    and B of log2_table(),

        log2 = (e << 16) + round_shift((B[i] << 12) + (B[i+1] - B[i]) * r, 14)

    x = 0 gives 0, as x = 1 does (docs/numerics.md).

    Flow control: none; x is taken in every cycle.

    Latency: `latency` cycles. Throughput: one result a cycle.

    Parameters
    ----------
    width: bits of x, at least 1.

    Members
    -------
    x: In(width), 1..2^width - 1.
    log2: Out(16 + bits of width), U.16, 0..width * 2^16.
    """

    latency = Normalise.latency + 5

    def __init__(self, width: int):
        self.width = width
        super().__init__({"x": In(width), "log2": Out(width_for(width << FRACTION_BITS))})

    def elaborate(self, platform):
        m = Module()
        m.submodules.normalise = normalise = Normalise(self.width, INDEX_BITS + REMAINDER_BITS)
        m.d.comb += normalise.x.eq(self.x)

        values = log2_table()
        steps = [high - low for low, high in pairwise(values)]
        # B[i] is always below 2^18, and 2^13, the rounding term, is 2 at its place
        entry = data.StructLayout(
            {
                "value": unsigned(FRACTION_BITS + GUARD_BITS),
                "step": unsigned(width_for(max(steps))),
            }
        )
        half = 1 << GUARD_BITS - 1
        m.submodules.table = table = memory.Memory(
            shape=entry,
            depth=1 << INDEX_BITS,
            init=[
                {"value": value + half, "step": step}
                for value, step in zip(values, steps, strict=False)
            ],
        )
        port = table.read_port()
        m.d.comb += port.addr.eq(normalise.fraction[REMAINDER_BITS:])

        # cycle 2: read
        exponent_2 = Signal.like(normalise.exponent, reset_less=True)
        remainder_2 = Signal(REMAINDER_BITS, reset_less=True)
        m.d.sync += [
            exponent_2.eq(normalise.exponent),
            remainder_2.eq(normalise.fraction[:REMAINDER_BITS]),
        ]
        # cycles 3 and 4: one register near the memory and one near the multiplier, both slow
        exponent_3 = Signal.like(exponent_2)
        exponent_4 = Signal.like(exponent_2)
        remainder_3 = Signal.like(remainder_2)
        remainder_4 = Signal.like(remainder_2)
        entry_3 = Signal(entry, reset_less=True)
        entry_4 = Signal(entry, reset_less=True)
        m.d.sync += [
            exponent_3.eq(exponent_2),
            exponent_4.eq(exponent_3),
            remainder_3.eq(remainder_2),
            remainder_4.eq(remainder_3),
            entry_3.eq(port.data),
            entry_4.eq(entry_3),
        ]
        # cycle 5: multiply; the low bits of the base are zero, so those of the product only drop
        base_5 = Signal(len(entry_4.value) + len(exponent_4), reset_less=True)
        product_5 = Signal(len(entry_4.step), reset_less=True)
        m.d.sync += [
            base_5.eq(Cat(entry_4.value, exponent_4)),
            product_5.eq((entry_4.step * remainder_4)[REMAINDER_BITS:]),
        ]
        # cycle 6: add
        total = (base_5 + product_5)[GUARD_BITS:][: len(self.log2)]
        m.d.comb += self.log2.eq(delayed(m, total, 1, "sum"))
        return m
