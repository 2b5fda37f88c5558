# SPDX-License-Identifier: Apache-2.0
"""Verilog to a placed and routed ECP5: Yosys once, nextpnr once a seed, nothing done twice."""

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path

from rtl_gen.verilog import Block
from scripts.synth.figures import ReportError, cells_in, clock_mhz
from scripts.synth.tools import SynthesisError, Tool
from verif.sim.build import cached_build

DEVICE = "LFE5U-85F, speed grade 6"
DEVICE_OPTIONS = ("--85k", "--speed", "6", "--package", "CABGA756")
HARNESS = "harness"
ATTEMPTS = 3
"""Yosys as WebAssembly now and then ends without a message where the next run succeeds."""

SCRIPT = (
    "read_verilog -sv block.v harness.v",
    "read_verilog -lib +/lattice/cells_bb_ecp5.v",
    f"hierarchy -check -top {HARNESS}",
    "proc",
    "delete t:$print t:$check",  # of simulation alone
    f"synth_lattice -family ecp5 -top {HARNESS} -json netlist.json",
    "tee -q -o cells.json stat -json",
)
"""What Yosys runs; multiplications become DSP blocks, memories block RAM or LUT RAM."""


def harness(block: Block) -> str:
    """Verilog around a block that puts its clock on the global network, as on a real device.

    The block is placed out of context (its ports are no pins), where nextpnr leaves the clock to
    the general routing unless a clock buffer drives it.
    """
    entry = block.entry
    ports = [(name, port["direction"], port["width"]) for name, port in entry["ports"].items()]
    names = [name for name, _, _ in ports]
    clock, reset = entry["clock"], entry["reset"]
    ports += [(name, "in", 1) for name in (clock, reset) if name and name not in names]
    if not clock:
        raise SynthesisError(f"{block.top} has no clock, so there is no frequency to find")
    declared = ", ".join(
        f"{direction}put [{width - 1}:0] {name}" for name, direction, width in ports if width
    )
    connected = ", ".join(
        f".{name}({'buffered_clock' if name == clock else name})"
        for name, _, width in ports
        if width
    )
    return (
        f"module {HARNESS}({declared});\n"
        "wire buffered_clock;\n"
        f"DCCA clock_buffer(.CLKI({clock}), .CE(1'b1), .CLKO(buffered_clock));\n"
        f"{block.top} dut({connected});\n"
        "endmodule\n"
    )


def synthesize(tool: Tool, block: Block) -> Path:
    """Folder with netlist.json and cells.json (Yosys's statistics) of the block."""
    files = {"block.v": block.verilog, "harness.v": harness(block)}
    key = {"files": files, "script": SCRIPT, "yosys": tool.version}

    def make(folder: Path) -> None:
        for name, text in files.items():
            (folder / name).write_text(text, encoding="utf-8")
        log = folder / "yosys.log"
        for _ in range(ATTEMPTS):
            command = [tool.path, "-p", "; ".join(SCRIPT)]
            if _run(command, folder, log) == 0 and cells_in(folder / "cells.json"):
                return
        raise SynthesisError(f"Yosys failed {ATTEMPTS} times on {block.top}: {_last(log)}")

    return cached_build(f"synth-{block.top}", key, make)


def place(tool: Tool, block: Block, netlist: Path, seed: int, target_mhz: float) -> Path:
    """nextpnr's report on the netlist, placed and routed with this seed for this frequency."""
    options = (*DEVICE_OPTIONS, "--out-of-context", "--timing-allow-fail")
    options += ("--freq", f"{target_mhz:g}", "--seed", str(seed))
    key = {"netlist": netlist.parent.name, "options": options, "nextpnr": tool.version}

    def make(folder: Path) -> None:
        log, report = folder / "nextpnr.log", folder / "report.json"
        command = [tool.path, *options, "--json", netlist, "--report", report.name]
        if _run(command, folder, log):
            raise SynthesisError(f"nextpnr failed on {block.top}, seed {seed}: {_last(log)}")
        try:
            clock_mhz(json.loads(report.read_text(encoding="utf-8")))
        except (OSError, ReportError, json.JSONDecodeError) as error:
            raise SynthesisError(f"{block.top}, seed {seed}: {error} (see {log})") from error

    return cached_build(f"place-{block.top}", key, make) / "report.json"


def _run(command: Sequence[str | Path], folder: Path, log: Path) -> int:
    with log.open("w", encoding="utf-8") as file:
        return subprocess.run(
            command, cwd=folder, stdout=file, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL
        ).returncode


def _last(log: Path) -> str:
    """The line that tells what went wrong, and where the rest is."""
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    errors = [line for line in lines if "ERROR" in line]
    return f"{(errors or lines or ['it printed nothing'])[-1].strip()} (see {log})"
