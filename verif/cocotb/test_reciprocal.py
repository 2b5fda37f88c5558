# SPDX-License-Identifier: Apache-2.0
"""reciprocal as Verilog: dense, extreme and random inputs."""

import cocotb
import numpy as np
import pytest

from golden.arith.reciprocal import reciprocal
from hw.arith.reciprocal import Reciprocal
from rtl_gen.verilog import generate
from verif.cocotb.bench import Bench
from verif.cocotb.pipelines import feed
from verif.cocotb.runner import simulate
from verif.vectors.arith import integers

pytestmark = pytest.mark.verilator

UNITS = [(25, 12), *(pytest.param((width, 16), marks=pytest.mark.slow) for width in (23, 29))]
"""(bits of x, fraction bits of the mantissa)"""


@cocotb.test()
async def many_inputs(dut):
    """The shared list, and for a narrow unit every input there is."""
    bench = Bench(dut)
    await bench.start()
    width, fraction_bits = bench.parameters
    x = integers(width, 20_000, bench.seed) if width > 13 else np.arange(1, 1 << width)
    results = await feed(bench, "x", x, ["mantissa", "exponent"], Reciprocal.latency)
    for name, actual, expected in zip(
        ("mantissa", "exponent"), results, reciprocal(x, fraction_bits), strict=True
    ):
        bench.compare(name, actual, expected.tolist())
    bench.finish()


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: str(unit))
def test_many_inputs(unit, seed):
    block = generate(Reciprocal(*unit), "reciprocal")
    simulate(block, "verif.cocotb.test_reciprocal", "many_inputs", seed=seed, parameters=unit)
