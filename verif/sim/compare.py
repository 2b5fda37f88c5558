# SPDX-License-Identifier: Apache-2.0
"""Whole tiles through the generated hardware, compiled, against the golden model."""

import functools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from golden.desne.distance import distance
from hw.config import load
from rtl_gen.blocks import generate_block
from verif.sim.simulator import Simulation, StreamSimulator
from verif.vectors import calibrate as calibrate_vectors
from verif.vectors import distance as distance_vectors

PULSE = np.array([[1], [0]], dtype=np.uint8)
"""start: one cycle."""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """One tile, hardware against golden.

    Attributes
    ----------
    blocks: blocks of R rows. rows: samples of the tile.
    values: numbers compared (index and weight of each edge, status and code of each row).
    mismatches: how many of them differ. first_mismatch: a sentence on the first, or "".
    cycles: clock cycles from reset to the last beat.
    """

    blocks: int
    rows: int
    values: int
    mismatches: int
    first_mismatch: str
    cycles: int


@functools.cache
def affinity_simulator(config: str) -> StreamSimulator:
    """The compiled affinity block of a preset or configuration file; built on the first call."""
    return StreamSimulator(generate_block(load(config), "affinity"))


def run_affinity(
    features: NDArray[np.uint8], perplexity: float, config: str, **pauses
) -> tuple[Simulation, calibrate_vectors.Job]:
    """Play one tile; also returns what must come out. `pauses` as in StreamSimulator.run."""
    configuration = load(config)
    samples, width = features.shape
    for what, value, most in (
        ("samples", samples, configuration.samples),
        ("features", width, configuration.features),
    ):
        if value > most:
            raise ValueError(f"a tile of {value} {what} does not fit {config}, which holds {most}")
    neighbours = min(configuration.neighbours, samples - 1)
    case = calibrate_vectors.Case(
        distances=distance(features), perplexity=perplexity, neighbours=neighbours
    )
    expected = calibrate_vectors.job(configuration, case)
    tile = distance_vectors.job(configuration, features)
    simulation = affinity_simulator(config).run(
        {"start": PULSE, "held": tile.held, "passing": tile.passing},
        expect={"edges": len(expected.edges["last"]), "rows": expected.blocks},
        constants={
            "samples": samples,
            "beats": tile.beats,
            "neighbours": neighbours,
            "target": expected.target,
        },
        **pauses,
    )
    return simulation, expected


def compare_affinity(
    features: NDArray[np.uint8], perplexity: float, config: str, **pauses
) -> Comparison:
    """Neighbours, weights, status and code of every sample of a tile, from hardware and golden.

    features: uint8[n, F]. perplexity: 1..k, with k = min(neighbours of the configuration, n - 1).
    config: preset or TOML file. pauses: idle, backpressure, seed of StreamSimulator.run.

    Raises
    ------
    ValueError: the tile does not fit the configuration. SimulationError: the hardware got stuck.
    """
    simulation, expected = run_affinity(features, perplexity, config, **pauses)
    simulator = affinity_simulator(config)
    edges = simulator.unpack("edges", simulation.outputs["edges"])
    rows = simulator.unpack("rows", simulation.outputs["rows"])
    size, count = edges["edge"]["index"].shape[1], expected.neighbours

    def place(name: str, beat: int, lane: int) -> str:
        block, position = divmod(beat, count) if name in ("index", "weight") else (beat, 0)
        neighbour = f" of neighbour {position}" if name in ("index", "weight") else ""
        return f"{name}{neighbour} of sample {block * size + lane}"

    pairs = [
        ("index", edges["edge"]["index"], expected.edges["edge"]["index"]),
        ("weight", edges["edge"]["weight"], expected.edges["edge"]["weight"]),
        ("status", rows["status"], expected.rows["status"]),
        ("code", rows["code"], expected.rows["code"]),
    ]
    values = mismatches = 0
    first = ""
    for name, got, want in pairs:
        beats, lanes = np.nonzero(got != want)
        values += want.size
        mismatches += len(beats)
        if len(beats) and not first:
            at = beats[0], lanes[0]
            first = f"{place(name, *map(int, at))} is {got[at]}, golden has {want[at]}"
    ends = int((edges["last"] != expected.edges["last"]).sum())
    if ends and not first:
        first = "last marks another beat than the last edge of a block"
    return Comparison(
        blocks=expected.blocks,
        rows=len(features),
        values=values,
        mismatches=mismatches + ends,
        first_mismatch=first,
        cycles=simulation.cycles,
    )
