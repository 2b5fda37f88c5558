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
from typing import Any

from rich.console import Console
from rich.table import Table

from rtl_gen.verilog import write_whole
from verif.formal.broken import Broken
from verif.formal.proof import PROOFS, Proof
from verif.formal.solver import FormalError, Verdict, replay

FOLDER = Path("build/formal")
MODULES = [
    f"verif.formal.{name}"
    for name in ("queues", "streams", "arithmetic", "buses", "registers", "arbiters")
]
"""Those that hold proofs."""
WIDTH = 150
"""Columns of the table in a file."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """A proof's verdict and those of its broken variants."""

    proof: Proof
    verdict: Verdict
    variants: tuple[Verdict, ...]

    @property
    def good(self) -> bool:
        """The claims hold, and of no variant."""
        holds = self.verdict.result in ("proved", "held")
        return holds and all(variant.result == "refuted" for variant in self.variants)

    def row(self) -> dict[str, Any]:
        """For the table and the report."""
        proof, verdict = self.proof, self.verdict
        return {
            "name": proof.name,
            "block": proof.block,
            "property": proof.claim,
            "method": verdict.method,
            "depth": f"{verdict.depth} cycles" if proof.depth else "any",
            "invariant": verdict.clauses,
            "result": verdict.result + (f": {verdict.claim}" if verdict.claim else ""),
            "seconds": round(verdict.seconds, 1),
            "variants": [
                {
                    "module": broken.module,
                    "patch": str(broken),
                    "result": variant.result,
                    "cycle": variant.depth,
                    "claim": variant.claim,
                }
                for broken, variant in zip(proof.broken, self.variants, strict=True)
            ],
            "good": self.good,
        }


def decide_apart(proof: Proof, folder: Path, broken: Broken | None = None) -> Verdict:
    """The verdict on the proof, or on a broken variant, from a process of its own."""
    command = [sys.executable, "-m", "verif.formal.worker"]
    command += [proof.build.__module__, proof.name, str(folder)]
    command += ["--depth", str(proof.depth or 0)]
    if broken:
        command += ["--broken", broken.module, broken.old, broken.new]
    ended = subprocess.run(command, capture_output=True, text=True)
    if ended.returncode:
        last = (ended.stderr.strip().splitlines() or ["it printed nothing"])[-1]
        raise FormalError(f"{proof.name}{' (broken)' if broken else ''}: {last}")
    return Verdict(**json.loads(ended.stdout.splitlines()[-1]))


def run(proof: Proof, folder: Path = FOLDER) -> Outcome:
    """Decides the proof, then its variants; files go to a folder of its name."""
    here = folder / proof.name
    places = [("proof", None), *((f"broken_{n}", b) for n, b in enumerate(proof.broken))]
    verdicts = []
    for name, broken in places:
        try:
            verdicts.append(decide_apart(proof, here / name, broken))
        except FormalError as error:
            verdicts.append(Verdict(result="error", depth=0, seconds=0, claim=str(error)))
    if verdicts[0].result == "refuted":
        replay(here / "proof")
    return Outcome(proof=proof, verdict=verdicts[0], variants=tuple(verdicts[1:]))


def run_all(proofs: list[Proof], workers: int, console: Console) -> Iterator[Outcome]:
    """Outcomes in the order of the proofs, each told of as it comes."""
    with ThreadPoolExecutor(workers) as pool:
        futures = [pool.submit(run, proof) for proof in proofs]
        try:
            for number, future in enumerate(futures, 1):
                outcome = future.result()
                if console.is_terminal:
                    print(f"{number}/{len(proofs)} {outcome.proof.name}")
                yield outcome
        finally:
            for future in futures:
                future.cancel()


def as_table(rows: list[dict[str, Any]]) -> Table:
    """What was proved and what was refuted, for a terminal."""
    table = Table(title="Proofs, each with broken variants that must be refuted")
    for heading in ("block", "property", "method", "depth", "result", "s", "variants"):
        table.add_column(heading, overflow="fold")
    for row in rows:
        told = [
            f"{variant['patch']}\n  {variant['result']} in cycle {variant['cycle']}: "
            f"{variant['claim']}"
            for variant in row["variants"]
        ]
        table.add_row(
            *(str(row[key]) for key in ("block", "property", "method", "depth", "result")),
            str(row["seconds"]),
            "\n".join(told),
        )
    return table


def markdown(rows: list[dict[str, Any]]) -> Iterator[str]:
    """The same for a document."""
    yield "| block | property | method | depth | result | variants refuted |"
    yield "|---|---|---|---|---|---|"
    for row in rows:
        refuted = sum(variant["result"] == "refuted" for variant in row["variants"])
        cells = [row[key] for key in ("block", "property", "method", "depth", "result")]
        yield f"| {' | '.join(cells)} | {refuted} of {len(row['variants'])} |"


def main() -> int:
    """Runs the proofs; status 1 if one fails, or a broken variant is not refuted."""
    parser = argparse.ArgumentParser(prog="python -m verif.formal", description=main.__doc__)
    parser.add_argument("names", nargs="*", help="proofs to run (default: all)")
    parser.add_argument("--workers", type=int, default=1, help="proofs at a time (default: 1)")
    parser.add_argument(
        "--markdown", action="store_true", help="the table as docs/formal.md has it"
    )
    parser.add_argument("--list", action="store_true", help="only list their names")
    arguments = parser.parse_args()
    for module in MODULES:
        import_module(module)
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
    if arguments.markdown:
        print(*markdown(rows), sep="\n")
    else:
        console.print(as_table(rows), highlight=False)
    bad = [outcome for outcome in outcomes if not outcome.good]
    for outcome in bad:
        here = FOLDER / outcome.proof.name
        if outcome.verdict.result not in ("proved", "held"):
            print(f"FAILED {outcome.proof.name}: {outcome.row()['result']} (see {here / 'proof'})")
        for broken, variant in zip(outcome.proof.broken, outcome.variants, strict=True):
            if variant.result != "refuted":
                told = f"{variant.result}: {variant.claim}" if variant.claim else variant.result
                print(f"NOT REFUTED {outcome.proof.name}: {broken}: {told} (see {here})")
    print(f"{len(rows) - len(bad)} of {len(rows)} proofs hold with their variants refuted")
    return bool(bad)


if __name__ == "__main__":
    sys.exit(main())
