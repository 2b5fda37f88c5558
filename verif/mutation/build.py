# SPDX-License-Identifier: Apache-2.0
"""The simulator of a netlist with mutants: built once for its Verilog and kept."""

import hashlib
from pathlib import Path

from verif.sim.build import WAIVERS, X_FLAGS, cached_build, run_tool, toolchain_key
from verif.sim.toolchain import find_verilator
from verif.sim.top_build import SOURCES

FLAGS = (
    *("--cc", "--exe", "-O3", *X_FLAGS, "-Wno-fatal", "-Wno-lint", "-Wno-style"),
    *("--output-split", "30000", "--output-split-cfuncs", "3000"),
)
MAKE = ("-j2", "OPT_FAST=-O1", "OPT_SLOW=-O0", "OPT_GLOBAL=-O1")


def build_mutated(verilog: Path, top: str) -> Path:
    """The program; minutes, then cached."""
    tool = find_verilator()
    text = verilog.read_bytes()
    sources = [hashlib.sha256(path.read_bytes()).hexdigest() for path in SOURCES]
    key = {"verilog": hashlib.sha256(text).hexdigest(), "flags": [*FLAGS, *MAKE], **toolchain_key()}

    def make(folder: Path) -> None:
        (folder / "block.v").write_bytes(text)
        names = ("--top-module", top, "--prefix", "Vtop", "-Mdir", folder)
        include = ("-CFLAGS", f"-I{SOURCES[0].parent} -DMUTANTS")
        command = [tool.path, *FLAGS, WAIVERS, *names, *include, "block.v", SOURCES[0]]
        run_tool(tool, command, folder, "verilator")
        run_tool(tool, ["make", *MAKE, "-f", "Vtop.mk"], folder, "make")

    return cached_build(f"mutated-{top}", key | {"sources": sources}, make) / "Vtop"
