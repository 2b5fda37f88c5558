# SPDX-License-Identifier: Apache-2.0
"""Every proof and its broken variant, as a table: `make formal`."""

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from rich.console import Console
from rich.table import Table

from rtl_gen.verilog import write_whole
from verif.formal.proof import PROOFS, Proof
from verif.formal.solver import FormalError, Verdict, replay
from verif.formal.worker import MODULES

FOLDER = Path("build/formal")
WIDTH = 150
"""Columns of the table in a file."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """A proof's verdict and that of its broken variant."""

    proof: Proof
    verdict: Verdict
    variant: Verdict

    @property
    def good(self) -> bool:
        """The claims hold, and the variant does not pass for them."""
        return self.verdict.result in ("proved", "held") and self.variant.result == "refuted"

    def row(self) -> dict[str, object]:
        """For the table and the report."""
        proof, verdict, variant = self.proof, self.verdict, self.variant
        return {
            "name": proof.name,
            "block": proof.block,
            "property": proof.claim,
            "method": proof.method,
            "depth": f"{verdict.depth} cycles" if proof.depth else "any",
            "invariant": verdict.clauses,
            "result": verdict.result + (f": {verdict.claim}" if verdict.claim else ""),
            "seconds": round(verdict.seconds, 1),
            "variant": f"{proof.broken.module}: {proof.broken}",
            "variant_result": variant.result,
            "variant_claim": variant.claim,
            "variant_cycle": variant.depth,
            "good": self.good,
        }


def decide_apart(proof: Proof, folder: Path, broken: bool) -> Verdict:
    """The verdict, from a process of its own."""
    command = [sys.executable, "-m", "verif.formal.worker", proof.name, str(folder)]
    command += ["--depth", str(proof.depth or 0)]
    if broken:
        command += ["--broken", proof.broken.module, proof.broken.old, proof.broken.new]
    ended = subprocess.run(command, capture_output=True, text=True)
    if ended.returncode:
        last = (ended.stderr.strip().splitlines() or ["it printed nothing"])[-1]
        raise FormalError(f"{proof.name}{' (broken)' if broken else ''}: {last}")
    return Verdict(**json.loads(ended.stdout.splitlines()[-1]))


def run(proof: Proof, folder: Path = FOLDER) -> Outcome:
    """Decides the proof, then its variant; files go to a folder of its name."""
    verdict = decide_apart(proof, folder / proof.name / "proof", broken=False)
    if verdict.result == "refuted":
        replay(folder / proof.name / "proof")
    variant = decide_apart(proof, folder / proof.name / "broken", broken=True)
    return Outcome(proof=proof, verdict=verdict, variant=variant)


def run_all(proofs: list[Proof], workers: int, console: Console) -> Iterator[Outcome]:
    """Outcomes in the order of the proofs, each told of as it comes."""
    with ThreadPoolExecutor(workers) as pool:
        for number, outcome in enumerate(pool.map(run, proofs), 1):
            if console.is_terminal:
                console.print(f"{number}/{len(proofs)} {outcome.proof.name}", highlight=False)
            yield outcome


def main() -> int:
    """Runs the proofs; status 1 if one fails, or a broken variant is not refuted."""
    parser = argparse.ArgumentParser(prog="python -m verif.formal", description=main.__doc__)
    parser.add_argument("names", nargs="*", help="proofs to run (default: all)")
    parser.add_argument("--workers", type=int, default=1, help="proofs at a time (default: 1)")
    parser.add_argument("--list", action="store_true", help="only list their names")
    arguments = parser.parse_args()
    for module in MODULES:
        import_module(f"verif.formal.{module}")
    if arguments.list:
        print(*PROOFS, sep="\n")
        return 0
    if unknown := [name for name in arguments.names if name not in PROOFS]:
        parser.error(f"there is no proof {unknown[0]}; --list names them")
    chosen = [PROOFS[name] for name in arguments.names or PROOFS]
    console = Console()
    if not console.is_terminal:
        console = Console(width=WIDTH)
    try:
        outcomes = list(run_all(chosen, arguments.workers, console))
    except FormalError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    rows = [outcome.row() for outcome in outcomes]
    write_whole(FOLDER / "report.json", json.dumps(rows, indent=1) + "\n")
    table = Table(title="Proofs, each with a broken variant that must be refuted")
    for heading in ("block", "property", "method", "depth", "result", "s", "variant refuted"):
        table.add_column(heading, overflow="fold")
    for row in rows:
        told = f"{row['variant']}\n{row['variant_result']} in cycle {row['variant_cycle']}"
        told += f": {row['variant_claim']}" if row["variant_claim"] else ""
        table.add_row(
            *(str(row[key]) for key in ("block", "property", "method", "depth", "result")),
            str(row["seconds"]),
            told,
        )
    console.print(table, highlight=False)
    bad = [outcome for outcome in outcomes if not outcome.good]
    for outcome in bad:
        here = FOLDER / outcome.proof.name
        if outcome.verdict.result not in ("proved", "held"):
            print(f"FAILED {outcome.proof.name}: {outcome.row()['result']} (see {here / 'proof'})")
        else:
            print(f"NOT REFUTED {outcome.proof.name}: {outcome.proof.broken} (see {here})")
    print(f"{len(rows) - len(bad)} of {len(rows)} proofs hold with their variants refuted")
    return bool(bad)


if __name__ == "__main__":
    sys.exit(main())
