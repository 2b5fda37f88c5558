# SPDX-License-Identifier: Apache-2.0
"""The test plan (testplan.yaml): whether it is whole, and what the last regression says of it.

python -m verif.testplan
python -m verif.testplan --results build/regress/tests.xml --proofs build/formal/report.json
"""

import argparse
import ast
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from importlib import import_module
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import yaml
from rich.console import Console
from rich.table import Table

REPOSITORY = Path(__file__).resolve().parents[1]
PLAN = Path(__file__).with_suffix(".yaml")
STAGES = (1, 2, 3)
TEXTS = ("name", "feature", "stimulus", "check")
FIELDS = (*TEXTS, "stage", "tests", "proofs")
PROOF = "proof "
"""What stands before the name of a proof among functions of tests."""


class PlanError(ValueError):
    """The plan, or a file of results, cannot be used; the message is one sentence."""


@dataclass(frozen=True, kw_only=True)
class Point:
    """One testpoint.

    Attributes
    ----------
    name: unique. feature, stimulus, check: in words. stage: 1, 2 or 3 (see the head of the plan).
    tests: patterns of "file::function"; a file alone stands for all its functions. proofs: names.
    """

    name: str
    feature: str
    stimulus: str
    check: str
    stage: int
    tests: tuple[str, ...]
    proofs: tuple[str, ...]

    def covers(self, pattern: str, known: Iterable[str]) -> set[str]:
        """The functions that an entry of `tests` stands for."""
        whole = pattern if "::" in pattern else f"{pattern}::*"
        return {function for function in known if fnmatchcase(function, whole)}

    def functions(self, known: Iterable[str]) -> set[str]:
        """All tests and proofs (with PROOF before their names) of this testpoint."""
        tests = set().union(*(self.covers(pattern, known) for pattern in self.tests))
        return tests | {PROOF + name for name in self.proofs}


def load(path: Path = PLAN) -> list[Point]:
    """The testpoints of a plan; raises PlanError with the first one that is not complete."""
    try:
        content = yaml.safe_load(path.read_text())
    except yaml.YAMLError as error:
        raise PlanError(f"{path.name} is no YAML: {error}") from None
    if not isinstance(content, dict) or not isinstance(content.get("testpoints"), list):
        raise PlanError(f"{path.name} has no list 'testpoints'")
    points: list[Point] = []
    for number, entry in enumerate(content["testpoints"], 1):
        point = _point(entry, f"{path.name}, testpoint {number}")
        if point.name in {other.name for other in points}:
            raise PlanError(f"{path.name}: the name {point.name!r} is there twice")
        points.append(point)
    return points


def _point(entry: Any, where: str) -> Point:
    if not isinstance(entry, dict):
        raise PlanError(f"{where} is no mapping")
    where += f" ({entry.get('name', 'without a name')})"
    if unknown := sorted(set(entry) - set(FIELDS)):
        raise PlanError(f"{where} has the unknown field {unknown[0]!r}")
    for field in TEXTS:
        if not isinstance(entry.get(field), str) or not entry[field].strip():
            raise PlanError(f"{where} says nothing as {field!r}")
    if entry.get("stage") not in STAGES:
        raise PlanError(f"{where} has stage {entry.get('stage')!r}: it must be 1, 2 or 3")
    lists = {field: entry.get(field) or [] for field in ("tests", "proofs")}
    for field, names in lists.items():
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise PlanError(f"{where}: {field!r} is no list of names")
    texts = {field: " ".join(entry[field].split()) for field in TEXTS}
    return Point(
        **texts, stage=entry["stage"], tests=tuple(lists["tests"]), proofs=tuple(lists["proofs"])
    )


def faults(points: list[Point], functions: set[str], proofs: set[str]) -> Iterator[str]:
    """What keeps the plan from being whole, a sentence each."""
    covered: set[str] = set()
    for point in points:
        if not point.tests and not point.proofs:
            yield f"{point.name}: has neither tests nor proofs"
        for pattern in point.tests:
            if not (found := point.covers(pattern, functions)):
                yield f"{point.name}: there is no test {pattern}"
            covered |= found
        for name in point.proofs:
            if name not in proofs:
                yield f"{point.name}: there is no proof {name}"
    for function in sorted(functions - covered):
        yield f"{function}: stands in no testpoint"
    for name in sorted(proofs - {name for point in points for name in point.proofs}):
        yield f"proof {name}: stands in no testpoint"


def collected() -> set[str]:
    """Every test as file::function, as pytest finds them; some 30 seconds."""
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider"]
    found = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)
    if found.returncode:
        tail = "\n".join(found.stdout.splitlines()[-20:])
        raise PlanError(f"pytest cannot collect the tests:\n{tail}")
    lines = [line.partition("[")[0].strip() for line in found.stdout.splitlines()]
    return {line for line in lines if "::" in line and ".py::" in line}


def defined() -> set[str]:
    """The same from the sources alone, in a second; a test holds the two to each other."""
    found = set()
    for path in sorted((REPOSITORY / "verif").rglob("test_*.py")):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                found.add(f"{path.relative_to(REPOSITORY).as_posix()}::{node.name}")
    return found


