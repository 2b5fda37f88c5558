# SPDX-License-Identifier: Apache-2.0
"""python -m verif.soak: thousands of random jobs with faults, and what came of them."""

import argparse
import sys
import time

from hw.config import PRESETS
from verif.coverage import functional
from verif.sim.simulator import SimulationError
from verif.sim.top import AccessRefused, SimulatedPort
from verif.soak.bench import Bench
from verif.soak.job import Mismatch
from verif.soak.tally import FAULTS, Tally


def main() -> int:
    """Runs jobs back to back; exit status 1 at the first mismatch, with the way to see it again."""
    parser = argparse.ArgumentParser(prog="python -m verif.soak", description=main.__doc__)
    parser.add_argument("--jobs", type=int, default=1000, help="at least so many (default 1000)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--preset", choices=[n for n, c in PRESETS.items() if c.outputs],
                        default="tiny")  # fmt: skip
    parser.add_argument("--first", type=int, default=0, metavar="ROUND",
                        help="begin with this round, after a reset")  # fmt: skip
    arguments = parser.parse_args()
    config, seed = PRESETS[arguments.preset], arguments.seed
    with SimulatedPort(config, seed=seed) as port:
        bench = Bench(port, config, seed)
        number, began, told = arguments.first, time.monotonic(), 0
        while bench.tally.jobs < arguments.jobs:
            try:
                bench.round(number)
            except (Mismatch, SimulationError, AccessRefused) as error:
                jobs = "\n  ".join(job.what for job in bench.jobs)
                print(f"round {number}: {error}\n  {jobs}\nmismatches: 1")
                again = f"python -m verif.soak --seed {seed} --preset {config.name} --jobs"
                print(f"again: {again} 1 --first {number}")
                print(f"or with all before it: {again} {bench.tally.jobs}")
                return 1
            number += 1
            if bench.tally.jobs - told >= 500:
                told = bench.tally.jobs
                print(f"{told} jobs, {time.monotonic() - began:.0f} s", file=sys.stderr)
    functional.save()
    print(report(bench.tally, seed, config.name))
    return 0


def report(tally: Tally, seed: int, preset: str) -> str:
    """The figures, a line each."""
    faults = ", ".join(f"{name} {tally.faults[name]}" for name in FAULTS)
    return (
        f"preset {preset}, seed {seed}: {tally.jobs} jobs in {tally.rounds} rounds, "
        f"{tally.both} rounds with both engines at work; {tally.cycles:,} cycles\n"
        f"ended well: {tally.good}, each exact; {tally.next_exact} of them right after a fault\n"
        f"ended early: {tally.early}\n"
        f"faults that took effect: {tally.faults.total()} ({faults})\n"
        f"compared: {tally.memory_bytes:,} bytes of memory, {tally.values:,} other values\n"
        "mismatches: 0"
    )


if __name__ == "__main__":
    sys.exit(main())
