# SPDX-License-Identifier: Apache-2.0
"""python -m verif.mutation.golden: the share of faults in the golden model that its tests tell."""

import argparse
import ast
import hashlib
import json
import os
import random
import sys
from collections import Counter
from dataclasses import asdict
from pathlib import Path

from rtl_gen.verilog import write_whole
from verif.mutation import process
from verif.mutation.equivalent import REASONS
from verif.mutation.source import Mutant, mutants, mutated
from verif.sim.build import build_root

REPOSITORY = Path(__file__).resolve().parents[2]
PARTS = {
    "arith": ("golden/arith/*.py",),
    "desne": ("golden/desne/*.py",),
    "sgmac": ("golden/sgmac/*.py",),
    "cycles": ("golden/cycles/*.py", "golden/sgmac/cycles.py", "golden/sgmac/waiting.py"),
}
DEFAULT_PARTS = ("arith", "desne", "sgmac")
"""Figures of the cycle models are those of the hardware, and tests of the hardware hold them: by
the golden tests alone, which know slopes and bounds, their score says little."""


def name_of(path: Path) -> str:
    """Of a module."""
    parts = path.relative_to(REPOSITORY).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def needs() -> dict[str, set[str]]:
    """For each module of golden, verif.golden and verif.vectors, all that it is made of."""
    files = [*REPOSITORY.glob("golden/**/*.py"), *REPOSITORY.glob("verif/golden/**/*.py")]
    files += REPOSITORY.glob("verif/vectors/*.py")
    known = {name_of(path): path for path in files}
    direct: dict[str, set[str]] = {}
    for name, path in known.items():
        found = set()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module:
                inner = {f"{node.module}.{alias.name}" for alias in node.names}
                found |= (inner & set(known)) or {node.module}
                if len(inner & set(known)) < len(inner):
                    found.add(node.module)
            elif isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
        direct[name] = found & set(known)
    whole = {}
    for name in known:
        reached, open_ends = {name}, [name]
        while open_ends:
            more = direct[open_ends.pop()] - reached
            reached |= more
            open_ends += more
        whole[name] = reached
    return whole


def files_of(part: str) -> list[Path]:
    """Its modules; a package's own file only names what others hold."""
    found = {path for pattern in PARTS[part] for path in REPOSITORY.glob(pattern)}
    if part == "sgmac":
        found -= set(files_of("cycles"))
    return sorted(path for path in found if path.name != "__init__.py")


def digest(folder: str) -> str:
    """Of all sources under it."""
    text = hashlib.sha256()
    for path in sorted((REPOSITORY / folder).rglob("*.py")):
        text.update(path.relative_to(REPOSITORY).as_posix().encode() + b"\0" + path.read_bytes())
    return text.hexdigest()


