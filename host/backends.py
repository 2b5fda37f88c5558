# SPDX-License-Identifier: Apache-2.0
"""Who computes a tile: the golden model now, hardware behind the same few lines later."""

from collections.abc import Callable
from typing import Protocol

import numpy as np

from golden.desne import Parameters, TileResult, run_tile
from golden.desne.reduce import ReduceTable
from host.errors import SelectionError


class Backend(Protocol):
    """Computes one tile: uint8[n, D] samples in, `budget` chosen positions and the map out.

    Called from several threads at once. All back ends give the same bits.
    """

    name: str

    def run_tile(
        self, samples: np.ndarray, table: ReduceTable, parameters: Parameters, budget: int
    ) -> TileResult:
        """See golden.desne.run_tile."""
        ...


class GoldenBackend:
    """The integer model in golden/, compiled by numba."""

    name = "golden"

    def run_tile(
        self, samples: np.ndarray, table: ReduceTable, parameters: Parameters, budget: int
    ) -> TileResult:
        """See golden.desne.run_tile."""
        return run_tile(samples, table, parameters, budget)


BACKENDS: dict[str, Callable[[], Backend]] = {"golden": GoldenBackend}


def make_backend(name: str) -> Backend:
    """The back end called `name`; SelectionError for one that does not exist."""
    if name not in BACKENDS:
        raise SelectionError(f"there is no back end {name!r}: choose one of {', '.join(BACKENDS)}")
    return BACKENDS[name]()
