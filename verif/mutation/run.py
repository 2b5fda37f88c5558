# SPDX-License-Identifier: Apache-2.0
"""One mutant after the other against the regression: the first thing that is wrong kills it."""

from pathlib import Path

import numpy as np

from host.accelerator import DriverError
from hw.config import Configuration
from verif.sim.directed import DIRECTED
from verif.sim.gradient_jobs import TimedDriver
from verif.sim.register_bits import check_registers
from verif.sim.simulator import SimulationError
from verif.sim.top import AccessRefused, SimulatedPort
from verif.soak.bench import Bench
from verif.soak.gradient import PREFIX
from verif.soak.job import Mismatch
from verif.vectors.sgmac import CASES, draw, draw_update

LIMIT = 60_000
"""Cycles a job may take without stalls: twice what the longest of the regression needs."""
ALIVE = ""
OWN_ROUNDS = 400
"""Rounds that only the mutated engine works in; then any."""
MEMORY = 0x7_0000_0F00
TIMED = (3, 4, 8, 9, 11, 30)
"""Of the cases of the gradient unit, those whose cycles are compared."""


def regression(config: Configuration, program: Path, mutant: int, engine: str, rounds: int) -> str:
    """What told that mutant `mutant` is none of the hardware, or ALIVE. Mutant 0 is the hardware
    itself."""
    try:
        with SimulatedPort(config, seed=1, program=program) as port:
            port.tell(f"mutant {mutant}")
            port.reset()
            check_registers(port)
            own = (PREFIX,) if engine == "gradient" else ("",)
            bench = Bench(port, config, seed=1, limit=LIMIT, engines=own)
            for number in range(rounds):
                if number == OWN_ROUNDS:
                    bench.engines = ("", PREFIX)
                bench.round(number)
            _further(port, config, engine)
    except (Mismatch, SimulationError, AccessRefused, DriverError) as error:
        return f"{type(error).__name__}: {error}"
    except (AssertionError, ValueError, KeyError, IndexError) as error:
        return f"trace or registers make no sense: {error}"  # of what the hardware gave
    return ALIVE


def _further(port: SimulatedPort, config: Configuration, engine: str) -> None:
    """Jobs with a memory that answers at once, whose cycles are those of golden's model, then the
    directed ones of both engines: registers and the memory port belong to both."""
    port.set_memory()
    if engine == "gradient":
        driver, rng = TimedDriver(port, memory=MEMORY, timeout=LIMIT), np.random.default_rng(1)
        for number in TIMED:
            images, channels, sizes = CASES[number]
            x, error = draw(rng, images, sizes)
            driver.run_job(x, error, np.array(channels), sizes, draw_update(rng, sizes, "nearest"))
        driver.check_cycles(config)
    for job in DIRECTED.values():
        job(port)
