# SPDX-License-Identifier: Apache-2.0
"""The accelerator in Icarus Verilog, which shows as X what Verilator makes a number.

The coroutine runs in the simulator (cocotb), the functions called test_ start it (pytest).
"""

import dataclasses

import cocotb
import pytest

from hw.top import Top
from rtl_gen.verilog import generate
from verif.cocotb.board import TINY, begin, real
from verif.cocotb.icarus import without_first_values
from verif.cocotb.runner import simulate
from verif.sim.toolchain import ToolchainError, icarus_version

MODULE = "verif.cocotb.test_icarus"


@cocotb.test()
async def smoke(dut):
    """One job of each rule, and that no output is X from the reset on."""
    board = await begin(dut)
    outputs = [
        name for name, port in board.bench.entry["ports"].items() if port["direction"] == "out"
    ]
    shapes = [
        real(9, 3, dimensions=16, rule="curve", iterations=1),
        real(8, 3, dimensions=8, rule="medoid", iterations=1, drop=0.0),
        real(7, 4, dimensions=7, rule="grid", iterations=1, drop=0.5),
    ]
    for number, job in enumerate(shapes):
        await board.run(f"job {number}", job)
        unknown = [name for name in outputs if not dut[name].value.is_resolvable]
        assert not unknown, f"X after job {number}: {unknown}"
    board.bench.finish()


@pytest.fixture(scope="module")
def top():
    try:
        icarus_version()
    except ToolchainError as error:
        pytest.skip(str(error))  # a second simulator, optional; the message is the remedy
    return generate(Top(TINY), "tiny_top")


@pytest.mark.slow
def test_smoke(top, seed):
    simulate(top, MODULE, "smoke", seed=seed, icarus=True)


@pytest.mark.slow
def test_reset_is_enough(top, seed):
    """Registers and memories begin as X, as on a chip: what the reset leaves so is never used."""
    verilog = without_first_values(top.verilog)
    assert verilog.count("\n") < top.verilog.count("\n")
    simulate(dataclasses.replace(top, verilog=verilog), MODULE, "smoke", seed=seed, icarus=True)
