# SPDX-License-Identifier: Apache-2.0
"""How gradient jobs of the compiled `tiny` accelerator end: cut short in each of their phases, and
in a phase of a selection; all that follows is right."""

import numpy as np
import pytest

from golden.sgmac import run_job
from golden.sgmac.schedule import window_channels
from host.accelerator import MAP, PAGE, JobFailed
from host.driver import Driver
from host.gradient_backends import first_difference
from host.gradient_driver import GradientDriver
from hw.config import PRESETS
from hw.registers import Phase
from hw.sgmac.registers import GradientPhase
from verif.sim.jobs import random_tile
from verif.sim.top import SimulatedPort
from verif.vectors.sgmac import CASES, draw

pytestmark = pytest.mark.verilator

MEMORY = 0x7_0000_0F00
LIMIT = 100_000
LATENCY = 400
STATUS, GRADIENT_STATUS = MAP["status"], MAP["gradient_status"]
READS = 10_000
"""Of the status; the job has ended long before."""


class Reset(Exception):
    """The job is no more."""


@pytest.mark.parametrize("how", ["abort", "reset"])
@pytest.mark.parametrize("phase", ["LIST", "COMPUTE", "BIAS"])
def test_an_end_in_each_phase(phase, how, seed, monkeypatch):
    """A memory that answers late holds each phase, so that a read of the status finds it."""
    control = MAP["gradient_control"]
    rng = np.random.default_rng(seed)
    _, channels, sizes = CASES[9]
    job = *draw(rng, 1, sizes), np.array(channels), sizes
    with SimulatedPort(PRESETS["tiny"], seed=seed) as port:
        driver = GradientDriver(port, memory=MEMORY, timeout=LIMIT)
        finish = driver.finish_order

        def end():
            reads = (port.read(GRADIENT_STATUS.offset) for _ in range(READS))
            seen = (GRADIENT_STATUS.decode(word)["phase"] for word in reads)
            assert GradientPhase[phase] in seen, f"{phase} was not seen"
            if how == "reset":
                port.reset()
                raise Reset
            port.write(control.offset, control.encode(abort=1))
            finish()

        port.set_memory(latency=LATENCY)
        with monkeypatch.context() as patch:
            patch.setattr(driver, "finish_order", end)
            with pytest.raises(Reset if how == "reset" else JobFailed):
                driver.run_job(*job)
        port.step(2000)
        assert port.activity(1).under_way == 0
        driver = GradientDriver(port, memory=MEMORY, timeout=LIMIT)
        got, _ = driver.run_job(*job)
    assert not first_difference(got, run_job(*job))


def started(port, register) -> None:
    """The engine with this status was just started, and tells of the new job."""
    state = register.decode(port.read(register.offset))
    assert state["busy"] and not state["done"], f"{register.name} tells of the job before"


def wait_for(port, register) -> int:
    """Until the engine with this status is done; the phase the selection was seen in."""
    for _ in range(READS):
        phase = STATUS.decode(port.read(STATUS.offset))["phase"]
        if not register.decode(port.read(register.offset))["busy"]:
            return phase
    raise AssertionError(f"{register.name}: still busy")


def test_a_window_is_written_while_a_selection_writes_its_result(seed):
    """Both engines wait for the memory's last answer; the unit's comes first."""
    rng = np.random.default_rng(seed)
    tile = random_tile(seed, 20, 64, budget=7, iterations=1)
    order = rng.permutation(16)
    window = window_channels(order, 6, 13, 10)
    with SimulatedPort(PRESETS["tiny"], seed=seed, latency=LATENCY) as port:
        driver = Driver(port, memory=MEMORY, timeout=LIMIT)
        tile.run(driver)
        writing = driver.counters()["cycles"] - LATENCY  # the result's only burst was sent by then
        unit = GradientDriver(port, memory=2 * MEMORY, timeout=LIMIT)
        unit.schedule(order, window=6, pool=13, place=10)
        head_start = unit.counters()["cycles"] - LATENCY // 2
        results = {MEMORY + PAGE: tile.expected.chosen, 2 * MEMORY: window}
        for address, indices in results.items():
            port.write_memory(address, bytes(4 * len(indices)))
        driver.start_order()  # the registers still hold both jobs
        started(port, STATUS)
        port.step(writing - head_start)
        unit.start_order()
        started(port, GRADIENT_STATUS)
        assert wait_for(port, GRADIENT_STATUS) == Phase.WRITE
        wait_for(port, STATUS)
        for address, indices in results.items():
            content = port.read_memory(address, 4 * len(indices))
            assert np.frombuffer(content, "<u4").tolist() == indices.tolist()


@pytest.mark.parametrize("engine", ["selection", "gradient"])
def test_an_abort_right_behind_a_start_ends_the_job(engine, seed):
    """While its numbers are checked, too, and while the engine still clears what an early end left
    there."""
    rng = np.random.default_rng(seed)
    order, tile = rng.permutation(16), random_tile(seed, 20, 64, budget=7, iterations=1)
    with SimulatedPort(PRESETS["tiny"], seed=seed, latency=10) as port:
        if engine == "selection":
            driver, master = Driver(port, memory=MEMORY, timeout=LIMIT), 0
            result, expected = MEMORY + PAGE, tile.expected.chosen
            tile.run(driver)
        else:
            driver, master = GradientDriver(port, memory=MEMORY, timeout=LIMIT), 1
            result, expected = MEMORY, window_channels(order, 6, 13, 10)
            driver.schedule(order, window=6, pool=13, place=10)
        nothing = bytes(4 * len(expected))
        for after in range(40):
            port.write_memory(result, nothing)
            driver.start_order()
            port.step(after)
            driver.abort()
            with pytest.raises(JobFailed, match="aborted"):
                driver.finish_order()
            assert port.activity(master).write_bursts == 0
            assert port.read_memory(result, len(nothing)) == nothing
        driver.start_order()
        driver.finish_order()
        content = port.read_memory(result, len(nothing))
    assert np.frombuffer(content, "<u4").tolist() == expected.tolist()
