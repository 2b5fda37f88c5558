# SPDX-License-Identifier: Apache-2.0
"""Builds generated Verilog and runs cocotb testbenches in it, from pytest.

In Verilator; a few tests also run in Icarus Verilog, which knows unknown values (X).
"""

import hashlib
import importlib.metadata
import json
import os
import shlex
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import cocotb_tools.runner
import pytest

from rtl_gen.verilog import Block
from verif.cocotb.icarus import woken
from verif.coverage import code, coverage_flags
from verif.sim.build import SPLIT_FLAGS, WAIVERS, X_FLAGS, build_root, cached_build, toolchain_key
from verif.sim.toolchain import find_verilator, icarus_version

BUILD_ARGS = (
    *X_FLAGS,
    *SPLIT_FLAGS,
    *coverage_flags(),
    str(WAIVERS),
    "-O3",
    "--timescale",
    "1ns/1ps",
    "-CFLAGS",
    "-O1",  # half the compile time of -O2; Python sets the pace anyway
)


class Verilator(cocotb_tools.runner.Verilator):
    """cocotb's Verilator runner without --public-flat-rw: only ports can be seen, so it is faster.

    The flag is hard-coded there; the ports are listed in a control file instead.
    """

    def _simulator_in_path_build_only(self) -> None:
        self.executable = str(find_verilator().path)

    def _set_env_common(self) -> None:
        super()._set_env_common()
        self.env.update(find_verilator().environment)

    def __init__(self, objects: Sequence[Path] = ()) -> None:
        super().__init__()
        self._objects = objects  # compiled before, from sources that are the same for every model

    def _build_command(self):
        compile_command, *rest = super()._build_command()
        compile_command = [part for part in compile_command if part != "--public-flat-rw"]
        if self._objects:
            rest.insert(0, ["cp", *map(str, self._objects), str(self.build_dir)])
        return [compile_command, *rest]


def control_file(block: Block) -> str:
    """Makes the ports of the top module, and nothing else, visible to cocotb."""
    clocks = [block.entry[key] for key in ("clock", "reset") if block.entry[key]]
    lines = [
        f'public_flat_rw -module "{block.entry["top"]}" -var "{name}"'
        for name in [*clocks, *block.entry["ports"]]
    ]
    return "\n".join(["`verilator_config", *lines, ""])


def build(block: Block, waves: bool = False) -> Path:
    """The folder of the compiled model; built once for the same Verilog, flags and tools."""

    def make(folder: Path) -> None:
        (folder / "ports.vlt").write_text(control_file(block))
        (folder / "entry.json").write_text(json.dumps(block.entry))
        objects = sorted(_runtime(waves).glob("verilated*.o"))
        _build(folder, block.top, block.verilog, waves, objects, folder / "ports.vlt")

    key = {"verilog": block.sha256, **_tools_key(waves)}
    return cached_build(f"cocotb-{block.top}", key, make)


def _runtime(waves: bool) -> Path:
    """A folder with the objects of Verilator's own sources, which are the same for every model."""

    def make(folder: Path) -> None:
        _build(folder, "empty", "module empty(input clk);\nendmodule\n", waves, [])

    return cached_build("cocotb-runtime", _tools_key(waves), make)


def build_icarus(block: Block) -> Path:
    """The folder of the model compiled for Icarus Verilog; seconds, without waveforms."""

    def make(folder: Path) -> None:
        (folder / "entry.json").write_text(json.dumps(block.entry))
        source, log = folder / f"{block.top}.v", folder / "build.log"
        source.write_text(woken(block.verilog))
        try:
            cocotb_tools.runner.Icarus().build(
                sources=[source],
                hdl_toplevel=block.top,
                build_dir=folder,
                timescale=("1ns", "1ps"),
                log_file=log,
            )
        except RuntimeError as error:
            tail = "\n".join(log.read_text().splitlines()[-30:])
            pytest.fail(f"{block.top}: {error}\n{tail}", pytrace=False)

    version = importlib.metadata.version("cocotb")
    digest = hashlib.sha256(woken(block.verilog).encode()).hexdigest()
    key = {"verilog": digest, "cocotb": version, "icarus": icarus_version()}
    return cached_build(f"icarus-{block.top}", key, make)


