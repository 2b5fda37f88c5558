# SPDX-License-Identifier: Apache-2.0
"""hw.arith.divide in the Amaranth simulator."""

import random

import pytest
from amaranth.sim import Simulator

from hw.arith.divide import Divide

WIDTHS = [(1, 1), (5, 3), (3, 5), (43, 32), (28, 12)]


def simulate(dut, testbench):
    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(testbench)
    simulator.run()


async def divide(ctx, dut, numerator, denominator):
    """The quotient and the cycles it took."""
    ctx.set(dut.numerator, numerator)
    ctx.set(dut.denominator, denominator)
    ctx.set(dut.start, 1)
    await ctx.tick()
    ctx.set(dut.start, 0)
    ctx.set(dut.numerator, 0)  # were taken
    ctx.set(dut.denominator, 0)
    cycles = 1
    while not ctx.get(dut.done):
        await ctx.tick()
        cycles += 1
    quotient = ctx.get(dut.quotient)
    await ctx.tick()
    assert not ctx.get(dut.done) and ctx.get(dut.quotient) == quotient
    return quotient, cycles


@pytest.mark.parametrize("widths", WIDTHS)
def test_quotients(widths, seed):
    numerator_width, denominator_width = widths
    most, most_divisor = (1 << numerator_width) - 1, (1 << denominator_width) - 1
    rng = random.Random(seed)
    pairs = [(a, b) for a in (0, 1, most // 2, most) for b in (1, 2, most_divisor) if b]
    pairs += [
        (
            rng.getrandbits(numerator_width),
            max(rng.getrandbits(rng.randint(1, denominator_width)), 1),
        )
        for _ in range(40)
    ]
    dut = Divide(*widths)

    async def testbench(ctx):
        for a, b in pairs:
            b = min(b, most_divisor)
            assert await divide(ctx, dut, a, b) == (a // b, numerator_width + 1), (a, b)
            assert dut.latency == numerator_width + 1

    simulate(dut, testbench)


def test_zero_denominator():
    dut = Divide(9, 4)

    async def testbench(ctx):
        assert (await divide(ctx, dut, 300, 0))[0] == 511

    simulate(dut, testbench)


def test_a_new_start_drops_the_old():
    dut = Divide(9, 4)

    async def testbench(ctx):
        for wait in range(1, 11):
            ctx.set(dut.numerator, 511)
            ctx.set(dut.denominator, 1)
            ctx.set(dut.start, 1)
            await ctx.tick()
            ctx.set(dut.start, 0)
            for _ in range(wait - 1):
                await ctx.tick()
            assert await divide(ctx, dut, 100, 7) == (14, 10)

    simulate(dut, testbench)


@pytest.mark.parametrize("widths", [(0, 1), (1, 0)])
def test_illegal_width(widths):
    with pytest.raises(
        ValueError, match=f"numerator_width is {widths[0]} and denominator_width is"
    ):
        Divide(*widths)
