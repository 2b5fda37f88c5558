# SPDX-License-Identifier: Apache-2.0
"""exp2 as Verilog: every input."""

import cocotb
import pytest

from golden.arith.exp2 import exp2
from hw.arith.exp2 import Exp2
from rtl_gen.verilog import generate
from verif.cocotb.bench import Bench
from verif.cocotb.pipelines import feed
from verif.cocotb.runner import simulate
from verif.vectors.arith import EXP2_INPUTS

pytestmark = pytest.mark.verilator


@cocotb.test()
async def every_input(dut):
    """All 4,609 inputs, in order and shuffled, one a cycle."""
    bench = Bench(dut)
    await bench.start()
    for t in (EXP2_INPUTS, bench.rng.permutation(EXP2_INPUTS)):
        (w,) = await feed(bench, "t", t, ["w"], Exp2.latency)
        bench.compare("w", w, exp2(t).tolist())
    bench.finish()


def test_every_input(seed):
    simulate(generate(Exp2(), "exp2"), "verif.cocotb.test_exp2", "every_input", seed=seed)
