# SPDX-License-Identifier: Apache-2.0
"""Distances for the calibration, and its streams for a tile."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from golden.desne.calibrate import calibrate, entropy_target
from golden.desne.distance import distance
from hw.config import Configuration, distance_maximum
from verif.vectors.distance import digits, fashion_mnist


@dataclass(frozen=True, kw_only=True)
class Case:
    """A tile as calibrate sees it.

    Attributes
    ----------
    distances: int64[n, n]. perplexity: 1..k. neighbours: k, 1..n - 1.
    """

    distances: NDArray[np.int64]
    perplexity: float
    neighbours: int


def of_features(config: Configuration, features: NDArray[np.uint8], **settings) -> Case:
    """All neighbours the configuration has and a third of them as perplexity, unless given."""
    k = min(settings.get("neighbours", config.neighbours), len(features) - 1)
    perplexity = min(settings.get("perplexity", max(k / 3, 1)), k)
    return Case(distances=distance(features), perplexity=perplexity, neighbours=k)


def cases(config: Configuration, seed: int) -> dict[str, Case]:
    """Named tiles that fit the configuration."""
    rng = np.random.default_rng(seed)
    most, rows, most_k = config.samples, config.rows, config.neighbours
    middle = min(most, max(3 * rows, most_k + 2))

    def random(n: int, f: int = config.features) -> NDArray[np.uint8]:
        return rng.integers(0, 256, (n, f), dtype=np.uint8)

    def case(features: NDArray[np.uint8], **settings) -> Case:
        return of_features(config, features, **settings)

    extremes = np.zeros((middle, config.features), dtype=np.uint8)
    extremes[1::2] = 255
    single = max(middle - most_k, 1)
    duplicates = np.concatenate([random(single), random(1).repeat(middle - single, axis=0)])
    outlier = random(middle) // 128 + 127
    outlier[0] = 0
    pairs = np.zeros((middle, config.features), dtype=np.uint8)
    pairs[:, 0] = np.arange(middle) // 2 % 256
    named = {
        "random": case(random(middle)),
        "n = 2": case(random(2)),
        "n = 3": case(random(3)),
        "identical": case(random(1).repeat(middle, axis=0)),
        "duplicates": case(duplicates),
        "pairs": case(pairs, perplexity=2),
        "ties at the cut": case(rng.integers(0, 2, (middle, config.features), dtype=np.uint8)),
        "one feature": case(random(middle, 1)),
        "all 0 against all 255": case(extremes),
        "outlier": case(outlier),
        "n = rows": case(random(max(rows, 2))),
        "n not a multiple of rows": case(random(min(most, 2 * rows + 1))),
        "k = 1": case(random(middle), neighbours=1),
        "k = 2": case(random(middle), neighbours=2, perplexity=1.5),
        "k = n - 1": case(random(min(most_k, middle - 1) + 1)),
        "perplexity 1": case(random(middle), perplexity=1),
        "perplexity k": case(random(middle), perplexity=most_k),
        "perplexity k, almost equal": case(random(middle) // 64 + 100, perplexity=most_k),
        "perplexity just below k": case(random(middle), perplexity=most_k - 0.05),
        "largest distances": largest(config, middle, 1.5, rng),
        "perplexity k, far apart": largest(config, middle, most_k, rng),
        "digits": case(digits()[:middle, : config.features]),
    }
    images = fashion_mnist(middle)
    if images is not None:
        named["fashion-mnist"] = case(images[:, : config.features])
    return named


def largest(config: Configuration, n: int, perplexity: float, rng: np.random.Generator) -> Case:
    """Distances at both ends of their range, which no tile of features has."""
    top = distance_maximum(config.features)
    distances = rng.choice([0, 1, top - 1, top], (n, n))
    distances = np.maximum(distances, distances.T)
    np.fill_diagonal(distances, 0)
    k = min(config.neighbours, n - 1)
    return Case(distances=distances, perplexity=min(perplexity, k), neighbours=k)


def full_tile(config: Configuration, seed: int) -> Case:
    """As many samples as fit, all neighbours."""
    shape = (config.samples, config.features)
    features = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    return of_features(config, features)


def tiles(config: Configuration, samples: int, most: int) -> dict[str, Case]:
    """Up to `most` tiles of digits and of Fashion-MNIST in turn, at changing perplexities."""
    named = {}
    images = fashion_mnist(samples * most)
    for number in range(most):
        part = slice(number // 2 * samples, (number // 2 + 1) * samples)
        perplexity = (30, 5, 50.5, 12, 2, 40)[number // 2 % 6]
        if number % 2 == 0:
            tile = digits()[part]
            if len(tile) < samples:  # once through: the end of the data and its beginning
                tile = np.concatenate([tile, digits()])[:samples]
            name = "digits"
        elif images is not None:
            tile, name = images[part], "fashion-mnist"
        else:
            continue
        case = of_features(config, tile[:, : config.features], perplexity=perplexity)
        named[f"{name} {number // 2}"] = case
    return named


@dataclass(frozen=True, kw_only=True)
class Job:
    """What goes in and what must come out for one tile.

    Attributes
    ----------
    samples, neighbours, target: the job's settings.
    distances: {distance: int64[blocks * n, R], last: int64[blocks * n]}.
    edges: {edge: {index, weight: int64[blocks * k, R]}, last: int64[blocks * k]}, golden.
    rows: {status, code: int64[blocks, R]}, golden.
    """

    samples: int
    neighbours: int
    target: int
    distances: dict
    edges: dict
    rows: dict

    @property
    def blocks(self) -> int:
        return len(self.rows["code"])


def job(config: Configuration, case: Case, seed: int = 0) -> Job:
    """The streams of a case; the rows behind the last sample hold anything and give zeros."""
    n, k, rows = len(case.distances), case.neighbours, config.rows
    blocks = -(-n // rows)
    rng = np.random.default_rng(seed)
    padded = rng.integers(0, distance_maximum(config.features) + 1, (blocks * rows, n))
    padded[:n] = case.distances
    result = calibrate(case.distances, case.perplexity, k)

    def block(values: NDArray, *width: int) -> NDArray[np.int64]:
        """[row, ...] of all blocks, zeros behind the last -> [block, ..., row within block]."""
        full = np.zeros((blocks * rows, *width), dtype=np.int64)
        full[: len(values)] = values
        return np.moveaxis(full.reshape(blocks, rows, *width), 1, -1).reshape(-1, rows)

    def ends(count: int) -> NDArray[np.int64]:
        last = np.zeros((blocks, count), dtype=np.int64)
        last[:, -1] = 1
        return last.ravel()

    edge = {"index": block(result.neighbours, k), "weight": block(result.weights, k)}
    return Job(
        samples=n,
        neighbours=k,
        target=entropy_target(case.perplexity),
        distances={"distance": block(padded, n), "last": ends(n)},
        edges={"edge": edge, "last": ends(k)},
        rows={"status": block(result.status), "code": block(result.code)},
    )
