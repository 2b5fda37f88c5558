# SPDX-License-Identifier: Apache-2.0
"""Rounding, saturation and small arithmetic are their definitions, for all inputs.

The definitions are written here once more, as inequalities where there are any, and share nothing
with hw/ and golden/.
"""

import math

from amaranth.hdl import Array, Cat, Const, Mux, Signal, Value, signed, unsigned

from hw.arith import multiply, multiply_signed
from hw.arith.divide import Divide
from hw.arith.exp2 import Exp2
from hw.arith.lfsr import lfsr_advance, lfsr_bits
from hw.arith.log2 import Log2
from hw.arith.normalise import Normalise
from hw.arith.reciprocal import Reciprocal
from hw.arith.rounding import round_shift, saturate
from hw.desne.squared_distance import SquaredDistance
from verif.formal.bench import Bench
from verif.formal.broken import Broken
from verif.formal.proof import proof


def nearest(x: Value, shift: Value | int, y: Value) -> Value:
    """y is x / 2^shift to the nearest integer, ties upwards."""
    error = ((y << shift) - x) << 1
    return (error <= (1 << shift)) & (error > -(Const(1) << shift))


def named(bench: Bench, name: str, value: Value) -> Signal:
    """The value as a signal, so that waves show it."""
    value = Value.cast(value)
    signal = Signal(value.shape(), name=name)
    bench.m.d.comb += signal.eq(value)
    return signal


def table(index: Value, values: list[int]) -> Value:
    """values[index]."""
    width = max(values).bit_length()
    return Array(Const(value, width) for value in values)[index]


@proof(
    "round_shift, 12 bits, shift 0..6",
    "nearest integer, ties upwards",
    Broken(
        "hw.arith.rounding",
        "(x + (1 << shift - 1)) >> shift",
        "(x + (1 << shift - 1) - 1) >> shift",
    ),
)
def round_by_constant(bench: Bench) -> None:
    bench.from_any_state(0)
    for shape in unsigned(12), signed(12):
        x = bench.free(shape, f"x_{shape.signed:d}")
        for shift in range(7):
            y = named(bench, f"y_{shape.signed:d}_{shift}", round_shift(x, shift))
            bench.claim(nearest(x, shift, y), f"{shape} by {shift} is not the nearest integer")


@proof(
    "round_shift, 12 bits, shift 0..15 from a signal",
    "nearest integer, ties upwards",
    Broken("hw.arith.rounding", "(((x << 1) >> shift) + 1) >> 1", "((x << 1) >> shift) >> 1"),
)
def round_by_signal(bench: Bench) -> None:
    bench.from_any_state(0)
    shift = bench.free(4, "shift")
    for shape in unsigned(12), signed(12):
        x = bench.free(shape, f"x_{shape.signed:d}")
        y = named(bench, f"y_{shape.signed:d}", round_shift(x, shift))
        bench.claim(nearest(x, shift, y), f"{shape} is not the nearest integer")


@proof(
    "saturate, 12 bits",
    "in range, and x itself where that is in range",
    Broken("hw.arith.rounding", "Mux(x > high, high, x)", "Mux(x > high + 1, high, x)"),
)
def saturation(bench: Bench) -> None:
    bench.from_any_state(0)
    for shape, low, high in ((signed(12), -128, 127), (signed(12), 0, 255), (unsigned(12), 0, 255)):
        x = bench.free(shape, f"x_{shape.signed:d}_{low + 128}")
        y = named(bench, f"y_{shape.signed:d}_{low + 128}", saturate(x, low, high))
        bench.claim((y >= low) & (y <= high), f"{shape}: out of {low}..{high}")
        bench.claim((y == x) | (x < low) | (x > high), f"{shape}: changed in {low}..{high}")
        bench.claim((y == low) | (x >= low), f"{shape}: not {low} below it")
        bench.claim((y == high) | (x <= high), f"{shape}: not {high} above it")


@proof(
    "lfsr, 8 steps of 32 bits",
    "eight single steps by the definition",
    Broken("hw.arith.lfsr", "TAPS = 0x80200003", "TAPS = 0x80200001"),
)
def shift_register(bench: Bench) -> None:
    bench.from_any_state(0)
    state = first = bench.free(32, "state")
    bits = []
    for step in range(8):
        bits.append(state[0])
        taps = Cat(Const(0, 1) if bit not in (0, 1, 21, 31) else state[0] for bit in range(32))
        state = named(bench, f"after_{step + 1}", (state >> 1) ^ taps)
    bench.claim(lfsr_advance(first, 8) == state, "the state differs")
    bench.claim(lfsr_bits(first, 8) == Cat(bits), "the bits differ")


@proof(
    "Divide, 8 bits by 5",
    "floor of the quotient; all ones by zero; done on time",
    Broken(
        "hw.arith.divide", "remainder.eq(Mux(fits, difference, widened))", "remainder.eq(widened)"
    ),
)
def quotient(bench: Bench) -> None:
    block = bench.block(Divide(8, 5))
    bench.from_any_state(block.latency + 1)
    n = bench.once(block.numerator, "numerator")
    d = bench.once(block.denominator, "denominator")
    bench.m.d.comb += block.start.eq(bench.at(0))
    over = bench.at(block.latency) | bench.at(block.latency + 1)
    q = block.quotient
    right = Mux(d == 0, q == 0xFF, (q * d <= n) & (n < (q + 1) * d))
    bench.claim(~over | right, "the quotient is wrong")
    for cycle in range(1, block.latency + 2):
        done = block.done == (cycle == block.latency)
        bench.claim(~bench.at(cycle) | done, f"done is wrong in cycle {cycle}")


