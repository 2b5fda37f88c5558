# SPDX-License-Identifier: Apache-2.0
"""What golden's cycle model says of a job on a configuration of the hardware."""

from typing import Any

from golden.cycles import job_cycles, occupied_cells, phase_cycles
from golden.desne import Parameters, TileResult
from golden.desne.reduce import ReduceTable
from golden.desne.sample import candidates
from hw.config import Configuration
from hw.desne.beta_search import default_lanes


def predicted_cycles(*tile: Any, latency: int = 0) -> int:
    """Cycles of the job, as the register count_cycles has them, when no channel pauses.

    tile: as of _symbols. latency: of the memory, cycles.
    """
    job, sizes = _symbols(*tile)
    return job_cycles(*job, **sizes, latency=latency)


def predicted_phases(*tile: Any) -> dict[str, int]:
    """The same, phase by phase, as golden.cycles.phase_cycles has them. tile: as of _symbols."""
    job, sizes = _symbols(*tile)
    return phase_cycles(*job, **sizes)


def _symbols(
    config: Configuration,
    dimensions: int,
    table: ReduceTable,
    parameters: Parameters,
    budget: int,
    expected: TileResult,
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """What golden's model is told of the job, and of the configuration.

    dimensions: bytes of a sample. expected: golden's answer; the grid rule's time depends on the
    map.
    """
    n = len(expected.coordinates)
    quarters = round(4 * parameters.drop)
    left = candidates(expected.neighbours, budget, quarters)
    job = (
        n,
        dimensions,
        min(parameters.neighbours, n - 1),
        budget,
        parameters.iterations,
        parameters.rule,
    )
    return job, {
        "drop_quarters": quarters,
        "beats": -(-table.features // config.lanes),
        "rows": config.rows,
        "byte_lanes": config.lanes,
        "lanes": default_lanes(config.rows),
        "points": config.points,
        "data_width": config.data_width,
        "distance_width": config.distance_width,
        "most_samples": config.samples,
        "most_features": config.features,
        "most_neighbours": config.neighbours,
        "cells": occupied_cells(expected.coordinates[left], budget),
    }
