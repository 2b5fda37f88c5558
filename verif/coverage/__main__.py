# SPDX-License-Identifier: Apache-2.0
"""Runs tests with coverage, and reports what they reached: `make coverage`."""

import argparse
import os
import shutil
import subprocess
import sys
from collections import Counter
from itertools import groupby
from pathlib import Path

from rtl_gen.verilog import write_whole
from verif.coverage import VARIABLE, code, folder, functional
from verif.coverage.model import FLOOR

TOPS = [
    "verif/cocotb/test_top.py",
    "verif/cocotb/test_top_ends.py",
    "verif/cocotb/test_gradient.py",
    "verif/cocotb/test_channel_choice.py",
]
COMPILED = [
    "verif/sim/test_top.py",
    "verif/sim/test_channel_choice.py",
    "verif/sim/test_gradient_cycles.py::test_tiny",
    "verif/sim/test_gradient_ends.py",
    "verif/soak/test_soak.py::test_many_rounds",
]
"""Tests of the whole accelerator of preset tiny; the first in cocotb, at a share of the speed."""


def run(kind: str, tests: list[str], workers: int) -> bool:
    """Whether these tests passed; what was collected before is dropped."""
    shutil.rmtree(folder(kind), ignore_errors=True)
    command = [sys.executable, "-m", "pytest", "-q", "-n", str(workers), "--dist", "worksteal"]
    return not subprocess.run([*command, *tests], env={**os.environ, VARIABLE: kind}).returncode


def report_functional() -> bool:
    """Prints points and what was not hit; whether enough of the bins have their hits."""
    paths = sorted(folder("functional").glob("hits-*.yaml"))
    bins = list(functional.merged(paths, folder("functional") / "merged.yaml"))
    print("| cover point | bins | hit | not hit |")
    print("|---|---|---|---|")
    for point, members in groupby(bins, key=lambda b: b.point):
        members = list(members)
        few = [f"{b.name} ({b.hits} of {b.least})" for b in members if not b.good]
        good = sum(b.hits >= b.least for b in members)
        print(f"| {point} | {len(members)} | {good} | {'; '.join(few)} |")
    for b in bins:
        if b.reason:
            print(f"needs no hit: {b.point}, {b.name}: {b.reason}")
    reachable = [b for b in bins if not b.reason]
    good = sum(b.good for b in reachable)
    share = f"{100 * good / len(reachable):.1f} %"
    print(f"functional coverage: {good} of {len(reachable)} bins, {share}; {len(paths)} processes")
    if good < FLOOR * len(reachable):
        print(f"that is below the {100 * FLOOR:.0f} % that a regression must reach")
        return False
    return True


def report_code(depth: int, out: Path) -> bool:
    """Prints the shares of each block; what was missed goes to a file. Whether each is enough."""
    counts = code.merge(sorted(folder("code").glob("*.dat.gz")))
    if not counts:
        print("no code coverage was collected: see python -m verif.coverage --help")
        return False
    exclusions = code.load_exclusions()
    good = True
    for top in sorted({place.module.partition(".")[0] for place in counts}):
        own = Counter({p: n for p, n in counts.items() if p.module.partition(".")[0] == top})
        shares, unused = code.by_block(own, exclusions, depth)
        print(f"{top}:")
        print(*code.table(shares), sep="\n")
        for exclusion in unused:
            print(f"needed by no point: exclusion {exclusion.kind} {exclusion.module}")
        for sentence in code.short(shares):
            print(sentence)
            good = False
    write_whole(out, "\n".join(code.missed(counts, exclusions)) + "\n")
    print(f"what was missed: {out}")
    return good


def main() -> int:
    """Reports what was collected; with --run, collects it first."""
    parser = argparse.ArgumentParser(prog="python -m verif.coverage", description=main.__doc__)
    parser.add_argument("--run", action="store_true", help="run the tests of the whole accelerator")
    parser.add_argument("--kind", choices=("functional", "code", "both"), default="both")
    parser.add_argument("--workers", type=int, default=1, help="tests at a time (default: 1)")
    parser.add_argument("--depth", type=int, default=3, help="levels of blocks told apart")
    given = parser.parse_args()
    good = True
    if given.kind in ("functional", "both"):
        if given.run:
            good &= run("functional", [*TOPS, *COMPILED], given.workers)
        good &= report_functional()
    if given.kind in ("code", "both"):
        if given.run:
            good &= run("code", COMPILED, given.workers)
        good &= report_code(given.depth, folder("code") / "missed.txt")
    return int(not good)


if __name__ == "__main__":
    sys.exit(main())
