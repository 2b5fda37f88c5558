# SPDX-License-Identifier: Apache-2.0
"""Whole jobs of the accelerator as Verilog, on the board of verif/cocotb/board.py.

The coroutines run in the simulator (cocotb), the functions called test_ start them (pytest).
"""

import json
import time
from pathlib import Path

import cocotb
import pytest

from verif.cocotb import board as boards
from verif.cocotb.board import begin, real
from verif.cocotb.runner import simulate
from verif.cocotb.streams import PATTERNS

MODULE = "verif.cocotb.test_top"
pytestmark = pytest.mark.verilator
top = boards.top

SHORT = [
    {"n": 17, "budget": 5, "rule": "medoid", "iterations": 3, "drop": 0.0, "spread": 256},
    {"n": 2, "budget": 1, "rule": "curve", "iterations": 1, "drop": 0.5},
    {"n": 3, "budget": 2, "rule": "curve", "dimensions": 1, "iterations": 2, "drop": 0.0},
    {"n": 9, "budget": 3, "rule": "medoid", "dimensions": 7, "iterations": 0, "drop": 0.25},
    {"n": 13, "budget": 13, "rule": "grid", "iterations": 1, "drop": 0.5},
]
LONG = [
    {"n": 32, "budget": 8, "rule": "curve", "iterations": 5, "drop": 0.25},
    {"n": 31, "budget": 31, "rule": "grid", "iterations": 3, "drop": 0.5},
    {"n": 32, "budget": 10, "dimensions": 3, "rule": "grid", "iterations": 10, "seed": 3},
]


@cocotb.test()
@cocotb.parametrize(pattern=PATTERNS)
async def jobs(dut, pattern):
    """Jobs of all rules and many shapes, or only the short ones, one after the other."""
    board = await begin(dut, pattern)
    shapes = SHORT if board.bench.parameters == "short" else [*SHORT, *LONG]
    for number, shape in enumerate(shapes):
        job = real(**shape)
        await board.run(f"job {number}", job)
    board.bench.finish(pattern)


@cocotb.test()
async def pace(dut):
    """How fast the simulation is, from the start of a job to its interrupt (scripts ask for it)."""
    board = await begin(dut)
    job = pace_job()
    await board.describe(job)
    begun = time.perf_counter()
    await board.start()
    await board.wait()
    seconds = time.perf_counter() - begun
    await board.check("job", job)
    figures = {"seconds": seconds, "cycles": await board.read("count_cycles")}
    Path(board.bench.parameters["out"]).write_text(json.dumps(figures))
    board.bench.finish()


def pace_job():
    """A full tile of `tiny`, as long as users run it."""
    return real(32, 8)


def test_jobs(top, seed):
    simulate(top, MODULE, "jobs", seed=seed, parameters="short")


@pytest.mark.slow
def test_all_jobs(top, seed):
    simulate(top, MODULE, "jobs", seed=seed)
