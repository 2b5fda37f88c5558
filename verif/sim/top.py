# SPDX-License-Identifier: Apache-2.0
"""The whole accelerator, compiled, in a process of its own beside an AXI memory (axi_memory.h).

SimulatedPort is what the host's driver runs on.
"""

import os
import subprocess
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hw.bus.signature import Response
from hw.config import Configuration
from hw.registers import register_map
from rtl_gen import packing
from verif.coverage import code
from verif.coverage.observers import Registers
from verif.sim.gradient_regions import gradient_regions
from verif.sim.simulator import SimulationError
from verif.sim.top_build import build_top, generate_top

TRACED = ("edges", "rows", "coordinates")


class AccessRefused(OSError):
    """A register access was answered SLVERR or DECERR."""


@dataclass(frozen=True, kw_only=True)
class Trace:
    """What passed between the blocks in the last job, in the shapes of golden's TileResult.

    Attributes
    ----------
    neighbours: int32[n, k]. weights: uint8[n, k]. status: uint8[n]. code: int32[n].
    coordinates: int32[n, 2].
    """

    neighbours: NDArray[np.int32]
    weights: NDArray[np.uint8]
    status: NDArray[np.uint8]
    code: NDArray[np.int32]
    coordinates: NDArray[np.int32]


@dataclass(frozen=True, kw_only=True)
class Activity:
    """What the memory saw since the last start.

    Attributes
    ----------
    cycle: of the simulation, from the end of the first reset.
    read_bursts, read_beats, write_bursts: begun. written: bytes.
    unread: bytes of the job's samples that were never read.
    bursts_after_error: bursts begun after an error response.
    failed: whether an error was answered. under_way: bursts not yet answered.
    """

    cycle: int
    read_bursts: int
    read_beats: int
    write_bursts: int
    written: int
    unread: int
    bursts_after_error: int
    failed: int
    under_way: int


