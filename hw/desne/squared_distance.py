# SPDX-License-Identifier: Apache-2.0
"""Sum of the squared differences of two beats."""

from collections.abc import Callable

from amaranth.hdl import Array, Cat, Const, Module, Mux, Signal, Value, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from hw.config import distance_maximum, width_for


def lookup(index: Value, function: Callable[[int], int]) -> Value:
    """function(index) as a table of constants: for each of its bits a LUT with the index's bits."""
    values = [function(i) for i in range(1 << len(index))]
    return Array(Const(value, width_for(max(values))) for value in values)[index]


class SquaredDistance(wiring.Component):
    """Squared Euclidean distance of two beats of unsigned bytes: one row of the distance array.

    Equation: distance = sum over lanes of (a - b)^2. With |a - b| = 16 h + l, nibbles h and l,

        (a - b)^2 = (256 h^2 + l^2) + 32 h l

    The bracket is two tables side by side, h l two more with l in halves; brackets and products are
    summed over the lanes by a balanced tree each, and the shift by 5 is paid once for all lanes.

    Flow control: none; a and b are taken in every cycle.

    Latency: `latency` cycles, 5 + log2(lanes). Throughput: one result a cycle.

    Parameters
    ----------
    lanes: bytes a beat, a power of two.

    Members
    -------
    a, b: In(array of lanes unsigned bytes).
    distance: Out(bits of lanes * 255^2).
    """

    def __init__(self, lanes: int):
        if lanes < 1 or lanes & (lanes - 1):
            raise ValueError(f"lanes is {lanes}: it must be a power of two")
        self.lanes = lanes
        self.latency = self.latency_for(lanes)
        beat = data.ArrayLayout(unsigned(8), lanes)
        self._width = width_for(distance_maximum(lanes))
        super().__init__({"a": In(beat), "b": In(beat), "distance": Out(self._width)})

    @staticmethod
    def latency_for(lanes: int) -> int:
        """Latency in cycles with so many lanes."""
        return 5 + lanes.bit_length() - 1

    def elaborate(self, platform):
        m = Module()

        def register(name: str, value: Value, maximum: int | None = None) -> Signal:
            width = len(value) if maximum is None else width_for(maximum)
            result = Signal(width, name=name, reset_less=True)
            m.d.sync += result.eq(value)
            return result

        brackets, products = [], []
        for lane in range(self.lanes):
            a, b = self.a[lane], self.b[lane]
            # cycle 0: the difference both ways; cycle 1: the one that is not negative
            forward = register(f"forward_{lane}", a - b)
            backward = register(f"backward_{lane}", (b - a)[:8])
            difference = register(f"difference_{lane}", Mux(forward[8], backward, forward[:8]))
            low, high = difference[:4], difference[4:]
            # cycle 2: the tables
            squares = [
                register(f"square_{lane}_{k}", lookup(nibble, lambda v: v * v))
                for k, nibble in enumerate((low, high))
            ]
            brackets.append(Cat(*squares))
            halves = [
                register(f"half_{lane}_{k}", lookup(Cat(high, low[2 * k : 2 * k + 2]), _product))
                for k in range(2)
            ]
            # cycle 3: join the halves
            products.append(register(f"product_{lane}", halves[0] + (halves[1] << 2), 15 * 15))

        def level(name: str, terms: list[Signal], maximum: int) -> list[Signal]:
            return [
                register(f"{name}_{len(terms) // 2}_{i}", terms[i] + terms[i + 1], maximum)
                for i in range(0, len(terms), 2)
            ]

        # cycles 3 (brackets) and 4 (products), and on to one of each: a level a cycle
        count = 1
        while len(brackets) > 1:
            count *= 2
            brackets = level("brackets", brackets, count * 225 * 257)
            products = level("products", products, count * 15 * 15)
        # the last two cycles: the brackets wait for the products, and both are added
        bracket = register("bracket_sum", brackets[0])
        m.d.sync += self.distance.eq(bracket + (products[0] << 5))
        return m


def _product(index: int) -> int:
    """h * l for a nibble h and two bits l above it."""
    return (index & 15) * (index >> 4)
