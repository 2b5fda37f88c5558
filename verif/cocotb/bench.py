# SPDX-License-Identifier: Apache-2.0
"""What every cocotb test of a generated block begins with: clock, reset, streams, seed, record."""

import json
import os
import random
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import cocotb
import numpy as np
from cocotb.clock import Clock
from numpy.typing import NDArray

from rtl_gen import packing
from verif import records
from verif.cocotb.streams import ClockInfo, StreamMonitor, StreamSink, StreamSource, stalls
from verif.coverage import functional

PERIOD = 10_000
"""Of the clock in steps of the simulator (ps): 100 MHz."""


class Bench:
    """One block under test.

    Parameters
    ----------
    dut: cocotb's handle of the top module.

    Attributes
    ----------
    entry: the manifest entry of the block.
    parameters: what `simulate(..., parameters=)` was given, through JSON.
    seed: of the run. rng: numpy generator seeded with what cocotb derives from it for this test.
    """

    def __init__(self, dut: Any) -> None:
        self.dut = dut
        self.entry: dict[str, Any] = json.loads(Path(os.environ["NMS_ENTRY"]).read_text())
        self.parameters = json.loads(os.environ["NMS_PARAMETERS"])
        self.seed = int(os.environ["COCOTB_RANDOM_SEED"])
        self.rng = np.random.default_rng(cocotb.RANDOM_SEED)
        self.clock = ClockInfo(dut[self.entry["clock"]], PERIOD)
        self._first_cycle = self.clock.cycle
        self._compared = 0
        self._mismatches: list[str] = []

    async def start(self, **constants: int) -> None:
        """Inputs to 0 or the given constants (they may be negative), then clock and reset."""
        for name, port in self.entry["ports"].items():
            if port["direction"] == "in":
                self.dut[name].value = constants.pop(name, 0) % (1 << port["width"])
        if constants:
            raise ValueError(f"no input port {sorted(constants)[0]!r}")
        reset = self.dut[self.entry["reset"]]
        reset.value = 1
        # low first: at an edge at time 0 the model would not be settled yet
        Clock(self.clock.handle, PERIOD, "step", impl="gpi").start(start_high=False)
        await self.clock.edges(1)
        await self.clock.edges(2)
        reset.value = 0
        await self.clock.edges(1)

    def source(self, name: str, idle: str = "none") -> StreamSource:
        """Driver of the input stream `name`."""
        return StreamSource(
            self.dut, name, self._stream(name, "in"), self.clock, self._stalls(name, idle)
        )

    def sink(self, name: str, backpressure: str = "none") -> StreamSink:
        """Receiver of the output stream `name`."""
        pattern = self._stalls(name, backpressure)
        return StreamSink(self.dut, name, self._stream(name, "out"), self.clock, pattern)

    def monitor(self, name: str) -> StreamMonitor:
        """Observer of any stream."""
        return StreamMonitor(self.dut, name, self.entry["streams"][name], self.clock)

    def _stream(self, name: str, direction: str) -> dict[str, Any]:
        description = self.entry["streams"][name]
        if description["direction"] != direction:
            raise ValueError(f"stream {name!r} is an {description['direction']}put of the block")
        return description

    def _stalls(self, name: str, pattern: str):
        return stalls(pattern, random.Random(f"{self.seed} {name}"))

    def pack(self, stream: str, values: Any) -> list[int]:
        """Arrays of numbers (see rtl_gen.packing) as payloads of `stream`."""
        return beats_to_ints(packing.pack(self._payload(stream), values))

    def unpack(self, stream: str, beats: Sequence[int]) -> Any:
        """Payloads of `stream` as arrays of numbers."""
        shape = self._payload(stream)
        return packing.unpack(shape, ints_to_beats(beats, packing.beat_bytes(shape)))

    def _payload(self, stream: str) -> dict[str, Any]:
        return self.entry["ports"][f"{stream}__payload"]

    def compare(self, what: str, actual: Iterable[int], expected: Iterable[int]) -> None:
        """Note every difference between two sequences of payloads (shown by `finish`)."""
        actual, expected = list(actual), list(expected)
        self._compared += len(expected)
        if len(actual) != len(expected):
            self._mismatches.append(f"{what}: {len(actual)} beats instead of {len(expected)}")
        self._mismatches += [
            f"{what}[{index}]: {got:#x} instead of {want:#x}"
            for index, (got, want) in enumerate(zip(actual, expected, strict=False))
            if got != want
        ]

    def finish(self, label: str = "") -> None:
        """Record the run; fail it if anything differed or nothing was compared.

        `label` tells the runs of one pytest test apart.
        """
        records.record(
            f"{os.environ['NMS_TEST']} {label}".rstrip(),
            seed=self.seed,
            vectors=self._compared,
            mismatches=len(self._mismatches),
            cycles=self.clock.cycle - self._first_cycle,
        )
        functional.save()
        assert not self._mismatches, "\n".join(
            [f"{len(self._mismatches)} mismatches, the first are", *self._mismatches[:10]]
        )
        assert self._compared, "nothing was compared"


def beats_to_ints(beats: NDArray[np.uint8]) -> list[int]:
    """uint8[beats, bytes] as whole numbers, lowest byte first."""
    return [int.from_bytes(row.tobytes(), "little") for row in beats]


def ints_to_beats(values: Sequence[int], size: int) -> NDArray[np.uint8]:
    """The inverse, `size` bytes a beat."""
    data = b"".join(value.to_bytes(size, "little") for value in values)
    return np.frombuffer(data, dtype=np.uint8).reshape(len(values), size)
