# SPDX-License-Identifier: Apache-2.0
"""hw.arith.rounding against the golden model, for signed and unsigned, constant and variable."""

import pytest
from amaranth.hdl import Module, Signal, signed, unsigned
from amaranth.sim import Simulator

from golden.arith import rounding as golden
from hw.arith.rounding import round_shift, saturate

SHAPES = [unsigned(6), signed(6)]


def values_of(shape):
    return range(-32, 32) if shape.signed else range(64)


def check(expression, shape, expected):
    """expression(x, shift) in hardware equals expected(x, shift) for all x and shifts 0..7."""
    m = Module()
    x, shift, result = Signal(shape), Signal(3), Signal(signed(12))
    m.d.comb += result.eq(expression(x, shift))

    async def testbench(ctx):
        for value in values_of(shape):
            for amount in range(8):
                ctx.set(x, value)
                ctx.set(shift, amount)
                assert ctx.get(result) == expected(value, amount), (value, amount)

    simulator = Simulator(m)
    simulator.add_testbench(testbench)
    simulator.run()


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_round_shift_by_signal(shape):
    check(round_shift, shape, golden.round_shift)


@pytest.mark.parametrize("amount", range(8))
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_round_shift_by_constant(shape, amount):
    check(lambda x, _: round_shift(x, amount), shape, lambda x, _: golden.round_shift(x, amount))


@pytest.mark.parametrize("limits", [(0, 10), (-7, 7), (-40, 40), (5, 5)])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_saturate(shape, limits):
    check(lambda x, _: saturate(x, *limits), shape, lambda x, _: golden.saturate(x, *limits))


def test_illegal_arguments():
    with pytest.raises(ValueError, match=r"^shift is -1: it must be at least 0$"):
        round_shift(Signal(4), -1)
    with pytest.raises(ValueError, match=r"^low is 2 and high is 1: low must be at most high$"):
        saturate(Signal(4), 2, 1)
