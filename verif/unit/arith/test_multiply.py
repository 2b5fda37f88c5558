# SPDX-License-Identifier: Apache-2.0
"""hw.arith.multiply against Python's product."""

import numpy as np
import pytest
from amaranth.sim import Simulator

from hw.arith.multiply import Multiply, multiply_latency

WIDTHS = [(1, 1), (17, 17), (18, 18), (19, 18), (22, 16), (28, 16), (23, 19), (37, 40)]


@pytest.mark.parametrize(("left", "right"), WIDTHS)
def test_products(left, right, seed):
    """A product a cycle, `latency` cycles after its operands; the largest ones among them."""
    rng = np.random.default_rng(seed)
    dut = Multiply(left, right)
    operands = [
        (int(rng.integers(0, 1 << left)), int(rng.integers(0, 1 << right))) for _ in range(100)
    ]
    operands += [((1 << left) - 1, (1 << right) - 1), (0, (1 << right) - 1), ((1 << left) - 1, 1)]

    async def testbench(ctx):
        for cycle in range(len(operands) + dut.latency):
            if cycle >= dut.latency:
                a, b = operands[cycle - dut.latency]
                assert ctx.get(dut.product) == a * b, f"{a} * {b}, seed {seed}"
            a, b = operands[min(cycle, len(operands) - 1)]
            ctx.set(dut.left, a)
            ctx.set(dut.right, b)
            await ctx.tick()

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(testbench)
    simulator.run()


def test_latency():
    expected = {(18, 18): 1, (19, 18): 2, (22, 16): 2, (23, 19): 3, (37, 18): 3}
    for widths, cycles in expected.items():
        assert multiply_latency(*widths) == cycles


def test_no_width():
    with pytest.raises(ValueError, match="left_width is 0 and right_width is 3: both must be"):
        Multiply(0, 3)
