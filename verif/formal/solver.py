# SPDX-License-Identifier: Apache-2.0
"""A model to an and-inverter graph with Yosys, and that to a verdict with ABC.

Both come with the wheel pyosys (extra `formal`), native and in one piece, so nothing else need be
installed: ABC's property directed reachability (pdr) proves for runs of any length, by an inductive
invariant that it finds and checks, and its bounded model checker (bmc3) up to a depth.
"""

import json
import re
import resource
import subprocess
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from scripts.synth import native_yosys

__all__ = ["FormalError", "Verdict", "decide"]

SCRIPT = (
    "read_rtlil model.il",
    "hierarchy -top top -check",
    "proc",
    "{inner}",
    "flatten",
    # only what reset defines is defined; the checks' own flag waits for the first reset
    "setattr -unset init w:* w:*out_of_reset* %d",
    "delete t:$print",
    "dump -o checks.txt t:$check",
    "opt_clean",
    "memory_collect",
    "setparam -set INIT 1'x t:$mem_v2 r:WR_PORTS>0 %i",
    "memory_nordff",
    "async2sync",
    "chformal -lower",
    "opt -full",
    "techmap",
    "opt -fast",
    "memory_map -formal",
    "formalff -clk2ff",
    "dffunmap",
    "simplemap",
    "opt_clean",
    "setundef -undriven -anyseq",
    "write_rtlil netlist.il",
    "aigmap",
    "opt_clean",
    "write_aiger -I -B -zinit -no-startoffset -map model.aim -ywmap model.json model.aig",
)
REPLAY = (
    "read_rtlil netlist.il",
    "sim -q -clock clk -r trace.aiw -map model.aim -vcd trace.vcd",
)


class FormalError(RuntimeError):
    """A tool is missing or failed; the message says which and where the rest is."""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What came of a model.

    Attributes
    ----------
    result: "proved" (for runs of any length), "held" (for `depth` cycles), "refuted" (in cycle
    `depth`) or "undecided". depth: cycles; of a proof the cycles it looked ahead. clauses: of the
    invariant. claim: the one refuted. seconds: that the solver computed.
    """

    result: str
    depth: int
    seconds: float
    clauses: int = 0
    claim: str = ""


def decide(
    rtlil: str, folder: Path, depth: int | None, limit: int, inner_checks: bool = True
) -> Verdict:
    """Whether every claim of the model holds.

    Parameters
    ----------
    rtlil: the model, see Bench.rtlil. folder: gets all files; a refuted model's trace.vcd too.
    depth: cycles to look at, or None for a proof. limit: seconds for the solver. inner_checks: the
    block's own checks are claims too.

    Raises
    ------
    FormalError: a tool is missing or failed.
    """
    if find_spec("pyosys") is None:
        raise FormalError("pyosys is not installed; install it: pip install -e .[formal]")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.il").write_text(rtlil, encoding="utf-8")
    inner = "" if inner_checks else "delete top.*/t:$check"
    script = tuple(command.format(inner=inner) for command in SCRIPT)
    _yosys(script, folder, "yosys.log")
    method = f"bmc3 -F {depth} -T {limit}" if depth else f"pdr -s -f -T {limit}"
    began = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    answer = _abc(
        f"read_aiger model.aig; fold; strash; {method}; write_cex -a trace.aiw", folder, limit
    )
    seconds = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - began
    if found := re.search(r"Output (\d+) of miter \"\S*\" was asserted in frame (\d+)", answer):
        claim = _claims(folder)[int(found[1])]
        return Verdict(result="refuted", depth=int(found[2]), seconds=seconds, claim=claim)
    if "Property proved." in answer:
        # a model whose claims are constants after clean-up needs no invariant
        found = re.search(r"Invariant F\[(\d+)\] : (\d+) clauses", answer)
        if found and "Verification of invariant with" not in answer:
            raise FormalError(f"ABC found an invariant and did not verify it (see {folder})")
        frames, clauses = (int(found[1]), int(found[2])) if found else (0, 0)
        return Verdict(result="proved", depth=frames, seconds=seconds, clauses=clauses)
    if found := re.search(r"No output asserted in (\d+) frames", answer):
        reached = int(found[1])
        result = "held" if depth and reached >= depth else "undecided"
        return Verdict(result=result, depth=reached, seconds=seconds)
    if "undecided" in answer.lower() or "timeout" in answer.lower():
        return Verdict(result="undecided", depth=0, seconds=seconds)
    raise FormalError(f"ABC gave no verdict (see {folder / 'abc.log'})")


def replay(folder: Path) -> Path:
    """The wave of a refuted model, for a viewer."""
    _yosys(REPLAY, folder, "replay.log")
    return folder / "trace.vcd"


def _yosys(commands: tuple[str, ...], folder: Path, log: str) -> None:
    command = [sys.executable, str(Path(native_yosys.__file__)), "-q", "-p", "; ".join(commands)]
    ended = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    (folder / log).write_text(ended.stdout + ended.stderr, encoding="utf-8")
    if ended.returncode:
        raise FormalError(f"Yosys failed (see {folder / log})")


def _abc(script: str, folder: Path, limit: int) -> str:
    specification = find_spec("pyosys")
    assert specification and specification.origin
    command = [str(Path(specification.origin).with_name("yosys-abc")), "-c", script]
    ended = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=60 + 2 * limit
    )
    text = ended.stdout + ended.stderr
    (folder / "abc.log").write_text(text, encoding="utf-8")
    if ended.returncode:
        raise FormalError(f"ABC ended with status {ended.returncode} (see {folder / 'abc.log'})")
    return text


def _claims(folder: Path) -> list[str]:
    """The message of each claim, in the order of the model's outputs."""
    text = (folder / "checks.txt").read_text(encoding="utf-8")
    messages = dict(re.findall(r'cell \$check (\S+)\n(?:.*\n)*?\s*parameter \\FORMAT "(.*)"', text))
    ports = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    return [messages.get(path[-1], str(path)) for path in ports["asserts"]]