def known_proofs() -> set[str]:
    """Names of all proofs of `make formal`."""
    from verif.formal.__main__ import MODULES
    from verif.formal.proof import PROOFS

    for module in MODULES:
        import_module(module)
    return set(PROOFS)


def read_results(paths: Iterable[Path]) -> dict[str, Counter[str]]:
    """How often each file::function passed, failed or was skipped, from JUnit XML files."""
    results: dict[str, Counter[str]] = {}
    for path in paths:
        try:
            cases = ElementTree.parse(path).getroot().iter("testcase")
        except (OSError, ElementTree.ParseError) as error:
            raise PlanError(f"{path} cannot be read as JUnit XML: {error}") from None
        for case in cases:
            place = case.get("classname", "").replace(".", "/") + ".py"
            function = f"{place}::{case.get('name', '').partition('[')[0]}"
            kinds = {child.tag for child in case}
            bad, skipped = kinds & {"failure", "error"}, "skipped" in kinds
            kind = "failed" if bad else "skipped" if skipped else "passed"
            results.setdefault(function, Counter())[kind] += 1
    return results


def read_proofs(path: Path) -> dict[str, Counter[str]]:
    """The same of proofs, from the report of `make formal`; the keys begin with PROOF."""
    try:
        rows = json.loads(path.read_text())
        return {
            PROOF + row["name"]: Counter(["passed" if row["good"] else "failed"]) for row in rows
        }
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise PlanError(f"{path} cannot be read as a report of proofs: {error!r}") from None


def verdict(functions: set[str], results: Mapping[str, Counter[str]]) -> tuple[str, Counter[str]]:
    """Of one testpoint: "FAILED", "not run", "part" (some did not run) or "passed"; the counts.

    A test that was skipped has not run, unless another case of the same function has.
    """
    counts: Counter[str] = Counter()
    ran = set()
    for function in functions:
        counts += results.get(function, Counter())
        if results.get(function, Counter())["passed"]:
            ran.add(function)
    if counts["failed"]:
        return "FAILED", counts
    if not ran:
        return "not run", counts
    return ("passed" if ran == functions else "part"), counts


def report(
    points: list[Point],
    functions: set[str],
    results: Mapping[str, Counter[str]],
    console: Console,
) -> int:
    """Prints the plan with the results of these functions, and what did not run or failed.

    Returns 1 if a test failed, or if results hold a test that no testpoint has; else 0.
    """
    known = functions | set(results)
    table = Table(title="Test plan")
    for heading in ("testpoint", "stage", "feature", "passed", "failed", "skipped", "verdict"):
        table.add_column(heading, overflow="fold")
    verdicts: Counter[str] = Counter()
    listed: set[str] = set()
    missing: list[str] = []
    for point in points:
        members = point.functions(known)
        listed |= members
        told, counts = verdict(members, results)
        verdicts[told] += 1
        numbers = (str(counts[kind]) for kind in ("passed", "failed", "skipped"))
        table.add_row(point.name, str(point.stage), point.feature, *numbers, told)
        if told != "passed":
            missing += [
                f"{told}: {point.name}: {function}"
                for function in sorted(members)
                if not results.get(function, Counter())["passed"] or results[function]["failed"]
            ]
    console.print(table, highlight=False)
    unlisted = sorted(set(results) - listed)
    for line in [*missing, *(f"in no testpoint: {function}" for function in unlisted)]:
        console.print(line, highlight=False, markup=False, soft_wrap=True)
    told = ", ".join(f"{count} {kind}" for kind, count in sorted(verdicts.items()))
    console.print(f"{len(points)} testpoints: {told}", highlight=False)
    return int(bool(verdicts["FAILED"] or unlisted))


def main(arguments: list[str] | None = None) -> int:
    """Checks the plan against the tests there are, or prints it with results."""
    parser = argparse.ArgumentParser(prog="python -m verif.testplan", description=main.__doc__)
    parser.add_argument("--plan", type=Path, default=PLAN, help="default: verif/testplan.yaml")
    parser.add_argument("--results", type=Path, nargs="+", help="JUnit XML files of pytest")
    parser.add_argument("--proofs", type=Path, help="report.json of make formal")
    given = parser.parse_args(arguments)
    try:
        points = load(given.plan)
        if given.results or given.proofs:
            results = read_results(given.results or ())
            if given.proofs:
                results |= read_proofs(given.proofs)
            functions = defined() if given.plan == PLAN else set()
            console = Console()
            console = console if console.is_terminal else Console(width=150)
            return report(points, functions, results, console)
        functions, proofs = collected(), known_proofs()
    except (OSError, PlanError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    wrong = list(faults(points, functions, proofs))
    print(*wrong, sep="\n", end="\n" if wrong else "")
    print(
        f"{len(points)} testpoints, {len(functions)} test functions, {len(proofs)} proofs, "
        f"{len(wrong)} faults"
    )
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
