# SPDX-License-Identifier: Apache-2.0
"""A gradient job of the compiled `tiny` accelerator is cut short in a given phase; the next one is
right."""

import numpy as np
import pytest

from golden.sgmac import run_job
from host.accelerator import MAP, JobFailed
from host.gradient_backends import first_difference
from host.gradient_driver import GradientDriver
from hw.config import PRESETS
from hw.sgmac.registers import GradientPhase
from verif.sim.top import SimulatedPort
from verif.vectors.sgmac import CASES, draw

pytestmark = pytest.mark.verilator

MEMORY = 0x7_0000_0F00
LIMIT = 100_000
READS = 10_000
"""Of the status; the job has ended long before."""


class Reset(Exception):
    """The job is no more."""


@pytest.mark.parametrize("how", ["abort", "reset"])
@pytest.mark.parametrize("phase", ["LIST", "COMPUTE", "BIAS"])
def test_an_end_in_each_phase(phase, how, seed, monkeypatch):
    """A memory that answers late holds each phase, so that a read of the status finds it."""
    status, control = MAP["gradient_status"], MAP["gradient_control"]
    rng = np.random.default_rng(seed)
    _, channels, sizes = CASES[9]
    job = *draw(rng, 1, sizes), np.array(channels), sizes
    with SimulatedPort(PRESETS["tiny"], seed=seed) as port:
        driver = GradientDriver(port, memory=MEMORY, timeout=LIMIT)
        finish = driver.finish_order

        def end():
            seen = (status.decode(port.read(status.offset))["phase"] for _ in range(READS))
            assert GradientPhase[phase] in seen, f"{phase} was not seen"
            if how == "reset":
                port.reset()
                raise Reset
            port.write(control.offset, control.encode(abort=1))
            finish()

        port.set_memory(latency=400)
        with monkeypatch.context() as patch:
            patch.setattr(driver, "finish_order", end)
            with pytest.raises(Reset if how == "reset" else JobFailed):
                driver.run_job(*job)
        port.step(2000)
        assert port.activity(1).under_way == 0
        driver = GradientDriver(port, memory=MEMORY, timeout=LIMIT)
        got, _ = driver.run_job(*job)
    assert not first_difference(got, run_job(*job))
