# SPDX-License-Identifier: Apache-2.0
"""Jobs of the accelerator as Verilog that end early: errors, refusals, aborts and resets.

The coroutines run in the simulator (cocotb), the functions called test_ start them (pytest).
"""

import cocotb
import numpy as np
import pytest
from cocotbext.axi import AxiResp

from hw.registers import Phase, Refusal
from verif.cocotb import board as boards
from verif.cocotb.board import MAP, RESULT, SAMPLES, TINY, begin, real
from verif.cocotb.runner import simulate

MODULE = "verif.cocotb.test_top_ends"
pytestmark = pytest.mark.verilator
top = boards.top


def small(**parameters):
    """The shortest job that goes through everything."""
    return real(9, 3, dimensions=16, iterations=1, **parameters)


@cocotb.test()
async def error_responses(dut):
    """SLVERR to any read beat or to the write: sticky error, nothing written, next job right."""
    board = await begin(dut)
    job = small()
    beats = job.samples.size * 8 // TINY.data_width
    for beat in (0, 1, beats // 2, beats - 1):
        await board.describe(job)
        board.region.fail = {board.region.accesses + beat}
        await board.start()
        await board.wait()
        assert board.region.contents == job.memory(), "written after an error"
        await board.ended(f"error on read beat {beat}", job, read_slave=1)
    for beat in (0, 1):
        await board.describe(job)
        board.region.fail = {board.region.accesses + beats + beat}
        await board.start()
        await board.wait()
        await board.ended(f"error on write beat {beat}", job, write_slave=1)
    board.bench.finish()


@cocotb.test()
async def refusals(dut):
    """Every illegal number, and a start while busy: refused with its reason, memory untouched."""
    board = await begin(dut)
    job = small()
    illegal = [
        ("samples", 0, Refusal.SAMPLES),
        ("samples", 1, Refusal.SAMPLES),
        ("samples", TINY.samples + 1, Refusal.SAMPLES),
        ("samples", 1 << 31, Refusal.SAMPLES),
        ("sample_bytes", 0, Refusal.SAMPLE_BYTES),
        ("sample_bytes", TINY.dimensions + 1, Refusal.SAMPLE_BYTES),
        ("features", 0, Refusal.FEATURES),
        ("features", TINY.features + 1, Refusal.FEATURES),
        ("neighbours", 0, Refusal.NEIGHBOURS),
        ("neighbours", 9, Refusal.NEIGHBOURS),
        ("iterations", 1024, Refusal.ITERATIONS),
        ("rule", 3, Refusal.RULE),
        ("drop", 3, Refusal.DROP),
        ("spread", 257, Refusal.SPREAD),
        ("budget", 0, Refusal.BUDGET),
        ("budget", 10, Refusal.BUDGET),
        ("sample_address_low", SAMPLES + 4, Refusal.SAMPLE_ADDRESS),
        ("result_address_low", RESULT + 1, Refusal.RESULT_ADDRESS),
    ]
    await board.describe(job)
    for name, value, reason in illegal:
        await board.write(name, value)
        await board.start()
        await board.wait()
        assert (await board.fields("status"))["refusal"] == reason, name
        assert (await board.fields("errors"))["refused"] == 1
        await board.write("errors", (1 << 32) - 1)
        await board.write(name, job.registers()[name])
    assert board.region.accesses == 0
    await board.start()
    await board.bench.clock.edges(100)
    assert await board.write("samples", 5) == AxiResp.SLVERR, "a job's numbers are locked"
    await board.write("control", MAP["control"].encode(start=1))
    await board.bench.clock.edges(20)
    assert (await board.fields("status"))["refusal"] == Refusal.BUSY
    assert (await board.fields("errors"))["refused"] == 1
    while (await board.fields("status"))["busy"]:
        await board.bench.clock.edges(100)
    await board.write("errors", (1 << 32) - 1)
    got = np.frombuffer(board.region.at(RESULT, 4 * job.budget), "<u4")
    board.bench.compare("job refused a second start", got.tolist(), job.expected.chosen.tolist())
    board.bench.finish()


@cocotb.test()
async def aborts_and_resets(dut):
    """An abort, or a reset, at many times in every phase; the next job is right."""
    board = await begin(dut)
    job, phases = small(), set()
    for cycles in (1, 20, 60, 300, 900, 1500, 2100, 2700, 3300, 4000):
        await board.describe(job)
        await board.start()
        await board.bench.clock.edges(cycles)
        phase = (await board.fields("status"))["phase"]
        if phase == Phase.IDLE:
            break
        phases.add(phase)
        await board.write("control", MAP["control"].encode(abort=1))
        while await board.read("control"):
            await board.bench.clock.edges(10)
        await board.ended(f"abort after {cycles} cycles", job, aborted=1)
        await board.describe(job)
        await board.start()
        await board.bench.clock.edges(cycles)
        await board.fields("status")
        await board.reset()
        await board.run(f"after reset in cycle {cycles}", job)
    assert {Phase.REDUCE, Phase.AFFINITY, Phase.EMBED} <= phases, phases
    board.bench.finish()


def test_error_responses(top, seed):
    simulate(top, MODULE, "error_responses", seed=seed)


def test_refusals(top, seed):
    simulate(top, MODULE, "refusals", seed=seed)


@pytest.mark.slow
def test_aborts_and_resets(top, seed):
    simulate(top, MODULE, "aborts_and_resets", seed=seed)
