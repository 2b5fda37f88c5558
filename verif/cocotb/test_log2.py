# SPDX-License-Identifier: Apache-2.0
"""log2 as Verilog: dense, extreme and random inputs."""

import cocotb
import numpy as np
import pytest

from golden.arith.log2 import log2
from hw.arith.log2 import Log2
from rtl_gen.verilog import generate
from verif.cocotb.bench import Bench
from verif.cocotb.pipelines import feed
from verif.cocotb.runner import simulate
from verif.vectors.arith import integers

pytestmark = pytest.mark.verilator


@cocotb.test()
async def many_inputs(dut):
    """The shared list, and for a narrow unit every input there is."""
    bench = Bench(dut)
    await bench.start()
    width = bench.parameters
    x = integers(width, 20_000, bench.seed) if width > 13 else np.arange(1, 1 << width)
    (result,) = await feed(bench, "x", x, ["log2"], Log2.latency)
    bench.compare("log2", result, log2(x).tolist())
    bench.finish()


@pytest.mark.parametrize(
    "width", [8, *(pytest.param(width, marks=pytest.mark.slow) for width in (23, 29))]
)
def test_many_inputs(width, seed):
    block = generate(Log2(width), f"log2_{width}")
    simulate(block, "verif.cocotb.test_log2", "many_inputs", seed=seed, parameters=width)
