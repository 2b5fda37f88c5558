# SPDX-License-Identifier: Apache-2.0
"""Many products from one multiplier, one after the other."""

from amaranth.hdl import Module, Mux, Signal, ValueLike

from hw.arith.multiply import Multiply, multiply_latency
from hw.pipeline import delayed

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
        step = Signal(range(len(self._steps) + 1))
        with m.If(~go):
            m.d.sync += step.eq(0)
        with m.Elif(step != len(self._steps)):
            m.d.sync += step.eq(step + 1)
        left = Signal(self.left_width, reset_less=True)
        right = Signal(self.right_width, reset_less=True)
        m.d.comb += [multiply.left.eq(left), multiply.right.eq(right)]
        arrives = delayed(m, Mux(go, step, len(self._steps)), multiply.latency + 1, "arrives")
        for place, entry in enumerate(self._steps):
            if entry is None:
                continue
            first, second, result = entry
            with m.If(step == place):
                m.d.sync += [left.eq(first), right.eq(second)]
            with m.If(arrives == place):
                m.d.sync += result.eq(multiply.product)
