# SPDX-License-Identifier: Apache-2.0
"""One mutant after the other against the regression: the first thing that is wrong kills it."""

from pathlib import Path

from hw.config import Configuration
from verif.sim.register_bits import check_registers
from verif.sim.simulator import SimulationError
from verif.sim.top import AccessRefused, SimulatedPort
from verif.soak.bench import Bench
from verif.soak.gradient import PREFIX
from verif.soak.job import Mismatch

LIMIT = 60_000
"""Cycles a job may take without stalls: twice what the longest of the regression needs."""
ALIVE = ""
OWN_ROUNDS = 30
"""Rounds that only the mutated engine works in; then any."""


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
    except (Mismatch, SimulationError, AccessRefused) as error:
        return f"{type(error).__name__}: {error}"
    except (AssertionError, ValueError, KeyError, IndexError) as error:
        return f"trace or registers make no sense: {error}"  # of what the hardware gave
    return ALIVE
