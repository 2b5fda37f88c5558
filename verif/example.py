# SPDX-License-Identifier: Apache-2.0
"""A small component on which the verification tools themselves are tested."""

import numpy as np
from amaranth.hdl import Module, signed, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

WORDS = 5

Operands = data.StructLayout({"a": unsigned(7), "b": signed(9)})
Products = data.ArrayLayout(signed(20), WORDS)


class Multiples(wiring.Component):
    """products[k] = k * (a * b + offset), for k = 0..4.

    One register stage with valid/ready on both sides; latency 1 cycle, one beat a cycle.

    Members
    -------
    operands: In(stream of Operands), 16 bits.
    products: Out(stream of Products), 100 bits: more than a machine word, and no whole bytes.
    offset: In(signed(12)), constant while streams run.
    """

    operands: In(stream.Signature(Operands))
    products: Out(stream.Signature(Products))
    offset: In(signed(12))

    def elaborate(self, platform):
        m = Module()
        m.d.comb += self.operands.ready.eq(self.products.ready | ~self.products.valid)
        with m.If(self.operands.ready):
            m.d.sync += self.products.valid.eq(self.operands.valid)
            with m.If(self.operands.valid):
                operands = self.operands.payload
                total = operands.a * operands.b + self.offset
                for k in range(WORDS):
                    m.d.sync += self.products.payload[k].eq(total * k)
        return m


def multiples(a: np.ndarray, b: np.ndarray, offset: int) -> np.ndarray:
    """The same in numpy: int64[n, WORDS], wrapped to signed 20 bits."""
    total = a.astype(np.int64) * b + offset
    wide = total[:, None] * np.arange(WORDS)
    return (wide + (1 << 19)) % (1 << 20) - (1 << 19)
