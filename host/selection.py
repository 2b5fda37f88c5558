# SPDX-License-Identifier: Apache-2.0
"""Which samples of a data set are worth training on, chosen by DE-SNE class by class.

Each class gets its share of the budget, is cut into tiles that fit the hardware's sample store, and
a back end embeds every tile and spends the tile's budget on its map. Tiles are independent, so all
cores work.
"""

import math
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import closing
from dataclasses import dataclass, fields
from typing import Any, TypeVar

import numpy as np

from golden.desne import Parameters, TileResult
from golden.desne.reduce import ReduceTable, make_table
from golden.desne.tiles import class_budgets, plan_class
from host.backends import Backend, make_backend
from host.datasets import Dataset
from host.errors import SelectionError
from host.selection_file import SelectionFile, make_document

DEFAULT_PERPLEXITY = 30.0
Entry = TypeVar("Entry")
Result = TypeVar("Result")


@dataclass(frozen=True, kw_only=True)
class Options:
    """What a user can ask of a selection.

    rule, spread, perplexity: None for default_rule(), default_spread() and default_perplexity();
    a spread asks for the rule medoid. preset: of the hardware; only with the back end rtl. jobs:
    tiles at a time, None: all cores.
    """

    keep: float
    rule: str | None = None
    drop: float = 0.0
    spread: int | None = None
    features: int = 64
    perplexity: float | None = None
    neighbours: int = 64
    iterations: int = 50
    tile: int = 1024
    tiles: str = "auto"
    seed: int = 1
    limit: int | None = None
    backend: str = "golden"
    preset: str | None = None
    jobs: int | None = None

    def __post_init__(self) -> None:
        if not 0 < self.keep <= 1:
            raise SelectionError(f"keep {self.keep:g} must be above 0 and at most 1")
        if self.tiles not in ("auto", "all"):
            raise SelectionError(f"tiles {self.tiles!r} must be 'auto' or 'all'")
        for name, least in (("features", 1), ("tile", 2), ("limit", 1), ("jobs", 1)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise SelectionError(f"{name} {value} must be at least {least}")
        if self.seed < 0:
            raise SelectionError(f"seed {self.seed} must not be negative")
        if self.perplexity is not None and not self.perplexity >= 1:
            raise SelectionError(f"perplexity {self.perplexity:g} must be at least 1")


@dataclass(frozen=True)
class Tile:
    """One tile: its class, its samples (ascending indices), its budget and what came out.

    counters: of the hardware, by name; empty when golden computed the tile.
    """

    label: int
    indices: np.ndarray
    budget: int
    result: TileResult
    counters: dict[str, int]


def class_members(dataset: Dataset, limit: int | None) -> dict[int, np.ndarray]:
    """The indices that may be chosen, by label: all, or the first `limit` of the class."""
    return {
        int(label): np.flatnonzero(dataset.y_train == label)[:limit] for label in dataset.classes
    }


def make_budgets(members: dict[int, np.ndarray], keep: float) -> np.ndarray:
    """How many samples of each class are chosen, int64 [C]; SelectionError if a class gets none."""
    try:
        return class_budgets(np.array([len(indices) for indices in members.values()]), keep)
    except ValueError as error:
        raise SelectionError(str(error)) from None


def default_perplexity(smallest: int, neighbours: int) -> float:
    """30, or a third of the smallest used tile when that is less; at most K, at least 1."""
    return max(1.0, min(DEFAULT_PERPLEXITY, smallest / 3, float(neighbours)))


def default_spread(budget: float) -> int:
    """16 sqrt(budget), from 64 to 256, rounded; budget: samples chosen of a class, on average.

    A small budget is best spent near the middle of each stretch of the map, a large one over most
    of it, so that the density of the data is kept: `python -m scripts.measure_rule` shows it.
    """
    return round(min(max(16 * math.sqrt(budget), 64), 256))


def default_rule(budget: float) -> str:
    """medoid; curve where the default spread is the whole stretch, budget 256 and more: a sample
    from anywhere in its stretch, but at even distances along the curve."""
    return "medoid" if default_spread(budget) < 256 else "curve"


@dataclass(frozen=True)
class Plan:
    """What a selection will do, before any tile runs.

    entries: (label, dataset indices ascending, budget) of each tile. tiles_total: of all classes,
    used or not. members: indices that may be chosen, by label.
    """

    entries: list[tuple[int, np.ndarray, int]]
    tiles_total: int
    members: dict[int, np.ndarray]
    parameters: Parameters
    table: ReduceTable


@dataclass(frozen=True)
class Selection(SelectionFile):
    """A selection with the tiles it was made from and the plan they follow."""

    tiles: list[Tile]
    plan: Plan


def make_plan(dataset: Dataset, options: Options, backend: Backend) -> Plan:
    """The tiles, and what is asked of them; SelectionError for what cannot be done."""
    backend.check(
        tile=options.tile,
        features=options.features,
        neighbours=options.neighbours,
        sample_bytes=dataset.x_train[0].size,
    )
    members = class_members(dataset, options.limit)
    entries, tiles_total = _tiles(members, options)
    parameters = _parameters(options, entries, len(members))
    return Plan(entries, tiles_total, members, parameters, reduce_table(dataset, options))


def select(
    dataset: Dataset,
    options: Options,
    on_start: Callable[[int], None] = lambda tiles: None,
    on_tile: Callable[[], None] = lambda: None,
) -> Selection:
    """Selects from the training part of `dataset`; SelectionError with one sentence if it cannot.

    `on_start` gets the number of tiles before the first one runs, `on_tile` is called after each.
    """
    with closing(make_backend(options.backend, options.preset)) as backend:
        plan = make_plan(dataset, options, backend)
        on_start(len(plan.entries))
        tiles = run_tiles(dataset, plan, plan.entries, backend, options.jobs, on_tile)
    indices = np.sort(np.concatenate([tile.indices[tile.result.chosen] for tile in tiles]))
    document = make_document(
        dataset,
        options,
        plan.parameters,
        plan.table,
        tiles,
        plan.tiles_total,
        plan.members,
        indices,
    )
    return Selection(indices, document, tiles, plan)


def run_tiles(
    dataset: Dataset,
    plan: Plan,
    entries: list[tuple[int, np.ndarray, int]],
    backend: Backend,
    jobs: int | None,
    on_tile: Callable[[], None],
) -> list[Tile]:
    """Computes these entries of the plan, `jobs` tiles at a time."""

    def run(entry: tuple[int, np.ndarray, int]) -> Tile:
        label, indices, budget = entry
        samples = dataset.x_train[indices].reshape(len(indices), -1)
        result, counters = backend.run_tile(samples, plan.table, plan.parameters, budget)
        return Tile(label, indices, budget, result, counters)

    return in_parallel(run, entries, jobs, on_tile)


def in_parallel(
    run: Callable[[Entry], Result],
    entries: list[Entry],
    jobs: int | None,
    on_result: Callable[[], None],
) -> list[Result]:
    """run(entry) of all, `jobs` at a time, in the order of the entries; the first error ends it."""
    with ThreadPoolExecutor(jobs or available_cores()) as pool:
        futures = [pool.submit(run, entry) for entry in entries]
        try:
            for future in as_completed(futures):
                future.result()
                on_result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return [future.result() for future in futures]


def available_cores() -> int:
    """The cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _tiles(
    members: dict[int, np.ndarray], options: Options
) -> tuple[list[tuple[int, np.ndarray, int]], int]:
    """(label, indices, budget) of every tile that runs, and how many tiles the classes have."""
    counts = np.array([len(indices) for indices in members.values()])
    budgets = make_budgets(members, options.keep)
    plan = []
    for (label, indices), budget in zip(members.items(), budgets, strict=True):
        tiles = plan_class(
            indices, int(budget), options.tile, options.seed, label, options.tiles == "all"
        )
        plan += [(label, part, share) for part, share in tiles]
    return plan, int(np.sum(-(-counts // options.tile)))


def _parameters(
    options: Options, entries: list[tuple[int, np.ndarray, int]], classes: int
) -> Parameters:
    """The parameters of every tile; refuses a perplexity that some tile cannot reach."""
    sizes = [len(indices) for _, indices, _ in entries]
    smallest = min((size for size in sizes if size > 1), default=2)
    limit = min(options.neighbours, smallest - 1)
    perplexity = options.perplexity
    if perplexity is None:
        perplexity = default_perplexity(smallest, options.neighbours)
    elif perplexity > limit:
        raise SelectionError(
            f"perplexity {perplexity:g} is out of reach: the smallest tile has {smallest} samples "
            f"and {options.neighbours} neighbours are kept, so at most {limit} fits"
        )
    shared = {field.name for field in fields(Parameters)} & {
        field.name for field in fields(Options)
    }
    asked = {name: getattr(options, name) for name in shared}
    budget = sum(budget for _, _, budget in entries) / classes
    rule, spread = options.rule, options.spread
    if rule is None:
        rule = default_rule(budget) if spread is None else "medoid"
    if spread is None:
        spread = default_spread(budget)
    derived = {"perplexity": perplexity, "rule": rule, "spread": spread}
    try:
        return Parameters(**{**asked, **derived})
    except ValueError as error:
        raise SelectionError(str(error)) from None


def reduce_table(dataset: Dataset, options: Options) -> ReduceTable:
    """How a sample becomes features; SelectionError if it cannot."""
    try:
        return make_table(dataset.x_train.shape[1:], options.features, options.seed)
    except ValueError as error:
        raise SelectionError(str(error)) from None


def repeat_options(document: dict[str, Any]) -> Options:
    """The options that made `document`, to make the selection again."""
    parameters = document["parameters"]
    names = {field.name for field in fields(Options)} & parameters.keys()
    asked = {name: parameters[name] for name in names}
    for name in ("perplexity", "rule", "spread"):
        if not parameters.get(f"{name}_given", True):  # every older file gave its rule
            asked[name] = None
    return Options(**asked)
