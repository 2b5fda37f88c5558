# SPDX-License-Identifier: Apache-2.0
"""Verilog to a placed and routed ECP5: Yosys once, nextpnr once a seed, nothing done twice."""

import hashlib
import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from rtl_gen.verilog import Block
from scripts.synth import harness
from scripts.synth.figures import ReportError, cells_in, clock_mhz
from scripts.synth.tools import SynthesisError, Tool
from verif.sim.build import cached_build

DEVICE = "LFE5U-85F, speed grade 6"
DEVICE_OPTIONS = ("--85k", "--speed", "6", "--package", "CABGA756")
SCRIPT = (
    "read_verilog -sv block.v",
    "hierarchy -check -top {top}",
    "proc",
    "delete t:$print t:$check",  # of simulation alone
    "synth_lattice -family ecp5 -top {top} -json netlist.json",
    "tee -q -o cells.json stat -json",
)
"""What Yosys runs; multiplications become DSP blocks, memories block RAM or LUT RAM."""
SQUARED_CELLS = 46_340
"""nextpnr 0.11.1 squares the number of cells in 32 bits for its limit of attempts to place a cell;
with more cells that overflows, and it would give up soon. Yosys counts more than nextpnr places."""
LARGE = ("--placer-heap-cell-placement-timeout", "0", "--router", "router2")
"""For designs with more cells: no limit, and the router that gets to an end with as many wires."""


def synthesize(tool: Tool, block: Block) -> Path:
    """Folder with cells.json (Yosys's statistics of the block) and netlist.json (the block between
    registers, see between_registers).
    """
    key = {
        "verilog": hashlib.sha256(block.verilog.encode()).hexdigest(),
        "script": SCRIPT,
        "yosys": tool.version,
        "harness": Path(harness.__file__).read_text(encoding="utf-8"),
    }

    def make(folder: Path) -> None:
        (folder / "block.v").write_text(block.verilog, encoding="utf-8")
        log = folder / "yosys.log"
        command = [*tool.command, "-q", "-p", "; ".join(SCRIPT).format(top=block.top)]
        if _run(command, folder, log) or not cells_in(folder / "cells.json"):
            raise SynthesisError(f"Yosys failed on {block.top}: {_last(log)}")
        netlist = folder / "netlist.json"
        document = json.loads(netlist.read_text(encoding="utf-8"))
        harnessed = harness.between_registers(document, block.top)
        netlist.write_text(json.dumps(harnessed), encoding="utf-8")

    return cached_build(f"synth-{block.top}", key, make)


def place(tool: Tool, block: Block, netlist: Path, seed: int, target_mhz: float) -> Path:
    """nextpnr's report on the netlist, placed and routed with this seed for this frequency."""
    options = (*DEVICE_OPTIONS, "--lpf-allow-unconstrained", "--timing-allow-fail")
    options += ("--freq", f"{target_mhz:g}", "--seed", str(seed))
    if sum(cells_in(netlist.parent / "cells.json").values()) > SQUARED_CELLS:
        options += LARGE
    key = {"netlist": netlist.parent.name, "options": options, "nextpnr": tool.version}

    def make(folder: Path) -> None:
        log, report = folder / "nextpnr.log", folder / "report.json"
        # relative: the WebAssembly build has a /tmp of its own
        near = os.path.relpath(netlist, folder)
        command = [*tool.command, *options, "--json", near, "--report", report.name]
        if _run(command, folder, log):
            raise SynthesisError(f"nextpnr failed on {block.top}, seed {seed}: {_last(log)}")
        try:
            clock_mhz(json.loads(report.read_text(encoding="utf-8")))
        except (OSError, ReportError, json.JSONDecodeError) as error:
            raise SynthesisError(f"{block.top}, seed {seed}: {error} (see {log})") from error

    return cached_build(f"place-{block.top}", key, make) / "report.json"


def _run(command: Sequence[str | Path], folder: Path, log: Path) -> int:
    with log.open("w", encoding="utf-8") as file:
        status = subprocess.run(
            command, cwd=folder, stdout=file, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL
        ).returncode
    if status < 0:
        raise SynthesisError(f"{Path(command[0]).name} was ended by signal {-status} (see {log})")
    return status


def _last(log: Path) -> str:
    """The line that tells what went wrong, and where the rest is."""
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    errors = [line for line in lines if "ERROR" in line]
    return f"{(errors or lines or ['it printed nothing'])[-1].strip()} (see {log})"
