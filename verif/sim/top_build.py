# SPDX-License-Identifier: Apache-2.0
"""The compiled simulator of the whole accelerator: Verilog, model and driver, each kept by hash."""

import hashlib
import json
import shutil
from dataclasses import fields
from pathlib import Path
from typing import Any

from amaranth.hdl import ClockDomain, ClockSignal, DomainRenamer, Module, ResetSignal, Signal
from amaranth.lib import wiring

from hw.config import Configuration
from hw.top import Top
from rtl_gen.verilog import Block, generate, top_name
from verif.coverage import enabled
from verif.sim.build import build_folder, cached_build, run_tool, toolchain_key
from verif.sim.simulator import VERILATOR_FLAGS
from verif.sim.toolchain import find_verilator

SOURCES = [Path(__file__).with_name(name) for name in ("top.cpp", "axi_memory.h")]
REPOSITORY = Path(__file__).resolve().parents[2]
OPTIMISATION = "-O1" if enabled("code") else "-O2"
"""Models that count are twice as large."""
MAKE_FLAGS = ("-j2", f"OPT_FAST={OPTIMISATION}", "OPT_SLOW=-O0", "OPT_GLOBAL=-O2")
AS_IT_IS = {"dirs_exist_ok": True, "copy_function": shutil.copy2}
"""With their times, so that make builds nothing again."""


def _sources() -> str:
    """Hash of everything that decides about the Verilog."""
    digest = hashlib.sha256()
    files = [path for folder in ("hw", "rtl_gen") for path in (REPOSITORY / folder).rglob("*.py")]
    for path in [*sorted(files), Path(__file__).resolve()]:
        digest.update(str(path.relative_to(REPOSITORY)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


SOURCES_OF_VERILOG = _sources()
"""Taken when the sources are imported: what is generated later comes from these."""


class Simulated(wiring.Component):
    """The accelerator with its reset a cycle late.

    All logic that a reset reaches hangs on an input otherwise, and Verilator computes what hangs on
    inputs three times a cycle.

    Members
    -------
    those of Top, with the trace port.
    """

    def __init__(self, config: Configuration) -> None:
        self.top = Top(config, trace=True)
        super().__init__(self.top.signature)

    def elaborate(self, platform):
        m = Module()
        m.domains.inner = inner = ClockDomain(local=True)
        reset = Signal(init=1, reset_less=True)
        m.d.sync += reset.eq(ResetSignal())
        m.d.comb += [inner.clk.eq(ClockSignal()), inner.rst.eq(reset)]
        m.submodules.top = DomainRenamer("inner")(self.top)
        for name in self.signature.members:
            if name in ("irq", "observed"):
                m.d.comb += getattr(self, name).eq(getattr(self.top, name))
            else:
                wires, inside = wiring.flipped(getattr(self, name)), getattr(self.top, name)
                wiring.connect(m, wires, inside)
        return m


def generate_top(config: Configuration) -> Block:
    """The accelerator with its trace port; generated once for these sources and configuration."""

    def make(folder: Path) -> None:
        block = generate(Simulated(config), top_name(config, "simulated"), wrong_collisions=True)
        (folder / "block.v").write_text(block.verilog)
        (folder / "entry.json").write_text(json.dumps({"top": block.top, "entry": block.entry}))

    folder = cached_build(*_verilog(config), make)
    known = json.loads((folder / "entry.json").read_text())
    return Block(verilog=(folder / "block.v").read_text(), **known)


def _verilog(config: Configuration) -> tuple[str, dict[str, Any]]:
    """Name and key of the build that holds the generated Verilog."""
    sizes = {field.name: getattr(config, field.name) for field in fields(config)}
    key = {"sources": SOURCES_OF_VERILOG, "configuration": sizes}
    return f"verilog-{config.name}-simulated", key


def build_top(block: Block) -> Path:
    """The compiled simulator of `generate_top`'s block; minutes for a large one, then cached.

    The model is compiled apart from what drives it, so that it stays when only that changes.
    """
    tool = find_verilator()

    def make_model(folder: Path) -> None:
        (folder / "block.v").write_text(block.verilog)
        names = ("--top-module", block.top, "--prefix", "Vtop", "-Mdir", folder)
        include = ("-CFLAGS", f"-I{SOURCES[0].parent}")
        command = [tool.path, *VERILATOR_FLAGS, *names, *include, "block.v", SOURCES[0]]
        run_tool(tool, command, folder, "verilator")
        objects = ("Vtop__ALL.a", "verilated.o", "verilated_threads.o")
        run_tool(tool, ["make", *MAKE_FLAGS, "-f", "Vtop.mk", *objects], folder, "make")

    def make(folder: Path) -> None:
        copied = cached_build(f"model-{block.top}", model, make_model)
        # without its mark: a simulator is done when it is made, even if the making is cut off here
        shutil.copytree(copied, folder, ignore=shutil.ignore_patterns("done"), **AS_IT_IS)
        run_tool(tool, ["make", *MAKE_FLAGS, "-f", "Vtop.mk"], folder, "make")

    model = _model(block)
    return cached_build(*_simulator(block), make) / "Vtop"


def is_built(config: Configuration) -> bool:
    """Whether the compiled simulator is there, so that a SimulatedPort starts at once."""
    if not (build_folder(*_verilog(config)) / "done").exists():
        return False
    return (build_folder(*_simulator(generate_top(config))) / "done").exists()


def _model(block: Block) -> dict[str, Any]:
    flags = [*VERILATOR_FLAGS, *MAKE_FLAGS]
    return {"verilog": block.sha256, "flags": flags, **toolchain_key()}


def _simulator(block: Block) -> tuple[str, dict[str, Any]]:
    """Name and key of the build that holds the compiled simulator."""
    sources = [hashlib.sha256(path.read_bytes()).hexdigest() for path in SOURCES]
    return block.top, {**_model(block), "sources": sources}
