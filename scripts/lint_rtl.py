# SPDX-License-Identifier: Apache-2.0
"""`python -m scripts.lint_rtl`: what second tools say about the generated Verilog of a preset."""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from hw.config import PRESETS, load
from rtl_gen.blocks import BLOCKS, generate_block
from rtl_gen.verilog import Block
from scripts.synth import tools
from verif.sim.build import WAIVERS, BuildError, run_tool
from verif.sim.toolchain import ToolchainError, find_verilator


class LintError(RuntimeError):
    """A tool found something, or failed; the message ends with what it printed."""


def verilator(verilog: str, top: str) -> None:
    """Verilator's lint with all warnings but those of verif/sim/waivers.vlt.

    Raises LintError, with every warning; ToolchainError if there is no Verilator.
    """
    tool = find_verilator()
    with tempfile.TemporaryDirectory(prefix="nms-") as name:
        folder = Path(name)
        (folder / f"{top}.v").write_text(verilog, encoding="utf-8")
        options = ("--lint-only", "-Wall", "--top-module", top)
        try:
            run_tool(tool, [tool.path, *options, WAIVERS, f"{top}.v"], folder, "verilator")
        except BuildError:
            raise LintError((folder / "verilator.log").read_text(encoding="utf-8")) from None


def yosys(verilog: str, top: str) -> str:
    """Yosys's `check -assert`: no loop, no net with several drivers or none; returns the version.

    Raises LintError, with what is wrong; SynthesisError if there is no Yosys. The one that comes
    with Amaranth cannot: it has neither `read_verilog` nor `check`.
    """
    tool = tools.find("yosys")
    script = f"read_verilog -sv top.v; hierarchy -check -top {top}; proc; check -assert"
    with tempfile.TemporaryDirectory(prefix="nms-") as folder:
        Path(folder, "top.v").write_text(verilog, encoding="utf-8")
        finished = subprocess.run(
            [*tool.command, "-p", script],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
    if finished.returncode:
        lines = finished.stdout.splitlines()
        found = [line for line in lines if line.lower().startswith(("warning:", "error:"))]
        raise LintError("\n".join(found or lines[-1:]) or "Yosys ended without a message")
    return tool.version


def lint(block: Block, without_yosys: bool) -> None:
    """Both tools, a line for each."""
    begin = time.monotonic()
    verilator(block.verilog, block.top)
    version = find_verilator().version_text
    print(f"{block.top}: Verilator {version} lint passes, {time.monotonic() - begin:.0f} s")
    if not without_yosys:
        begin = time.monotonic()
        version = yosys(block.verilog, block.top)
        print(f"{block.top}: Yosys {version} check passes, {time.monotonic() - begin:.0f} s")


def main() -> None:
    """Generate a block and have Verilator lint it and Yosys check it.

    The warnings that are accepted, each with its reason, are in verif/sim/waivers.vlt.
    """
    parser = argparse.ArgumentParser(prog="python -m scripts.lint_rtl", description=main.__doc__)
    presets = f"preset ({', '.join(PRESETS)}) or TOML file"
    parser.add_argument("--preset", default="edge", help=f"{presets}; edge if not given")
    parser.add_argument("--block", default="top", choices=BLOCKS, help="top if not given")
    parser.add_argument("--without-yosys", action="store_true", help="Verilator alone")
    arguments = parser.parse_args()
    try:
        config = load(arguments.preset)
    except ValueError as error:
        parser.error(str(error))
    try:
        lint(generate_block(config, arguments.block), arguments.without_yosys)
    except (LintError, ToolchainError, tools.SynthesisError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
