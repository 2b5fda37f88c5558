# SPDX-License-Identifier: Apache-2.0
"""Many products from one multiplier, one after the other."""

from functools import reduce
from operator import or_

from amaranth.hdl import Module, Mux, Signal, ValueLike

from hw.arith.multiply import Multiply, multiply_latency

__all__ = ["Products"]


class Products:
    """A list of products of unsigned numbers, worked off by one multiplier.

    Equation: the signal that ``add`` returns is left * right, cut to the bits of both.

    Flow control: while ``go`` is high the list is worked off once; it begins anew when ``go`` was
    low. Operands hold still meanwhile, but those made of products added before.

    Latency: the i-th product, from 0, is there i + `latency` cycles after ``go`` rises. So a
    product may be an operand of one added `latency` places later, see ``pause``. Throughput: a
    product a cycle.

    Parameters
    ----------
    left_width, right_width: most bits of the operands.
    """

    def __init__(self, left_width: int, right_width: int):
        self.left_width, self.right_width = left_width, right_width
        self.latency = multiply_latency(left_width, right_width) + 2
        self._steps: list[tuple[ValueLike, ValueLike, Signal] | None] = []

    def __len__(self) -> int:
        return len(self._steps)

    def add(self, left: ValueLike, right: ValueLike, name: str) -> Signal:
        """The product, there `latency` cycles after its turn."""
        if len(left) > self.left_width or len(right) > self.right_width:
            raise ValueError(
                f"{name}: operands of {len(left)} and {len(right)} bits, at most "
                f"{self.left_width} and {self.right_width} fit"
            )
        result = Signal(len(left) + len(right), name=name, reset_less=True)
        self._steps.append((left, right, result))
        return result

    def pause(self, places: int) -> None:
        """So many cycles without a product."""
        self._steps += [None] * places

    def build(self, m: Module, go: ValueLike) -> None:
        """Adds multiplier and list to `m`, once all products were added."""
        m.submodules.multiply = multiply = Multiply(self.left_width, self.right_width)
        # a bit goes past all places, and on until the last product is there
        behind = multiply.latency + 1
        gone = Signal()
        turns = Signal(len(self._steps) + behind)
        m.d.comb += turns[0].eq(go & ~gone)
        m.d.sync += [gone.eq(go), turns[1:].eq(Mux(go, turns[:-1], 0))]
        left = Signal(self.left_width, reset_less=True)
        right = Signal(self.right_width, reset_less=True)
        m.d.comb += [multiply.left.eq(left), multiply.right.eq(right)]
        lefts, rights = [], []
        for place, entry in enumerate(self._steps):
            if entry is None:
                continue
            first, second, result = entry
            lefts.append(Mux(turns[place], first, 0))
            rights.append(Mux(turns[place], second, 0))
            with m.If(turns[place + behind]):
                m.d.sync += result.eq(multiply.product)
        m.d.sync += [left.eq(reduce(or_, lefts)), right.eq(reduce(or_, rights))]
