# SPDX-License-Identifier: Apache-2.0
"""Jobs for the embedding, and its streams for a job."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from golden.arith.lfsr import seed_register
from golden.desne.calibrate import calibrate
from golden.desne.distance import distance
from golden.desne.embed import Schedule, embed
from hw.config import Configuration
from verif.vectors.distance import digits, fashion_mnist


@dataclass(frozen=True, kw_only=True)
class Job:
    """What the embedding is given.

    Attributes
    ----------
    features: uint8[n, F]. neighbours: int32[n, k]. weights: uint8[n, k]. register: 1..2^32 - 1.
    schedule: of the descent. stray: what rows beyond the last sample carry (zeros in the engine).
    """

    features: NDArray[np.uint8]
    neighbours: NDArray[np.int32]
    weights: NDArray[np.uint8]
    register: int
    schedule: Schedule
    stray: int = 0

    @property
    def samples(self) -> int:
        return len(self.features)

    def settings(self, config: Configuration) -> dict[str, int]:
        """The numbers at the ports."""
        schedule = self.schedule
        return {
            "samples": self.samples,
            "beats": -(-self.features.shape[1] // config.lanes),
            "neighbours": self.neighbours.shape[1],
            "seed": self.register,
            "iterations": schedule.iterations,
            "rate": schedule.rate,
            "exaggeration": schedule.exaggeration,
            "early_momentum": schedule.early_momentum,
            "momentum": schedule.momentum,
        }

    def feature_beats(self, config: Configuration) -> NDArray[np.uint8]:
        """uint8[n * beats, W]."""
        n, count = self.features.shape
        padded = np.zeros((n, -(-count // config.lanes) * config.lanes), dtype=np.uint8)
        padded[:, :count] = self.features
        return padded.reshape(-1, config.lanes)

    def edge_beats(self, config: Configuration) -> list[dict]:
        """One beat of R edges for each of k neighbours, block after block."""
        index, weight, last = self.edge_arrays(config)
        return [
            {
                "edge": [
                    {"index": int(i), "weight": int(w)} for i, w in zip(row, line, strict=True)
                ],
                "last": int(end),
            }
            for row, line, end in zip(index, weight, last, strict=True)
        ]

    def edge_arrays(self, config: Configuration) -> tuple[NDArray[np.int64], ...]:
        """index and weight int64[beats, R], and last int64[beats]."""
        n, k = self.neighbours.shape
        blocks = -(-n // config.rows)
        arrays = []
        for values, stray in ((self.neighbours, self.stray % n), (self.weights, self.stray)):
            padded = np.full((blocks * config.rows, k), stray, dtype=np.int64)
            padded[:n] = values
            arrays.append(
                padded.reshape(blocks, config.rows, k).transpose(0, 2, 1).reshape(-1, config.rows)
            )
        last = np.zeros((blocks, k), dtype=np.int64)
        last[:, -1] = 1
        return (*arrays, last.ravel())

    def coordinates(self) -> NDArray[np.int32]:
        """int32[n, 2], golden."""
        return embed(self.features, self.neighbours, self.weights, self.register, self.schedule)


def job(
    config: Configuration,
    features: NDArray[np.uint8],
    *,
    neighbours: int | None = None,
    seed: int = 1,
    stray: int = 0,
    **schedule: int,
) -> Job:
    """A job as the engine runs it: calibrated, with a perplexity of a third of the neighbours."""
    k = min(neighbours or config.neighbours, len(features) - 1)
    edges = calibrate(distance(features), max(k / 3, 1), k)
    return Job(
        features=features,
        neighbours=edges.neighbours,
        weights=edges.weights,
        register=seed_register(seed),
        schedule=Schedule(**schedule),
        stray=stray,
    )


EXTREME = {"rate": 255, "exaggeration": 15, "early_momentum": 15, "momentum": 15}
"""Every number of the schedule at its largest: points fly to the border and stay there."""


def cases(config: Configuration, seed: int) -> dict[str, Job]:
    """Named jobs that fit the configuration; few iterations unless they matter."""
    rng = np.random.default_rng(seed)
    most, features, rows, points = config.samples, config.features, config.rows, config.points
    middle = min(most, 2 * max(rows, points) + 1)

    def random(n: int, f: int = features) -> NDArray[np.uint8]:
        return rng.integers(0, 256, (n, f), dtype=np.uint8)

    outlier = random(1).repeat(most, axis=0)
    outlier[-1] = 255 - outlier[-1]
    half = random(middle)
    half[middle // 2 :] = half[0]
    heavy = job(config, random(middle), iterations=3)
    return {
        "digits": job(config, digits()[: min(most, 40), :features], seed=seed, iterations=20),
        "n = 2": job(config, random(2), iterations=5),
        "n = 3": job(config, random(3), iterations=5),
        "n = 2, one neighbour, no weight": Job(
            features=random(2),
            neighbours=np.array([[1], [0]], dtype=np.int32),
            weights=np.zeros((2, 1), dtype=np.uint8),
            register=1,
            schedule=Schedule(iterations=6),
        ),
        "identical": job(config, random(1).repeat(middle, axis=0), iterations=5),
        "all zero": job(config, np.zeros((middle, features), dtype=np.uint8), iterations=5),
        "duplicates": job(config, half, iterations=5),
        "outlier": job(config, outlier, iterations=5),
        "n = points": job(config, random(max(points, 2)), iterations=3),
        "n = points + 1": job(config, random(points + 1), iterations=3),
        "stray rows": job(config, random(2 * rows + 1), iterations=3, stray=211),
        "one feature": job(config, random(middle, 1), iterations=3),
        "features not whole beats": job(config, random(middle, max(features - 1, 1)), iterations=3),
        "one neighbour": job(config, random(middle), neighbours=1, iterations=5),
        "no iteration": job(config, random(middle), iterations=0),
        "one iteration": job(config, random(middle), iterations=1),
        "four iterations": job(config, random(middle), iterations=4),
        "all weights at most": Job(
            features=heavy.features,
            neighbours=heavy.neighbours,
            weights=np.full_like(heavy.weights, 255),
            register=0xFFFFFFFF,
            schedule=Schedule(iterations=8, **EXTREME),
        ),
        "extreme": job(config, random(middle), iterations=30, **EXTREME),
        "rate 0": job(config, random(middle), iterations=5, rate=0),
        "no attraction": job(config, random(middle), iterations=12, rate=255, exaggeration=0),
        "at the border": job(config, random(2), iterations=20, **EXTREME | {"exaggeration": 0}),
        "n = max at the border": job(config, random(min(most, 64)), iterations=12, **EXTREME),
    }


def full_job(config: Configuration, seed: int, iterations: int) -> Job:
    """A random job of the most samples, features and neighbours."""
    shape = (config.samples, config.features)
    features = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    return job(config, features, seed=seed, iterations=iterations)


def digits_job(config: Configuration, seed: int, digit: int = 3) -> Job:
    """All digits of one class, with the schedule of the engine."""
    from sklearn.datasets import load_digits

    chosen = digits()[load_digits().target == digit]
    return job(config, chosen[: config.samples, : config.features], seed=seed)


def fashion_job(config: Configuration, seed: int) -> Job | None:
    """The first images of Fashion-MNIST, 49 features; None if the data are missing."""
    features = fashion_mnist(config.samples)
    return None if features is None else job(config, features, seed=seed)
