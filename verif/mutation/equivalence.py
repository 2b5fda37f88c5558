# SPDX-License-Identifier: Apache-2.0
"""Is a mutant no fault at all? ABC proves that its module, or one around it, does the same."""

import subprocess
from importlib.util import find_spec
from pathlib import Path

from verif.mutation.netlist import Mutant, YosysError, run_yosys

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
    if _unchanged(base, folder, mutant):
        return module
    for _ in range(LEVELS):
        if "." not in module:
            return ""
        try:
            if _proved(base, folder, mutant, module, limit):
                return module
        except (subprocess.TimeoutExpired, YosysError):
            pass  # undecided: too long, or registers whose initial values contradict each other
        module = module.rsplit(".", 1)[0]
    return ""


def _unchanged(base: Path, folder: Path, mutant: Mutant) -> bool:
    """Whether the mutant forces a constant to what it is: the module is the same netlist then."""
    tidy = f"opt_expr {mutant.module}; opt_clean -purge {mutant.module}"
    script = [f"read_rtlil {base}; design -save base"]
    for name, change in (("gold", ""), ("gate", f"{mutant.command}; ")):
        script.append(f"design -load base; {change}{tidy}; dump -o {name}.il {mutant.module}")
    run_yosys(tuple("; ".join(script).split("; ")), folder, "unchanged.log")
    return (folder / "gold.il").read_bytes() == (folder / "gate.il").read_bytes()


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
    # scorr merges registers that are always equal: of two alike halves nearly all, often all
    command = "read_aiger miter.aig; fold; orpos; strash; scorr; strash; write_aiger merged.aig"
    ended = subprocess.run(
        [abc, "-c", f"{command}; pdr -T {limit}"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60 + 2 * limit,
    )
    (folder / "abc.log").write_text(ended.stdout + ended.stderr, encoding="utf-8")
    return _is_zero(folder / "merged.aig") or "Property proved." in ended.stdout


def _is_zero(aiger: Path) -> bool:
    """Whether every output is the constant 0 (a binary AIGER file: header, latches, outputs)."""
    lines = aiger.read_bytes().split(b"\n")
    latches, outputs = map(int, lines[0].split()[3:5])
    return outputs > 0 and set(lines[1 + latches : 1 + latches + outputs]) == {b"0"}