class SimulatedPort:
    """An accelerator in simulation: a port for host.driver.Driver. Close it, or use `with`.

    One thread at a time may use it. Any broken rule of the bus makes it unusable.

    Parameters
    ----------
    config: what to simulate; built on the first use.
    latency: cycles from a burst's address to its first beat, and from its last to its answer.
    stall: probability with which each channel pauses, each cycle; 0 to below 1.
    outstanding: bursts the memory accepts before it has answered the first.
    seed: decides when channels pause, and fills what the hardware leaves undefined.
    program: the simulator, if it is not to be the one of `config`, with the same ports.

    Raises
    ------
    SimulationError: a rule of the bus was broken, memory outside of the job was touched, or the
        simulator died; the message says which.
    AccessRefused: a register access was answered with an error.
    """

    def __init__(
        self,
        config: Configuration,
        *,
        latency: int = 0,
        stall: float = 0.0,
        outstanding: int = 8,
        seed: int = 1,
        program: Path | None = None,
    ) -> None:
        self.config = config
        self.seed = seed
        self.map = register_map(config)
        block = generate_top(config)
        self._trace_shape = block.entry["ports"]["observed"]
        valid = [self._trace_shape["fields"][f"{name}_valid"]["offset"] for name in TRACED]
        self._data, self._verilog = code.fresh(), block.verilog
        self._process = subprocess.Popen(
            [program or build_top(block), str(seed), *map(str, valid)],
            env={**os.environ, code.FILE: str(self._data)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self._lock = threading.Lock()
        self._written = {register.offset: register.reset for register in self.map}
        self._names = {register.offset: register.name for register in self.map}
        self._seen = Registers(config, self.map)
        self.set_memory(latency=latency, stall=stall, outstanding=outstanding)

    def __enter__(self) -> "SimulatedPort":
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def close(self) -> None:
        """Ends the simulator."""
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()
        self._process.wait()
        code.keep(self._data, self._verilog)

    # ---- what a driver needs

    def read(self, offset: int) -> int:
        """The register at this byte offset."""
        response, value = self._tell(f"read {offset}")
        self._check(int(response), f"a read of register {offset:#05x}")
        self._seen.read(self._names[offset], int(value))
        return int(value)

    def write(self, offset: int, value: int) -> None:
        """Writes the register at this byte offset. A start clears the trace and the activity."""
        for name, watch in (("control", self._watch), ("gradient_control", self._watch_gradient)):
            control = self.map[name]
            if offset == control.offset and value & control["start"].mask:
                watch()
        (response,) = self._tell(f"write {offset} {value}")
        self._check(int(response), f"a write of register {offset:#05x}")
        self._written[offset] = value
        self._seen.wrote(self._names[offset], value)

    def wait_for_interrupt(self, timeout: int) -> bool:
        """Runs until the interrupt line is high (True), or for `timeout` cycles."""
        return self._tell(f"interrupt {timeout}") == ["1"]

    def write_memory(self, address: int, content: bytes) -> None:
        """Bytes into the memory; takes no simulated time."""
        self._tell(f"load {address} {len(content)}", content)

    def read_memory(self, address: int, length: int) -> bytes:
        """Bytes of the memory; what was never written is 0xa5."""
        return self._tell_for_bytes(f"dump {address} {length}")[1]

    def read_pages(self) -> dict[int, bytes]:
        """All of the memory: pages of 4 KiB by their address; what is in none was never touched."""
        (count, size), content = self._tell_for_bytes("pages")
        pages = (content[i * size : (i + 1) * size] for i in range(count))
        return {int.from_bytes(page[:8], "little"): page[8:] for page in pages}

    def forget_memory(self) -> None:
        """All of the memory as if it was never written."""
        self._tell("forget")

    # ---- what a testbench needs

    def step(self, cycles: int) -> None:
        """Lets time pass."""
        self._tell(f"step {cycles}")

    def reset(self) -> None:
        """Two cycles of reset, for the memory port too; the memory keeps its content."""
        self._seen.reset()
        self._tell("reset")
        self._written = {register.offset: register.reset for register in self.map}

    def set_memory(
        self,
        *,
        latency: int = 0,
        stall: float = 0.0,
        outstanding: int = 8,
        seed: int | None = None,
    ) -> None:
        """Other timing from here on; seed: of the pauses, the port's own unless told."""
        if not 0 <= stall < 1 or latency < 0 or outstanding < 1:
            raise ValueError(f"no such memory: {latency=}, {stall=}, {outstanding=}")
        self._tell(
            f"memory {latency} {stall!r} {outstanding} {self.seed if seed is None else seed}"
        )

    def fail(self, *, beat: int = 0, burst: int = 0, response: Response = Response.SLVERR) -> None:
        """Answers the `beat`-th read beat or the `burst`-th written burst from here with an error.

        Both count from 1; 0 for none.
        """
        self._tell(f"fail {beat} {response.value} {burst} {response.value}")

    def activity(self, master: int = 0) -> Activity:
        """What the memory saw since the last start; master: 0 selection, 1 sparse gradient."""
        pairs = (word.split("=") for word in self._tell(f"activity {master}"))
        return Activity(**{name: int(value) for name, value in pairs})

    def trace(self) -> Trace:
        """What passed between the blocks since the last start, which must have gone well; once."""
        (beats, size), content = self._tell_for_bytes("trace")
        raw = np.frombuffer(content, np.uint8).reshape(beats, size)
        shape = self._trace_shape
        raw = raw[:, : packing.beat_bytes(shape)]

        def stream(name: str) -> Mapping:
            offset = shape["fields"][f"{name}_valid"]["offset"]
            valid = raw[:, offset >> 3] >> (offset & 7) & 1
            return packing.unpack(shape, raw[valid != 0])[name]

        edges, rows, coordinates = (stream(name) for name in TRACED)
        n, k = (self._written[self.map[name].offset] for name in ("samples", "neighbours"))
        size = self.config.rows

        def by_row(values: NDArray, dtype) -> NDArray:
            """[beats, R], k beats a block, to [n, k]."""
            blocks = values.reshape(-1, k, size).transpose(0, 2, 1)
            return np.ascontiguousarray(blocks.reshape(-1, k)[:n].astype(dtype))

        edge = edges["edge"]
        return Trace(
            neighbours=by_row(edge["index"], np.int32),
            weights=by_row(edge["weight"], np.uint8),
            status=rows["status"].reshape(-1)[:n].astype(np.uint8),
            code=rows["code"].reshape(-1)[:n].astype(np.int32),
            coordinates=np.stack([coordinates["x"], coordinates["y"]], axis=1).astype(np.int32),
        )

    def tell(self, command: str) -> list[str]:
        """Another command of top.cpp; the words of its answer."""
        return self._tell(command)

    # ---- the process

    def _watch(self) -> None:
        """Tells the memory what the job about to start may touch; one under way keeps its own."""
        status = self.map["status"]
        if status.decode(self.read(status.offset))["busy"]:
            return
        known = {r.name: self._written[r.offset] for r in self.map}

        def address(name: str) -> int:
            return known[f"{name}_high"] << 32 | known[f"{name}_low"]

        # no more than what the hardware can do: absurd numbers are refused
        most = self.config.samples * self.config.dimensions
        read = min(known["samples"] * known["sample_bytes"], most)
        write = 4 * min(known["budget"], self.config.samples)
        self._tell(
            f"watch 0 1 1 {address('sample_address')} {read} 1 {address('result_address')} {write}"
        )

    def _watch_gradient(self) -> None:
        """The same for the sparse-gradient unit."""
        status = self.map["gradient_status"]
        if status.decode(self.read(status.offset))["busy"]:
            return
        regions = gradient_regions(
            {r.name: r.decode(self._written[r.offset]) for r in self.map}, self.config
        )
        words = [f"{len(part)} " + " ".join(f"{a} {b}" for a, b in part) for part in regions]
        self._tell(f"watch 1 0 {' '.join(words)}")

    def _check(self, response: int, what: str) -> None:
        if response >= Response.SLVERR.value:
            raise AccessRefused(f"{what} was answered {Response(response).name}")

    def _tell(self, command: str, content: bytes = b"") -> list[str]:
        with self._lock:
            return self._exchange(command, content)

    def _tell_for_bytes(self, command: str) -> tuple[list[int], bytes]:
        """The numbers of the answer, and as many bytes as their product."""
        with self._lock:
            numbers = [int(word) for word in self._exchange(command, b"")]
            length = int(np.prod(numbers))
            assert self._process.stdout is not None
            return numbers, self._process.stdout.read(length)

    def _exchange(self, command: str, content: bytes) -> list[str]:
        stdin, stdout, stderr = self._process.stdin, self._process.stdout, self._process.stderr
        assert stdin is not None and stdout is not None and stderr is not None
        try:
            stdin.write(command.encode() + b"\n" + content)
            stdin.flush()
            answer = stdout.readline().decode()
        except BrokenPipeError:
            answer = ""
        where = f"{self.config.name}, seed {self.seed}"
        if not answer:
            reason = stderr.read().decode().strip() or "no reason given"
            raise SimulationError(f"{where}: the simulator ended: {reason}")
        word, _, rest = answer.rstrip("\n").partition(" ")
        if word != "ok":
            raise SimulationError(f"{where}: {rest}")
        return rest.split()