def _tools_key(waves: bool) -> dict[str, Any]:
    version = importlib.metadata.version("cocotb")
    return {"flags": BUILD_ARGS, "waves": waves, "cocotb": version, **toolchain_key()}


def _build(
    folder: Path, top: str, verilog: str, waves: bool, objects: Sequence[Path], *control: Path
) -> None:
    source, log = folder / f"{top}.v", folder / "build.log"
    source.write_text(verilog)
    try:
        Verilator(objects).build(
            sources=[*control, source],
            hdl_toplevel=top,
            build_dir=folder,
            build_args=list(BUILD_ARGS),
            waves=waves,
            log_file=log,
        )
    except RuntimeError as error:
        tail = "\n".join(log.read_text().splitlines()[-30:])
        pytest.fail(f"{top}: {error}\n{tail}", pytrace=False)


def simulate(
    block: Block,
    module: str,
    case: str,
    *,
    seed: int,
    parameters: Any = None,
    icarus: bool = False,
) -> None:
    """Run the cocotb test `case` of `module` on `block`; fail the pytest test if it fails.

    A case with `cocotb.parametrize` runs with all its parameters, in one simulation.

    The testbench reads `parameters` (anything JSON can write) as `Bench.parameters`. Set WAVES=1
    to get a waveform (dump.vcd in the run's folder; not with `icarus`, which runs it in Icarus
    Verilog instead). A failure shows the end of the log, the seed
    and the command that runs it again.
    """
    waves = not icarus and os.environ.get("WAVES", "0") not in ("", "0")
    folder = build_icarus(block) if icarus else build(block, waves)
    name = os.environ.get("PYTEST_CURRENT_TEST", case).rsplit(" ", 1)[0]
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    run = build_root() / "sim" / "runs" / f"{case}-{digest}"
    shutil.rmtree(run, ignore_errors=True)
    run.mkdir(parents=True)
    log, results = run / "log.txt", run / "results.xml"
    runner = cocotb_tools.runner.Icarus() if icarus else Verilator()
    randomised = [f"+verilator+seed+{1 + seed % 0x7FFFFFFE}", "+verilator+rand+reset+2"]
    try:
        runner.test(
            test_module=module,
            hdl_toplevel=block.top,
            hdl_toplevel_lang="verilog",
            build_dir=folder,
            test_dir=run,
            test_filter=rf"\.{case}(/|$)",
            seed=seed,
            test_args=[] if icarus else randomised,
            extra_env={
                "NMS_ENTRY": str(folder / "entry.json"),
                "NMS_PARAMETERS": json.dumps(parameters),
                "NMS_TEST": name.split("::", 1)[-1],
            },
            waves=waves,
            results_xml=str(results),
            log_file=log,
        )
    except (RuntimeError, SystemExit):
        pass  # the results file tells
    code.keep(run / "coverage.dat", block.verilog)
    failures = _failures(results)
    if failures:
        again = f"COCOTB_RANDOM_SEED={seed} .venv/bin/python -m pytest {shlex.quote(name)}"
        tail = "\n".join(log.read_text().splitlines()[-25:]) if log.exists() else ""
        pytest.fail(
            f"{tail}\n{block.top}, {case}: {failures}\nseed {seed}; run again with\n  {again}",
            pytrace=False,
        )


def _failures(results: Path) -> str:
    """Empty if tests ran and all passed, else what went wrong."""
    if not results.is_file():
        return "the simulator ended without results"
    cases = ElementTree.parse(results).getroot().findall(".//testcase")
    if not cases:
        return "no test ran"
    return "; ".join(
        f"{case.get('name')}: {kind}"
        for case in cases
        for kind in ("failure", "error", "skipped")
        if case.find(kind) is not None
    )
