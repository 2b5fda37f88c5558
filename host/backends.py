# SPDX-License-Identifier: Apache-2.0
"""Who computes a tile: the golden model, or the generated hardware in simulation."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from queue import Empty, LifoQueue
from typing import TYPE_CHECKING, Protocol

import numpy as np

from golden.desne import Parameters, TileResult, run_tile
from golden.desne.reduce import ReduceTable, reduce
from host.accelerator import DriverError
from host.driver import Driver
from host.errors import HardwareError, SelectionError

if TYPE_CHECKING:
    from verif.sim.top import SimulatedPort

DEFAULT_PRESET = "edge"
NAMES = ("golden", "rtl")


class Backend(Protocol):
    """Computes one tile: uint8[n, D] samples in, `budget` chosen positions and the map out.

    run_tile is called from several threads at once. All back ends give the same bits.
    """

    name: str

    def check(self, **sizes: int) -> None:
        """SelectionError if it cannot do tiles of these sizes: tile, features, neighbours (each as
        asked for) and sample_bytes."""
        ...

    def run_tile(
        self, samples: np.ndarray, table: ReduceTable, parameters: Parameters, budget: int
    ) -> tuple[TileResult, dict[str, int]]:
        """See golden.desne.run_tile; and the hardware's counters by name, if there are any.

        Raises HardwareError when the hardware fails."""
        ...

    def close(self) -> None:
        """Frees what it holds."""
        ...


class GoldenBackend:
    """The integer model in golden/, compiled by numba. It has no limits."""

    name = "golden"

    def check(self, **sizes: int) -> None:
        """Anything goes."""

    def run_tile(
        self, samples: np.ndarray, table: ReduceTable, parameters: Parameters, budget: int
    ) -> tuple[TileResult, dict[str, int]]:
        """See golden.desne.run_tile; no counters."""
        return run_tile(samples, table, parameters, budget), {}

    def close(self) -> None:
        """Nothing is held."""


class RtlBackend:
    """The generated Verilog of a preset, compiled by Verilator; a simulator for each thread.

    Neighbours, weights, status, code and coordinates are what passed between the hardware's blocks,
    the chosen positions what it wrote to memory. Only `features` is computed here: they do not
    leave the hardware. A tile of one sample leaves nothing to choose and does not go through it.

    Parameters
    ----------
    preset: a preset or a configuration file. The simulator is built on the first use.

    Raises
    ------
    SelectionError: there is no such preset, or no Verilator.
    """

    name = "rtl"
    SIZES = {
        "tile": "samples",
        "features": "features",
        "neighbours": "neighbours",
        "sample_bytes": "dimensions",
    }
    """Options and what of the configuration limits them."""

    def __init__(self, preset: str = DEFAULT_PRESET) -> None:
        from rtl_gen.interface import load
        from verif.sim.toolchain import ToolchainError, find_verilator

        try:
            self.config = load(preset)
            self.tool = f"Verilator {find_verilator().version_text}"
        except (ValueError, ToolchainError) as error:
            raise SelectionError(str(error)) from None
        self._idle: LifoQueue[tuple[Driver, SimulatedPort]] = LifoQueue()
        self._all: list[SimulatedPort] = []

    def check(self, **sizes: int) -> None:
        """SelectionError, naming the limit, if these sizes do not fit the preset."""
        for name, size in sizes.items():
            limit = getattr(self.config, self.SIZES[name])
            if size > limit:
                what = name.replace("_", " ")
                remedy = (
                    "choose another preset" if name == "sample_bytes" else f"use --{name} {limit}"
                )
                raise SelectionError(
                    f"{what} {size} does not fit preset {self.config.name}, which takes at most "
                    f"{limit}: {remedy}"
                )

    def run_tile(
        self, samples: np.ndarray, table: ReduceTable, parameters: Parameters, budget: int
    ) -> tuple[TileResult, dict[str, int]]:
        """See Backend; a tile of one sample has no counters."""
        if len(samples) == 1:
            return run_tile(samples, table, parameters, budget), {}
        with self.accelerator() as (driver, port):
            chosen = driver.select(samples, table, parameters, budget)
            counters, trace = driver.counters(), port.trace()
        result = TileResult(
            chosen=chosen,
            features=reduce(samples, table),
            coordinates=trace.coordinates,
            neighbours=trace.neighbours,
            weights=trace.weights,
            status=trace.status,
            code=trace.code,
        )
        return result, counters

    def build(self) -> None:
        """Compiles the simulator, unless that was done before: minutes for a large preset."""
        with self.accelerator():
            pass

    @property
    def built(self) -> bool:
        """Whether the simulator is there already."""
        from verif.sim.top_build import is_built

        return is_built(self.config)

    def close(self) -> None:
        """Ends the simulators."""
        while self._all:
            self._all.pop().close()

    @contextmanager
    def accelerator(self) -> Iterator[tuple[Driver, SimulatedPort]]:
        """One that no other thread uses; after an exception it is not used again."""
        from verif.sim.build import BuildError
        from verif.sim.simulator import SimulationError
        from verif.sim.top import SimulatedPort

        try:
            try:
                pair = self._idle.get_nowait()
            except Empty:
                port = SimulatedPort(self.config)
                self._all.append(port)
                pair = Driver(port), port
            yield pair
        except (BuildError, DriverError, SimulationError, OSError) as error:
            raise HardwareError(f"hardware {self.config.name}: {error}") from error
        self._idle.put(pair)


def make_backend(name: str, preset: str | None = None) -> Backend:
    """The back end called `name`, ready; SelectionError for one that does not exist."""
    if name not in NAMES:
        raise SelectionError(f"there is no back end {name!r}: choose one of {', '.join(NAMES)}")
    if name == "golden":
        if preset is not None:
            raise SelectionError(f"preset {preset!r} is for hardware: add --backend rtl")
        return GoldenBackend()
    return RtlBackend(preset or DEFAULT_PRESET)
