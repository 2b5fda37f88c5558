# SPDX-License-Identifier: Apache-2.0
"""The accelerator as a netlist of words, and one that holds many mutants, chosen by a register."""

import re
import subprocess
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from amaranth.back import rtlil
from amaranth.hdl import Signal, Value

from hw.config import Configuration
from rtl_gen.verilog import top_name
from scripts.synth import native_yosys
from verif.sim.top_build import Simulated

SELECT_WIDTH = 12
SELECT = "mutsel"
ENGINES = ("desne", "gradient")

CLEAN = (
    "proc",
    # the blocks' own checks are no part of the hardware, and are not to help
    "delete t:$check t:$print",
    "opt_expr",
    "opt_merge",
    "opt_clean",
)
"""What is constant or unread inside of a module goes, as in any synthesis: nothing could see it."""


class YosysError(RuntimeError):
    """Yosys is missing or failed; the message says where the rest is."""


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """number: by which it is chosen, from 1. mode: what is done to the bit of the cell's port.

    command: of Yosys, without -ctrl. module, cell, port, src: where.
    """

    number: int
    mode: str
    module: str
    cell: str
    port: str
    src: str
    command: str


class Mutable(Simulated):
    """The accelerator with a register `mutsel`, which follows the input `mutant`."""

    def __init__(self, config: Configuration) -> None:
        super().__init__(config)
        self.mutant = Signal(SELECT_WIDTH, name="mutant")

    def elaborate(self, platform):
        m = super().elaborate(platform)
        select = Signal(SELECT_WIDTH, name=SELECT, reset_less=True, attrs={"keep": 1})
        m.d.sync += select.eq(self.mutant)
        return m


def run_yosys(commands: tuple[str, ...], folder: Path, log: str, limit: int = 3600) -> str:
    """What Yosys printed; raises YosysError."""
    if find_spec("pyosys") is None:
        raise YosysError("pyosys is not installed; install it: pip install -e .[formal]")
    script = "; ".join(commands)
    command = [sys.executable, str(Path(native_yosys.__file__)), "-p", script]
    ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=limit)
    (folder / log).write_text(ended.stdout + ended.stderr, encoding="utf-8")
    if ended.returncode:
        raise YosysError(f"Yosys failed (see {folder / log})")
    return ended.stdout


def write_base(config: Configuration, folder: Path) -> str:
    """base.il, the netlist that is mutated; returns the name of its top module."""
    top = top_name(config, "simulated")
    dut = Mutable(config)
    ports = [Value.cast(value) for _, _, value in dut.signature.flatten(dut)]
    text = rtlil.convert(dut, name=top, ports=[*ports, dut.mutant])
    (folder / "model.il").write_text(text, encoding="utf-8")
    run_yosys(
        ("read_rtlil model.il", f"hierarchy -top {top} -check", *CLEAN, "write_rtlil base.il"),
        folder,
        "base.log",
    )
    return top


def draw(folder: Path, engine: str, count: int, seed: int, top: str) -> list[Mutant]:
    """`count` mutants of the engine, spread evenly over modules, cells and bits by Yosys.

    gradient: everything in the sparse-gradient unit. desne: all the rest, with registers, arbiters
    and masters.
    """
    unit = f"{top}.top.gradient*"
    selection = unit if engine == "gradient" else f"{top}.* {unit} %d"
    selection += " t:$meminit* %d"  # initial contents are no input of anything
    lines = f"mutate -list {count} -seed {seed} -o mutants.txt {selection}"
    run_yosys(("read_rtlil base.il", lines), folder, "draw.log")
    text = (folder / "mutants.txt").read_text(encoding="utf-8")
    return [_parse(n, line) for n, line in enumerate(text.splitlines(), 1)]


def _parse(number: int, line: str) -> Mutant:
    def option(name: str) -> str:
        found = re.search(rf"-{name} (\S+)", line)
        return found[1].lstrip("\\") if found else ""

    return Mutant(
        number=number,
        mode=option("mode"),
        module=option("module"),
        cell=option("cell"),
        port=f"{option('port')}[{option('portbit')}]",
        src=option("src"),
        command=line.strip(),
    )


def write_mutated(folder: Path, mutants: list[Mutant]) -> None:
    """mutated.v: all of them, each at work while `mutsel` is its number."""
    script = ["read_rtlil base.il"]
    for mutant in mutants:
        ctrl = f"mutate -ctrl {SELECT} {SELECT_WIDTH} {mutant.number} "
        script.append(mutant.command.replace("mutate ", ctrl, 1))
    script.append("write_verilog -noattr mutated.v")
    (folder / "mutate.ys").write_text("\n".join(script), encoding="utf-8")
    run_yosys(("script mutate.ys",), folder, "mutate.log")
