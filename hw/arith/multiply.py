# SPDX-License-Identifier: Apache-2.0
"""A product of unsigned numbers in stages that fit one multiplier of a small FPGA each."""

from amaranth.hdl import Cat, Const, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

__all__ = ["MULTIPLIER_WIDTH", "Multiply", "multiply_latency"]

MULTIPLIER_WIDTH = 18
"""Operand bits of the multipliers in ECP5, and no more than in other families."""


def _cuts(width: int) -> list[slice]:
    return [
        slice(low, min(low + MULTIPLIER_WIDTH, width)) for low in range(0, width, MULTIPLIER_WIDTH)
    ]


def multiply_latency(left_width: int, right_width: int) -> int:
    """Cycles: one for the partial products, one for each level of the tree that adds them."""
    partials = len(_cuts(left_width)) * len(_cuts(right_width))
    return 1 + (partials - 1).bit_length()


class Multiply(wiring.Component):
    """Product of two unsigned integers, exact.

    Equation: product = left * right, from partial products of at most 18 x 18 bits.

    Flow control: none; operands are taken and a product is given in every cycle.

    Latency: `latency` = 1 + ceil(log2(partial products)) cycles. Throughput: one product a cycle.

    Parameters
    ----------
    left_width, right_width: bits of the operands, at least 1.

    Members
    -------
    left: In(left_width). right: In(right_width).
    product: Out(left_width + right_width).
    """

    def __init__(self, left_width: int, right_width: int):
        if left_width < 1 or right_width < 1:
            raise ValueError(
                f"left_width is {left_width} and right_width is {right_width}: "
                "both must be at least 1"
            )
        self.left_width = left_width
        self.right_width = right_width
        self.latency = multiply_latency(left_width, right_width)
        super().__init__(
            {
                "left": In(left_width),
                "right": In(right_width),
                "product": Out(left_width + right_width),
            }
        )

    def elaborate(self, platform):
        m = Module()
        # cycle 0: partial products at their places
        terms = []
        for left in _cuts(self.left_width):
            for right in _cuts(self.right_width):
                a, b = self.left[left], self.right[right]
                partial = Signal(
                    len(a) + len(b),
                    name=f"partial_{left.start}_{right.start}",
                    reset_less=True,
                )
                m.d.sync += partial.eq(a * b)
                terms.append((partial, left.start + right.start))
        # one cycle a level: a balanced tree
        level = 0
        while len(terms) > 1:
            level += 1
            sums = []
            for number, pair in enumerate(zip(terms[::2], [*terms[1::2], None], strict=False)):
                total = Signal(len(self.product), name=f"sum_{level}_{number}", reset_less=True)
                placed = [Cat(Const(0, place), value) for value, place in filter(None, pair)]
                m.d.sync += total.eq(sum(placed))
                sums.append((total, 0))
            terms = sums
        m.d.comb += self.product.eq(terms[0][0])
        return m
