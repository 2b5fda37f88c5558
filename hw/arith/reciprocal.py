# SPDX-License-Identifier: Apache-2.0
"""1/x of an integer as mantissa and exponent: a table with linear interpolation."""

from itertools import pairwise

from amaranth.hdl import Cat, Const, Module, Signal, unsigned
from amaranth.lib import data, memory, wiring
from amaranth.lib.wiring import In, Out

from hw.arith.normalise import Normalise
from hw.config import width_for
from hw.pipeline import delayed

GUARD_BITS = 2
"""Fraction bits of the table beyond those of the mantissa."""


def reciprocal_table(fraction_bits: int) -> list[int]:
    """C[j] = round(2^(P+2) / (1 + j / 2^(P/2))) for j = 0..2^(P/2), P = fraction_bits.

    A tie would need a denominator that is a multiple of twice the numerator, which none is.
    """
    size = 1 << fraction_bits // 2
    numerator = size << fraction_bits + GUARD_BITS
    return [(2 * numerator + size + j) // (2 * (size + j)) for j in range(size + 1)]


class Reciprocal(wiring.Component):
    """Reciprocal of an integer.

    Equation: 1/x = mantissa * 2^-(P + exponent), exponent = floor(log2(x)); with i the P/2 bits
    below the leading one, r the Q = P/2 + 4 bits below those and C of reciprocal_table(P),

        mantissa = round_shift((C[i] << Q) - (C[i] - C[i+1]) * r, Q + 2)

    x = 0 gives what x = 1 gives (docs/numerics.md).

    Flow control: none; x is taken in every cycle.

    Latency: `latency` cycles. Throughput: one result a cycle.

    Parameters
    ----------
    width: bits of x, at least 1.
    fraction_bits: P, fraction bits of the mantissa: even, 4..20.

    Members
    -------
    x: In(width), 1..2^width - 1.
    mantissa: Out(fraction_bits + 1), U1.P, 2^(P-1)..2^P.
    exponent: Out(bits of width - 1), 0..width - 1.
    """

    latency = Normalise.latency + 5

    def __init__(self, width: int, fraction_bits: int):
        if fraction_bits % 2 or not 4 <= fraction_bits <= 20:
            raise ValueError(f"fraction_bits is {fraction_bits}: it must be even, from 4 to 20")
        self.width = width
        self.fraction_bits = fraction_bits
        super().__init__(
            {
                "x": In(width),
                "mantissa": Out(fraction_bits + 1),
                "exponent": Out(width_for(width - 1)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        index_bits = self.fraction_bits // 2
        remainder_bits = index_bits + 4
        m.submodules.normalise = normalise = Normalise(self.width, index_bits + remainder_bits)
        m.d.comb += normalise.x.eq(self.x)

        values = reciprocal_table(self.fraction_bits)
        steps = [high - low for high, low in pairwise(values)]
        entry = data.StructLayout(
            {"value": unsigned(width_for(values[0])), "step": unsigned(width_for(max(steps)))}
        )
        m.submodules.table = table = memory.Memory(
            shape=entry,
            depth=1 << index_bits,
            init=[
                {"value": value, "step": step} for value, step in zip(values, steps, strict=False)
            ],
        )
        port = table.read_port()
        m.d.comb += port.addr.eq(normalise.fraction[remainder_bits:])

        # cycle 2: read
        exponent_2 = Signal.like(normalise.exponent, reset_less=True)
        remainder_2 = Signal(remainder_bits, reset_less=True)
        m.d.sync += [
            exponent_2.eq(normalise.exponent),
            remainder_2.eq(normalise.fraction[:remainder_bits]),
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
        # cycle 5: multiply
        exponent_5 = Signal.like(exponent_2)
        value_5 = Signal(len(entry_4.value), reset_less=True)
        product_5 = Signal(len(entry_4.step) + remainder_bits, reset_less=True)
        m.d.sync += [
            exponent_5.eq(exponent_4),
            value_5.eq(entry_4.value),
            product_5.eq(entry_4.step * remainder_4),
        ]
        # cycle 6: subtract and round; the difference is never negative
        difference = Cat(Const(0, remainder_bits), value_5) - product_5
        shift = remainder_bits + GUARD_BITS
        rounded = (difference + (1 << shift - 1))[shift : shift + len(self.mantissa)]
        m.d.comb += [
            self.mantissa.eq(delayed(m, rounded, 1, "rounded")),
            self.exponent.eq(delayed(m, exponent_5, 1, "exponent")),
        ]
        return m
