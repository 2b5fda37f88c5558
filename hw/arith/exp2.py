# SPDX-License-Identifier: Apache-2.0
"""w = 2^-t: a table of one octave and a rounding shift."""

from math import isqrt

from amaranth.hdl import Module, Signal, unsigned
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from hw.pipeline import delayed

FRACTION_BITS = 8
"""Fraction bits of t, and address bits of the table."""

RESULT_FRACTION_BITS = 16
"""Fraction bits of w."""


def exp2_table() -> list[int]:
    """M[f] = round(2^16 * 2^(-f/256)) for f = 0..255: U1.16, M[0] = 65536.

    Exact: the floor of 2 * 2^16 * 2^(-f/256) is eight square roots, each floored, of that number's
    256th power, an integer; half of it, rounded up, is M[f].
    """
    size = 1 << FRACTION_BITS
    table = []
    for f in range(size):
        root = 1 << (RESULT_FRACTION_BITS + 1) * size - f
        for _ in range(FRACTION_BITS):
            root = isqrt(root)
        table.append((root + 1) // 2)
    return table


class Exp2(wiring.Component):
    """Two to a negative power.

    Equation: w = round_shift(M[t & 255], t >> 8), with M of exp2_table() (docs/numerics.md). So the
    unit also yields the mantissa of the inverse temperature while it has nothing else to do:
    t = (-f) & 255 gives w = mantissa(f), except at f = 0, where it gives 2 * mantissa(0).

    Flow control: none; t is taken and w is given in every cycle.

    Latency: `latency` cycles. Throughput: one result a cycle.

    Members
    -------
    t: In(13), U5.8, 0..4608; the equation holds above that too, and gives 0.
    w: Out(17), U1.16, 0..65536.
    """

    latency = 5

    t: In(unsigned(13))
    w: Out(unsigned(17))

    def elaborate(self, platform):
        m = Module()
        m.submodules.table = table = memory.Memory(
            shape=unsigned(17), depth=1 << FRACTION_BITS, init=exp2_table()
        )
        port = table.read_port()
        m.d.comb += port.addr.eq(self.t[:FRACTION_BITS])
        # cycle 0: read
        shift_0 = Signal(5, reset_less=True)
        m.d.sync += shift_0.eq(self.t[FRACTION_BITS:])
        # cycle 1: a register behind the memory, whose own output is slow
        value_1 = Signal(17, reset_less=True)
        shift_1 = Signal(5, reset_less=True)
        m.d.sync += [value_1.eq(port.data), shift_1.eq(shift_0)]
        # cycles 2 and 3: shift, keeping one bit below the result
        value_2 = Signal(18, reset_less=True)
        shift_2 = Signal(3, reset_less=True)
        m.d.sync += [
            value_2.eq((value_1 << 1) >> (shift_1 & 0b11000)),
            shift_2.eq(shift_1[:3]),
        ]
        value_3 = Signal(18, reset_less=True)
        m.d.sync += value_3.eq(value_2 >> shift_2)
        # cycle 4: round half up
        m.d.comb += self.w.eq(delayed(m, (value_3 + 1)[1 : 1 + len(self.w)], 1, "w"))
        return m
