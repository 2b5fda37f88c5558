# SPDX-License-Identifier: Apache-2.0
"""Signed by unsigned product in stages that fit one multiplier of a small FPGA each."""

from amaranth.hdl import Cat, Const, Module, Signal, Value, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

__all__ = ["PIECE_WIDTH", "MultiplySigned", "multiply_signed_latency"]

PIECE_WIDTH = 17
"""Bits of an unsigned piece: with a sign it fits a signed multiplier of 18 x 18 bits."""


def _pieces(width: int) -> list[tuple[int, int]]:
    """(lowest bit, end) of each piece."""
    return [(low, min(low + PIECE_WIDTH, width)) for low in range(0, width, PIECE_WIDTH)]


def _signed_pieces(width: int) -> list[tuple[int, int]]:
    """The same with a bit more in the topmost piece, whose sign is one of its bits."""
    if width <= PIECE_WIDTH + 1:
        return [(0, width)]
    pieces = _pieces(width - 1)
    return [*pieces[:-1], (pieces[-1][0], width)]


def multiply_signed_latency(left_width: int, right_width: int) -> int:
    """Cycles: one for the partial products, one for each level of the tree that adds them."""
    partials = len(_signed_pieces(left_width)) * len(_pieces(right_width))
    return 1 + (partials - 1).bit_length()


class MultiplySigned(wiring.Component):
    """Product of a signed and an unsigned integer, exact.

    Equation: product = left * right, from partial products of at most 18 x 18 bits, signed.

    Flow control: none; operands are taken and a product is given in every cycle.

    Latency: `latency` = 1 + ceil(log2(partial products)) cycles. Throughput: one product a cycle.

    Parameters
    ----------
    left_width, right_width: bits of the operands, at least 1.

    Members
    -------
    left: In(signed(left_width)). right: In(right_width).
    product: Out(signed(left_width + right_width)).
    """

    def __init__(self, left_width: int, right_width: int):
        if left_width < 1 or right_width < 1:
            raise ValueError(
                f"left_width is {left_width} and right_width is {right_width}: "
                "both must be at least 1"
            )
        self.left_width = left_width
        self.right_width = right_width
        self.latency = multiply_signed_latency(left_width, right_width)
        super().__init__(
            {
                "left": In(signed(left_width)),
                "right": In(right_width),
                "product": Out(signed(left_width + right_width)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        # cycle 0: partial products
        terms: list[tuple[Value, int]] = []
        for low, end in _signed_pieces(self.left_width):
            left = self.left[low:end]
            left = left.as_signed() if end == self.left_width else left
            for right_low, right_end in _pieces(self.right_width):
                value = left * self.right[right_low:right_end]
                partial = Signal(value.shape(), name=f"partial_{low}_{right_low}", reset_less=True)
                m.d.sync += partial.eq(value)
                terms.append((partial, low + right_low))
        # one cycle a level: a balanced tree
        level = 0
        while len(terms) > 1:
            level += 1
            sums: list[tuple[Value, int]] = []
            for number in range(0, len(terms), 2):
                total = Signal.like(
                    self.product, name=f"sum_{level}_{number // 2}", reset_less=True
                )
                m.d.sync += total.eq(
                    sum(_placed(value, place) for value, place in terms[number : number + 2])
                )
                sums.append((total, 0))
            terms = sums
        m.d.comb += self.product.eq(terms[0][0])
        return m


def _placed(value: Value, place: int) -> Value:
    shifted = Cat(Const(0, place), value)
    return shifted.as_signed() if value.shape().signed else shifted