class Campaign:
    """A draw of mutants and what became of each, kept in a file after every one. Tests that change
    give survivors another chance; a golden model that changes begins anew."""

    def __init__(self, parts: tuple[str, ...], count: int, seed: int) -> None:
        everything = [
            mutant
            for part in parts
            for path in files_of(part)
            for mutant in mutants(path, path.relative_to(REPOSITORY).as_posix())
        ]
        self.all = len(everything)
        drawn = random.Random(seed).sample(everything, min(count, self.all))
        self.mutants = sorted(drawn, key=lambda mutant: (mutant.path, mutant.number))
        name = f"golden-{'-'.join(parts)}-{count}-{seed}-{digest('golden')[:12]}"
        self.folder = build_root() / "mutation" / name
        self.folder.mkdir(parents=True, exist_ok=True)
        self.file = self.folder / "result.json"
        self.judges: dict[str, dict[str, str]] = {}
        self.told: dict[str, str] = {}
        self.tests = digest("verif/golden")
        if self.file.exists():
            known = json.loads(self.file.read_text(encoding="utf-8"))
            self.told = known["told"]
            if known["tests"] == self.tests:
                self.judges = known["judges"]
            else:
                self.told = {key: reason for key, reason in self.told.items() if reason}
        self.needs = needs()

    def save(self) -> None:
        """Whole or not at all."""
        content = {"tests": self.tests, "judges": self.judges, "told": self.told}
        content["mutants"] = [asdict(mutant) for mutant in self.mutants]
        write_whole(self.file, json.dumps(content, indent=1))

    def attempt(self, mutant: Mutant) -> str:
        """The first test that tells, or "".

        A test tells if it fails with the mutant and passes without; one that takes too long with
        and without is left out. Tests of the module's own package come first.
        """
        path = REPOSITORY / mutant.path
        module = name_of(path)
        affected = {name for name, parts in self.needs.items() if module in parts}
        tree = mutated(path, mutant.number)
        report = self.folder / "report.json"
        judges = self.judges.setdefault(mutant.path, {})
        for tests in self.tests_of(path, affected):
            while True:
                slow = {test for test, judged in judges.items() if judged == "slow"}
                failed, _ = process.run(tests, slow, module, path, affected, tree, report)
                if not failed:
                    break
                if "::" in failed and failed not in judges:
                    without, hung = process.run([failed], (), module, path, affected, None, report)
                    if without and not hung:
                        raise SystemExit(
                            f"error: {without} fails without a mutant (build/mutation)"
                        )
                    judges[failed] = "slow" if hung else "good"
                if judges.get(failed) != "slow":
                    return failed
        return ""

    def tests_of(self, path: Path, affected: set[str]) -> list[list[str]]:
        """Files with tests of what depends on a module: those named like it and others of its
        package, then all others."""
        own: list[str] = []
        others: list[str] = []
        for name in affected:
            if name.rpartition(".")[2].startswith("test_"):
                near = f"verif.{name_of(path).rpartition('.')[0]}." in name
                file = name.replace(".", "/") + ".py"
                (own if near else others).append(file)
        first = f"test_{path.stem}"
        own.sort(key=lambda file: (not Path(file).stem.startswith(first), file))
        return [tests for tests in (own, sorted(others)) if tests]

    def run(self) -> None:
        """Every mutant that is not decided yet."""
        for number, mutant in enumerate(self.mutants, 1):
            key = f"{mutant.path}#{mutant.number}"
            if key in self.told:
                continue
            self.told[key] = self.attempt(mutant)
            self.save()
            print(f"{number}/{len(self.mutants)} {mutant} | {self.told[key] or 'SURVIVED'}",
                  file=sys.stderr)  # fmt: skip

    def report(self) -> str:
        """Score, by part and of all, survivors, and those known to be none."""
        counts: Counter[tuple[str, str]] = Counter()
        lines, excused = [], []
        for mutant in self.mutants:
            told = self.told.get(f"{mutant.path}#{mutant.number}")
            part = next(p for p in PARTS if REPOSITORY / mutant.path in files_of(p))
            reason = REASONS.get((mutant.path, mutant.text, f"{mutant.was} -> {mutant.becomes}"))
            if told is None:
                kind = "not run"
            elif told:
                kind = "killed"
            else:
                kind = "equivalent" if reason else "survived"
            counts[part, kind] += 1
            if kind == "survived":
                lines.append(f"  survivor {mutant}\n    in: {mutant.text}")
            elif kind == "equivalent":
                excused.append(f"  equivalent {mutant}\n    {reason}")
        parts = [part for part in PARTS if any(p == part for p, _ in counts)]
        head = []
        for name, chosen in [*((part, [part]) for part in parts), ("all", parts)]:
            killed, survived, equal, left = (
                sum(counts[part, kind] for part in chosen)
                for kind in ("killed", "survived", "equivalent", "not run")
            )
            score = f"{100 * killed / (killed + survived):.1f} %" if killed + survived else "none"
            head.append(f"{name}: {killed} killed, {survived} survive, {equal} equivalent, "
                        f"{left} not run; score {score}")  # fmt: skip
        slow = {test for known in self.judges.values() for test in known if known[test] == "slow"}
        head.append(f"{len(self.mutants)} of {self.all} mutants drawn; {len(slow)} tests left out "
                    f"for a module: over {process.SLOW:g} s as plain Python")  # fmt: skip
        return "\n".join([*head, *lines, *excused])


def main() -> int:
    """Changes one expression of the golden model at a time and runs its tests until one fails.
    Interrupted, it goes on where it was; survivors are run again when tests have changed."""
    program = "python -m verif.mutation.golden"
    parser = argparse.ArgumentParser(prog=program, description=main.__doc__)
    parser.add_argument("--part", choices=PARTS, action="append",
                        help=f"default: {', '.join(DEFAULT_PARTS)}")  # fmt: skip
    parser.add_argument("--mutants", type=int, default=100, help="to draw (default 100)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--report", action="store_true", help="only of what has been run")
    given = parser.parse_args()
    os.chdir(REPOSITORY)
    campaign = Campaign(tuple(given.part or DEFAULT_PARTS), given.mutants, given.seed)
    if not given.report:
        process.preload()
        campaign.run()
    print(campaign.report())
    print(f"  {Path(os.path.relpath(campaign.file))}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
