# SPDX-License-Identifier: Apache-2.0
"""python -m verif.mutation: the share of hardware faults that the regression tells."""

import argparse
import dataclasses
import json
import os
import sys
from pathlib import Path

from hw.config import PRESETS
from rtl_gen.verilog import write_whole
from verif.mutation.argued import argued
from verif.mutation.build import build_mutated
from verif.mutation.equivalence import equivalent
from verif.mutation.netlist import (
    ENGINES,
    Mutant,
    YosysError,
    draw,
    write_base,
    write_mutated,
)
from verif.mutation.run import ALIVE, regression
from verif.sim.build import build_root
from verif.sim.top_build import SOURCES_OF_VERILOG

CONFIG = PRESETS["tiny"]


class Campaign:
    """The mutants of one engine, and what is known of each; kept in a file after every one."""

    def __init__(self, engine: str, count: int, seed: int) -> None:
        self.engine = engine
        name = f"{engine}-{count}-{seed}-{SOURCES_OF_VERILOG[:12]}"
        self.folder = build_root() / "mutation" / name
        self.folder.mkdir(parents=True, exist_ok=True)
        self.file = self.folder / "result.json"
        if self.file.exists():
            known = json.loads(self.file.read_text(encoding="utf-8"))
            self.top = known["top"]
            self.mutants = [Mutant(**mutant) for mutant in known["mutants"]]
            self.killed: dict[str, str] = known["killed"]
            self.survived: list[int] = known["survived"]
            self.equivalent: dict[str, str] = known["equivalent"]
            self.undecided: list[int] = known["undecided"]
        else:
            self.top = write_base(CONFIG, self.folder)
            self.mutants = draw(self.folder, engine, count, seed, self.top)
            self.killed, self.survived, self.equivalent, self.undecided = {}, [], {}, []
            write_mutated(self.folder, self.mutants)
            self.save()

    def save(self) -> None:
        """Whole or not at all."""
        content = {
            "engine": self.engine,
            "top": self.top,
            "killed": self.killed,
            "survived": self.survived,
            "equivalent": self.equivalent,
            "undecided": self.undecided,
            "mutants": [dataclasses.asdict(mutant) for mutant in self.mutants],
        }
        write_whole(self.file, json.dumps(content, indent=1))

    def run(self, rounds: int) -> None:
        """Every mutant that is not decided yet against the regression."""
        program = build_mutated(self.folder / "mutated.v", self.top)
        if reason := regression(CONFIG, program, 0, self.engine, rounds):
            raise SystemExit(f"error: the hardware without a mutant fails: {reason}")
        for mutant in self.mutants:
            if str(mutant.number) in self.killed or mutant.number in self.survived:
                continue
            reason = regression(CONFIG, program, mutant.number, self.engine, rounds)
            if reason == ALIVE:
                self.survived.append(mutant.number)
            else:
                self.killed[str(mutant.number)] = reason[:200]
            self.save()
            print(f"{mutant.number}/{len(self.mutants)} {reason[:90] or 'SURVIVED'}",
                  file=sys.stderr)  # fmt: skip

    def prove(self, limit: int) -> None:
        """Which survivors are no faults."""
        for mutant in self.mutants:
            number = mutant.number
            if number not in self.survived or str(number) in self.equivalent:
                continue
            if number in self.undecided:
                continue
            module = equivalent(
                self.folder / "base.il", self.folder / f"proof-{number}", mutant, limit
            )
            if module:
                self.equivalent[str(number)] = module
            else:
                self.undecided.append(number)
            self.save()

    def report(self) -> str:
        """Scores, survivors, and why some of them are no faults."""
        reasons = argued(self.engine)
        left, excused = [], []
        for mutant in self.mutants:
            if mutant.number not in self.survived or str(mutant.number) in self.equivalent:
                continue
            module = mutant.module.removeprefix(f"{self.top}.")
            place = f"{mutant.mode} {module} {mutant.cell} {mutant.port}"
            where = f"hw/{mutant.src.split('/hw/')[-1]}"
            if reason := reasons.get(place):
                excused.append(f"  no fault {mutant.number}: {place} {where}\n    {reason}")
            else:
                left.append(f"  survivor {mutant.number}: {place} {where}")
        killed, done = len(self.killed), len(self.killed) + len(self.survived)
        faults = done - len(self.equivalent)
        head = (
            f"{self.engine}: {done} of {len(self.mutants)} mutants run, {killed} killed, "
            f"{len(self.equivalent)} proved equivalent, {faults - killed} survive; "
            f"score {_percent(killed, faults)}. By argument {len(excused)} are no faults: "
            f"without them {_percent(killed, faults - len(excused))}"
        )
        return "\n".join([head, *left, *excused])


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "none"


def main() -> int:
    """Puts mutants into the tiny accelerator, runs the regression on each, proves survivors
    equivalent where ABC can, and prints the score. Interrupted, it goes on where it was."""
    parser = argparse.ArgumentParser(prog="python -m verif.mutation", description=main.__doc__)
    parser.add_argument("--engine", choices=ENGINES, action="append", help="default: both")
    parser.add_argument("--mutants", type=int, default=320, help="of each engine (default 320)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=500, help="of the soak (default 500)")
    parser.add_argument("--limit", type=int, default=30, help="seconds a proof (default 30)")
    parser.add_argument("--no-proofs", action="store_true")
    arguments = parser.parse_args()
    for engine in arguments.engine or ENGINES:
        try:
            campaign = Campaign(engine, arguments.mutants, arguments.seed)
            campaign.run(arguments.rounds)
            if not arguments.no_proofs:
                campaign.prove(arguments.limit)
        except YosysError as error:
            print(f"error: {error}", file=sys.stderr)
            return 2
        print(campaign.report())
        print(f"  {Path(os.path.relpath(campaign.file))}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
