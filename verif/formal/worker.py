# SPDX-License-Identifier: Apache-2.0
"""One proof, or its broken variant, in a process of its own; prints the verdict as JSON."""

import argparse
import dataclasses
import json
from importlib import import_module
from pathlib import Path

from verif.formal.broken import Broken, install

MODULES = ("queues", "streams")
"""Modules of verif.formal that hold proofs."""


def main() -> None:
    """Runs what the arguments say."""
    parser = argparse.ArgumentParser(prog="verif.formal.worker", description=main.__doc__)
    parser.add_argument("name")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--depth", type=int, default=0, help="cycles; 0: all")
    parser.add_argument("--broken", nargs=3, metavar=("MODULE", "OLD", "NEW"))
    arguments = parser.parse_args()
    if arguments.broken:
        install(Broken(*arguments.broken))
    for module in MODULES:
        import_module(f"verif.formal.{module}")
    from verif.formal.proof import PROOFS
    from verif.formal.solver import decide

    proof = PROOFS[arguments.name]
    bench = proof.bench()
    depth = arguments.depth or (None if bench.window is None else bench.window + 1)
    verdict = decide(bench.rtlil(), arguments.folder, depth, proof.limit, bench.inner_checks)
    if bench.window is not None and verdict.result == "held":
        verdict = dataclasses.replace(verdict, result="proved")
    print(json.dumps(dataclasses.asdict(verdict)))


if __name__ == "__main__":
    main()
