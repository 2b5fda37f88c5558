# SPDX-License-Identifier: Apache-2.0
"""One mutant after the other against the regression: the first thing that is wrong kills it."""

from pathlib import Path

from hw.bus.register_map import Access
from hw.config import Configuration
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
            _registers(port)
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


def _registers(port: SimulatedPort) -> None:
    """Reset values, every bit of every register that keeps what is written."""
    for register in port.map:
        if register.access in (Access.CONSTANT, Access.READ_WRITE):
            expected = register.reset
            if register.name.startswith("parameter_"):
                expected = getattr(port.config, register.name.removeprefix("parameter_"))
            if port.read(register.offset) != expected:
                raise Mismatch(f"{register.name} is not {expected:#x} after reset")
    kept = [register for register in port.map if register.access is Access.READ_WRITE]
    for pattern in (0xFFFF_FFFF, 0x5555_5555, 0xAAAA_AAAA, 0):
        for turn, register in enumerate(kept):
            port.write(register.offset, (pattern ^ turn * 0x9E3779B1) & 0xFFFF_FFFF)
        for turn, register in enumerate(kept):
            mask = sum(field.mask for field in register.fields)
            if port.read(register.offset) != (pattern ^ turn * 0x9E3779B1) & mask:
                raise Mismatch(f"{register.name} does not keep what is written")
