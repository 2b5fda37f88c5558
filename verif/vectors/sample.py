# SPDX-License-Identifier: Apache-2.0
"""Mapped tiles for the sampling unit, and jobs on them with the golden choice."""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from golden.cycles import candidate_count, occupied_cells, sample_cycles
from golden.desne.engine import Parameters, run_tile
from golden.desne.reduce import make_table
from golden.desne.sample import RULES, candidates, sample
from hw.config import Configuration
from verif.vectors.distance import digits

LOWEST, HIGHEST = -(1 << 14), (1 << 14) - 1
"""Of a coordinate, S7.8."""


@dataclass(frozen=True)
class Tile:
    """A map: coordinates int32[n, 2], neighbours int32[n, k], features uint8[n, F]."""

    coordinates: NDArray[np.int32]
    neighbours: NDArray[np.int32]
    features: NDArray[np.uint8]

    @property
    def samples(self) -> int:
        return len(self.coordinates)


@dataclass(frozen=True, kw_only=True)
class Job:
    """A tile and the settings; `chosen` is the golden result."""

    tile: Tile
    rule: str
    budget: int
    drop: int = 1
    spread: int = 128
    phase: int = 0x9C3D
    label: str = field(default="", compare=False)

    @cached_property
    def chosen(self) -> NDArray[np.int64]:
        return sample(
            self.tile.coordinates,
            self.tile.neighbours,
            self.tile.features,
            self.budget,
            rule=self.rule,
            drop_quarters=self.drop,
            spread=self.spread,
            phase=self.phase,
        )

    def cycles(self, config: Configuration) -> int:
        """From the first coordinate to the end of busy without stalls, by the golden model."""
        n = self.tile.samples
        left = candidates(self.tile.neighbours, self.budget, self.drop)
        assert len(left) == candidate_count(n, self.budget, self.drop)
        settings = self.settings(config)
        return sample_cycles(
            n,
            len(left),
            self.rule,
            beats=settings["beats"],
            byte_lanes=config.lanes,
            most_samples=config.samples,
            most_features=config.features,
            budget=self.budget,
            cells=self.cells,
        )

    @property
    def cells(self) -> int:
        """Occupied cells of the final grid; 0 for the other rules."""
        if self.rule != "grid":
            return 0
        left = candidates(self.tile.neighbours, self.budget, self.drop)
        return occupied_cells(self.tile.coordinates[left], self.budget)

    def settings(self, config: Configuration) -> dict[str, int]:
        """Values of the unit's inputs at start."""
        return {
            "samples": self.tile.samples,
            "budget": self.budget,
            "beats": -(-self.tile.features.shape[1] // config.lanes),
            "rule": RULES.index(self.rule),
            "drop": self.drop,
            "spread": self.spread,
            "phase": self.phase,
        }

    def store(self, config: Configuration, padding: int = 0) -> NDArray[np.uint8]:
        """Content of the store of samples, uint8[N * beats, lanes]; `padding` fills last beats."""
        n, count = self.tile.features.shape
        beats = -(-count // config.lanes)
        rows = np.full((config.samples, config.beats * config.lanes), 0x5A, dtype=np.uint8)
        rows[:n, : beats * config.lanes] = padding
        rows[:n, :count] = self.tile.features
        return rows.reshape(-1, config.lanes)


def lists(rng: np.random.Generator, n: int, k: int) -> NDArray[np.int32]:
    """k random neighbours of each sample, ascending, without itself."""
    keys = rng.random((n, n))
    np.fill_diagonal(keys, 2)
    return np.sort(np.argsort(keys, axis=1)[:, :k], axis=1).astype(np.int32)


def tile(
    config: Configuration, rng: np.random.Generator, coordinates: object, features: int = 0
) -> Tile:
    """A tile with these coordinates, random neighbours and random features."""
    points = np.asarray(coordinates, dtype=np.int32)
    n = len(points)
    count = features or config.features
    return Tile(
        points,
        lists(rng, n, min(config.neighbours, n - 1)),
        rng.integers(0, 256, (n, count), dtype=np.uint8),
    )


def digits_tile(config: Configuration, n: int) -> Tile:
    """The map of digits that the golden engine makes."""
    samples = digits()[:n]
    table = make_table((8, 8), config.features, seed=1)
    perplexity = min(30.0, config.neighbours / 2)
    parameters = Parameters(perplexity=perplexity, neighbours=config.neighbours, iterations=30)
    result = run_tile(samples, table, parameters, budget=1)
    return Tile(result.coordinates, result.neighbours, result.features)


def tiles(config: Configuration, seed: int, most: int = 0) -> dict[str, Tile]:
    """Named tiles of at most `most` samples (the configuration's, if 0)."""
    rng = np.random.default_rng(seed)
    n = most or config.samples

    def uniform(low: int, high: int, count: int = n) -> NDArray[np.int64]:
        return rng.integers(low, high + 1, (count, 2))

    line = np.stack([np.linspace(-900, 1100, n), np.full(n, 37)], axis=1).astype(int)
    diagonal = np.repeat(np.linspace(LOWEST, HIGHEST, n).astype(int)[:, None], 2, axis=1)
    corners = np.array([[LOWEST, LOWEST], [HIGHEST, LOWEST], [LOWEST, HIGHEST], [HIGHEST, HIGHEST]])
    hub = tile(config, rng, uniform(-400, 400))
    # every list begins with sample n - 1, whose own in-degree is the largest possible; the others'
    # lists are the same few, so the in-degrees are full of ties
    few = np.arange(hub.neighbours.shape[1])
    for i in range(n):
        others = few + (few >= i) if i < n - 1 else few
        hub.neighbours[i] = others
        if i < n - 1:
            hub.neighbours[i, -1] = n - 1
    flat = tile(config, rng, uniform(-3000, 3000))
    flat.features[:] = flat.features[0]
    extreme = tile(config, rng, corners[rng.integers(0, 4, n)])
    extreme.features[:] = np.where(np.arange(n)[:, None] % 2, 255, 0)
    return {
        "digits": digits_tile(config, n),
        "random": tile(config, rng, uniform(-5000, 5000)),
        "whole range": tile(config, rng, uniform(LOWEST, HIGHEST), config.lanes),
        "many ties": tile(config, rng, uniform(-2, 2), max(config.features - 1, 1)),
        "identical": tile(config, rng, np.repeat(uniform(-99, 99, 1), n, axis=0)),
        "horizontal line": tile(config, rng, line),
        "vertical line": tile(config, rng, line[:, ::-1]),
        "diagonal, shuffled": tile(config, rng, rng.permutation(diagonal)),
        "corners": extreme,
        "one far away": tile(config, rng, np.vstack([uniform(-3, 3, n - 1), corners[:1]])),
        "one sample in all lists": hub,
        "equal features": flat,
        "two": tile(config, rng, uniform(-50, 50, 2), 1),
        "three": tile(config, rng, uniform(-50, 50, 3), 1),
    }


def budgets(n: int, drop: int) -> list[int]:
    """1, n, a share, and around n - floor(n * drop / 4), where the drop begins to be cut short."""
    left = n - n * drop // 4
    wanted = {1, n, max(n // 5, 1), left - 1, left, left + 1}
    return sorted(b for b in wanted if 1 <= b <= n)


def jobs(config: Configuration, seed: int, most: int = 0) -> dict[str, list[Job]]:
    """Two jobs on every tile for each rule; all drops, budgets, spreads and phases occur."""
    rng = np.random.default_rng(seed + 1)
    result: dict[str, list[Job]] = {}
    for number, (name, one) in enumerate(tiles(config, seed, most).items()):
        result[name] = []
        for turn, rule in enumerate(RULES, number):
            drop = turn % 3
            all_budgets = budgets(one.samples, drop)
            for budget in sorted({all_budgets[turn % len(all_budgets)], max(one.samples // 5, 1)}):
                result[name].append(
                    Job(
                        tile=one,
                        rule=rule,
                        budget=budget,
                        drop=drop,
                        spread=(0, 128, 256, 255, 1)[turn % 5],
                        phase=(0, 0xFFFF, 0x8000, int(rng.integers(1 << 16)))[turn % 4],
                        label=f"{name}, {rule}, b = {budget}, drop {drop}",
                    )
                )
    return result


def full_jobs(config: Configuration, seed: int) -> list[Job]:
    """Jobs on tiles of the most samples: real ones, and those that reach the extreme values."""
    named = tiles(config, seed)
    n = config.samples
    real, share = named["digits"], max(n // 5, 1)
    # a few lists are enough where the in-degrees are not what is tested
    few = {
        name: Tile(one.coordinates, one.neighbours[:, :2], one.features)
        for name, one in named.items()
    }
    hub = named["one sample in all lists"]
    return [
        Job(tile=real, rule="curve", budget=share, label="digits, curve"),
        Job(tile=few["digits"], rule="medoid", budget=share, label="digits, medoid"),
        Job(tile=few["digits"], rule="grid", budget=share, label="digits, grid"),
        Job(tile=few["digits"], rule="curve", budget=n, drop=0, label="all, curve"),
        Job(tile=few["random"], rule="medoid", budget=n, drop=0, label="all, medoid"),
        Job(tile=few["random"], rule="medoid", budget=n // 2, drop=0, label="half, medoid"),
        Job(tile=few["random"], rule="grid", budget=n - 1, drop=0, label="all but one, grid"),
        Job(tile=few["identical"], rule="grid", budget=n // 2, drop=0, label="identical, grid"),
        Job(
            tile=few["corners"],
            rule="medoid",
            budget=1,
            drop=0,
            spread=256,
            phase=0xFFFF,
            label="largest scores, medoid",
        ),
        Job(tile=hub, rule="curve", budget=share, drop=2, label="largest in-degree, curve"),
    ]
