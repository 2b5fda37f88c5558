# SPDX-License-Identifier: Apache-2.0
"""engine: one tile from bytes to chosen samples. It only calls the phases in order."""

from dataclasses import dataclass

import numpy as np

from golden.arith.lfsr import seed_register
from golden.desne.calibrate import Calibration, Status, calibrate
from golden.desne.distance import distance
from golden.desne.embed import Schedule, embed
from golden.desne.reduce import ReduceTable, reduce
from golden.desne.sample import RULES, sample

DROPS = (0.0, 0.25, 0.5)


@dataclass(frozen=True, kw_only=True)
class Parameters:
    """What a job is told. Raises ValueError naming the value and its range.

    perplexity: >= 1, and at most the neighbours a tile offers. neighbours: K, the most a row keeps.
    iterations: of the descent. rule: curve, medoid or grid. drop: share of the least-chosen
    neighbours that cannot be chosen. spread: 0..256, how far from the medoid a stratum's sample may
    lie. seed: any integer >= 0.
    """

    perplexity: float = 30.0
    neighbours: int = 64
    iterations: int = 50
    rule: str = "medoid"
    drop: float = 0.0
    spread: int = 128
    seed: int = 1

    def __post_init__(self) -> None:
        if not self.perplexity >= 1:
            raise ValueError(f"perplexity must be at least 1, not {self.perplexity:g}")
        if not 1 <= self.neighbours < 2048:
            raise ValueError(f"neighbours must be 1 to 2047, not {self.neighbours}")
        if not 0 <= self.iterations <= 1023:
            raise ValueError(f"iterations must be 0 to 1023, not {self.iterations}")
        if self.rule not in RULES:
            raise ValueError(f"unknown rule {self.rule!r}; choose one of {', '.join(RULES)}")
        if self.drop not in DROPS:
            raise ValueError(f"drop must be 0, 0.25 or 0.5, not {self.drop:g}")
        if not 0 <= self.spread <= 256:
            raise ValueError(f"spread must be 0 to 256, not {self.spread}")
        if self.seed < 0:
            raise ValueError(f"seed must be 0 or more, not {self.seed}")


_ALONE = Calibration(
    neighbours=np.empty((1, 0), np.int32),
    weights=np.empty((1, 0), np.uint8),
    status=np.array([Status.DEGENERATE], np.uint8),
    code=np.zeros(1, np.int32),
)


@dataclass(frozen=True, kw_only=True)
class TileResult:
    """Everything a tile leaves behind, phase by phase."""

    chosen: np.ndarray  # int64 [budget], ascending positions in the tile
    features: np.ndarray  # uint8 [n, F]
    coordinates: np.ndarray  # int32 [n, 2], 8 fraction bits
    neighbours: np.ndarray  # int32 [n, k]
    weights: np.ndarray  # uint8 [n, k], U0.8
    status: np.ndarray  # uint8 [n], Status
    code: np.ndarray  # int32 [n], beta = 2^(code / 256 - 28)


def run_tile(
    samples: np.ndarray, table: ReduceTable, parameters: Parameters, budget: int
) -> TileResult:
    """Choose `budget` of the n samples of a tile.

    samples: uint8 [n, D], n >= 1. A tile of one sample has no pairs: it is chosen, at the origin,
    degenerate. Raises ValueError when the budget does not fit, the table is for another D, or the
    perplexity cannot be reached.
    """
    register = seed_register(parameters.seed)
    features = reduce(samples, table)
    if len(samples) == 1:
        calibration = _ALONE
        coordinates = np.zeros((1, 2), np.int32)
    else:
        calibration = calibrate(distance(features), parameters.perplexity, parameters.neighbours)
        coordinates = embed(
            features,
            calibration.neighbours,
            calibration.weights,
            register,
            Schedule(iterations=parameters.iterations),
        )
    chosen = sample(
        coordinates,
        calibration.neighbours,
        features,
        budget,
        rule=parameters.rule,
        drop_quarters=round(4 * parameters.drop),
        spread=parameters.spread,
        phase=register & 0xFFFF,
    )
    return TileResult(
        chosen=chosen,
        features=features,
        coordinates=coordinates,
        neighbours=calibration.neighbours,
        weights=calibration.weights,
        status=calibration.status,
        code=calibration.code,
    )
