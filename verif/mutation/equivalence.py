# SPDX-License-Identifier: Apache-2.0
"""Is a mutant no fault at all? ABC proves that its module, or one around it, does the same."""

import subprocess
from importlib.util import find_spec
from pathlib import Path

from verif.mutation.netlist import Mutant, run_yosys

LEVELS = 3
"""The module itself, then those around it: what no instance is ever given shows only there."""

PREPARE = (
    "hierarchy -top miter",
    "flatten",
    "opt_clean",
    "memory_collect",
    "memory_nordff",
    "async2sync",
    "chformal -lower",
    "techmap",
    "opt_expr",
    "opt_clean",
    "memory_map -formal",
    "formalff -clk2ff",
    "dffunmap",
    "simplemap",
    "opt_clean",
    "setundef -undriven -zero",
    "aigmap",
    "opt_clean",
    "write_aiger -I -B -zinit -no-startoffset miter.aig",
)


def equivalent(base: Path, folder: Path, mutant: Mutant, limit: int) -> str:
    """The module that was proved to do the same with and without the mutant, for all inputs from
    reset on; empty if none of LEVELS was, in `limit` seconds each."""
    folder.mkdir(parents=True, exist_ok=True)
    module = mutant.module
    for _ in range(LEVELS):
        if "." not in module:
            return ""
        try:
            if _proved(base, folder, mutant, module, limit):
                return module
        except subprocess.TimeoutExpired:
            pass
        module = module.rsplit(".", 1)[0]
    return ""


def _proved(base: Path, folder: Path, mutant: Mutant, module: str, limit: int) -> bool:
    half = f"hierarchy -top {module}; flatten; opt_clean; rename {module}"
    script = [
        f"read_rtlil {base}; design -save base",
        f"{half} gold; design -stash gold",
        "design -load base",
        mutant.command,
        f"{half} gate; design -stash gate",
        "design -copy-from gold -as gold gold; design -copy-from gate -as gate gate",
        "miter -equiv -make_assert -flatten gold gate miter",
        *PREPARE,
    ]
    run_yosys(tuple("; ".join(script).split("; ")), folder, "equivalence.log", 60 + 4 * limit)
    specification = find_spec("pyosys")
    assert specification and specification.origin
    abc = str(Path(specification.origin).with_name("yosys-abc"))
    # scorr merges registers that are always equal: of two alike halves nearly all
    command = f"read_aiger miter.aig; fold; strash; scorr; strash; pdr -T {limit}"
    ended = subprocess.run(
        [abc, "-c", command], cwd=folder, capture_output=True, text=True, timeout=60 + 2 * limit
    )
    (folder / "abc.log").write_text(ended.stdout + ended.stderr, encoding="utf-8")
    return "Property proved." in ended.stdout