def product(bench: Bench, block) -> None:
    """Claims left * right of the block."""
    bench.block(block)
    bench.from_any_state(block.latency)
    left, right = bench.once(block.left, "left"), bench.once(block.right, "right")
    bench.claim(~bench.at(block.latency) | (block.product == left * right), "the product is wrong")


@proof(
    "Multiply, 8 x 7 bits in pieces of 3",
    "the product",
    Broken(
        "hw.arith.multiply",
        "terms.append((partial, left.start + right.start))",
        "terms.append((partial, left.start | right.start))",
    ),
)
def product_unsigned(bench: Bench) -> None:
    multiply.MULTIPLIER_WIDTH = 3
    product(bench, multiply.Multiply(8, 7))


@proof(
    "MultiplySigned, 8 x 7 bits in pieces of 3",
    "the product",
    Broken(
        "hw.arith.multiply_signed", "left.as_signed() if end == self.left_width else left", "left"
    ),
)
def product_signed(bench: Bench) -> None:
    multiply_signed.PIECE_WIDTH = 3
    product(bench, multiply_signed.MultiplySigned(8, 7))


@proof(
    "Exp2, all 8192 inputs",
    "2^-t of docs/numerics.md, rounded to nearest",
    Broken("hw.arith.exp2", "(value_3 + 1)[1", "(value_3 + 0)[1"),
)
def power_of_two(bench: Bench) -> None:
    block = bench.block(Exp2())
    bench.from_any_state(block.latency)
    t = bench.once(block.t, "t")
    octave = [round(2.0 ** (16 - f / 256)) for f in range(256)]
    right = nearest(table(t[:8], octave), t[8:], block.w)
    bench.claim(~bench.at(block.latency) | right, "not the nearest")


def leading_one(bench: Bench, x: Value, exponent: Value, fraction: Value, bits: int) -> Value:
    """exponent and fraction are those of x, which is not 0."""
    wide = Cat(Const(0, bits), x)  # x * 2^bits
    one_and_fraction = Cat(fraction, Const(1, 1))
    return (x >> exponent == 1) & ((wide >> exponent)[: bits + 1] == one_and_fraction)


@proof(
    "Normalise, 20 bits",
    "leading one, and the 8 bits below it; 0 as 1",
    Broken(
        "hw.arith.normalise",
        "low_any | high_any, [*bits, high_any]",
        "low_any | high_any, [*bits, low_any]",
    ),
)
def normalised(bench: Bench) -> None:
    block = bench.block(Normalise(20, 8))
    bench.from_any_state(block.latency)
    x = bench.once(block.x, "x")
    right = leading_one(bench, Mux(x == 0, 1, x), block.exponent, block.fraction, 8)
    bench.claim(~bench.at(block.latency) | right, "not that of the definition")


@proof(
    "Log2, 10 bits, all inputs",
    "log2 of docs/numerics.md",
    Broken("hw.arith.log2", '"value": value + half,', '"value": value,'),
)
def logarithm(bench: Bench) -> None:
    block = bench.block(Log2(10))
    bench.from_any_state(block.latency)
    x = bench.once(block.x, "x")
    exponent = named(bench, "exponent", bench.constant(4))
    fraction = named(bench, "fraction", bench.constant(20))
    bench.suppose(leading_one(bench, Mux(x == 0, 1, x), exponent, fraction, 20))
    values = [round(2.0**18 * math.log2(1 + j / 256)) for j in range(257)]
    low, high = (table(fraction[12:], part) for part in (values[:-1], values[1:]))
    exact = (low << 12) + (high - low).as_unsigned() * fraction[:12]
    below = named(bench, "below", block.log2 - (exponent << 16))
    bench.claim(~bench.at(block.latency) | nearest(exact, 14, below), "not the nearest")


@proof(
    "Reciprocal, 10 bits, P = 8, all inputs",
    "1/x of docs/numerics.md",
    Broken("hw.arith.reciprocal", "(difference + (1 << shift - 1))", "(difference + 0)"),
)
def reciprocal(bench: Bench) -> None:
    block = bench.block(Reciprocal(10, 8))
    bench.from_any_state(block.latency)
    x = bench.once(block.x, "x")
    exponent = named(bench, "exponent", bench.constant(4))
    fraction = named(bench, "fraction", bench.constant(12))
    bench.suppose(leading_one(bench, Mux(x == 0, 1, x), exponent, fraction, 12))
    values = [round(2.0**10 / (1 + j / 16)) for j in range(17)]
    low, high = (table(fraction[8:], part) for part in (values[:-1], values[1:]))
    exact = (low << 8) - (low - high).as_unsigned() * fraction[:8]
    right = nearest(exact, 10, block.mantissa) & (block.exponent == exponent)
    bench.claim(~bench.at(block.latency) | right, "not that of the definition")


@proof(
    "SquaredDistance, 1 lane, all inputs",
    "(a - b)^2",
    Broken("hw.desne.squared_distance", "Mux(forward[8], backward, forward[:8])", "forward[:8]"),
)
def squared_difference(bench: Bench) -> None:
    block = bench.block(SquaredDistance(1))
    bench.from_any_state(block.latency)
    a, b = bench.once(block.a, "a"), bench.once(block.b, "b")
    difference = named(bench, "difference", a - b)
    right = block.distance == (difference * difference).as_unsigned()
    bench.claim(~bench.at(block.latency) | right, "not the square")
