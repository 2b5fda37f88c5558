# SPDX-License-Identifier: Apache-2.0
"""Selections beside class-balanced random and all data: the same recipe, the same seeds, paired.

Run s of every row starts from the same weights. The random row draws anew for every run, as many
samples of each class as the selections have, from the samples they were made from. Selections that
differ in nothing but their seed are one row: its run s uses selection s, so that their spread
counts. Selections made in different ways (another rule, say) are rows of their own.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict
from importlib.metadata import version
from typing import Any

import numpy as np

from host.cluster import check_processes, connected
from host.datasets import Dataset
from host.errors import TrainingError
from host.files import RESULTS_FORMAT, RESULTS_VERSION
from host.selection import available_cores, class_members
from host.selection_file import SelectionFile
from host.trainer.training import Recipe, check, train_on_cluster

RANDOM, ALL = "class-balanced random", "all data"
WAYS = (
    "rule",
    "drop",
    "spread",
    "perplexity",
    "features",
    "iterations",
    "neighbours",
    "tile",
    "tiles",
)


def compare(
    dataset: Dataset,
    selections: Sequence[SelectionFile],
    recipe: Recipe,
    seeds: int,
    jobs: int | None = None,
    on_start: Callable[[int], None] = lambda runs: None,
    on_run: Callable[[], None] = lambda: None,
    scheduler: str | None = None,
) -> dict[str, Any]:
    """Trains every row `seeds` times and returns the document that `nms train` prints and writes.

    Raises TrainingError when there is no test part, the selections differ in their counts, or the
    recipe does not fit the data. `on_start` gets the number of runs, `on_run` is called after each.
    jobs, scheduler: see host.cluster.
    """
    check(dataset, recipe, [recipe.model], seeds)
    check_processes(scheduler, jobs)
    if not selections:
        raise TrainingError("no selection was given")
    groups = _groups(selections)
    members = class_members(dataset, selections[0].document["parameters"]["limit"])
    counts = _counts(dataset, selections)
    runs = [
        (row, run, _indices(row, run, groups, members, counts))
        for run in range(1, seeds + 1)
        for row in (*groups, RANDOM, ALL)
    ]
    on_start(len(runs))
    accuracy = {row: [0.0] * seeds for row, _, _ in runs}
    with connected(scheduler, min(jobs or available_cores(), len(runs))) as cluster:
        shared = cluster.share(dataset)
        for place, (_, run, indices) in enumerate(runs):
            cluster.start(place, train_on_cluster, shared, indices, recipe, run)
        for place, result in cluster.finished():
            row, run, _ = runs[place]
            accuracy[row][run - 1] = result["accuracy"]
            on_run()
    sizes = {row: len(indices) for row, _, indices in runs}
    return _document(dataset, groups, recipe, sizes, accuracy)


def _groups(selections: Sequence[SelectionFile]) -> dict[str, list[SelectionFile]]:
    """The selections by how they were made, under a name that says what sets the ways apart."""
    for part in selections:
        if "rule" not in part.document["parameters"]:
            name = part.document.get("selector", {}).get("name")
            raise TrainingError(
                f"a selection was made by {name} and not by nms select: compare it with nms study"
            )
    ways = [{name: part.document["parameters"][name] for name in WAYS} for part in selections]
    differing = [name for name in WAYS if any(way[name] != ways[0][name] for way in ways)]
    groups: dict[str, list[SelectionFile]] = {}
    for way, part in zip(ways, selections, strict=True):
        detail = ", ".join(f"{name} {way[name]}".removesuffix(".0") for name in differing)
        groups.setdefault(f"DE-SNE {detail}" if detail else "DE-SNE", []).append(part)
    return groups


def _counts(dataset: Dataset, selections: Sequence[SelectionFile]) -> dict[int, int]:
    """How many samples of each label every selection holds."""
    found = [
        tuple(int(np.sum(dataset.y_train[part.indices] == label)) for label in dataset.classes)
        for part in selections
    ]
    limits = {part.document["parameters"]["limit"] for part in selections}
    if len(set(found)) > 1 or len(limits) > 1:
        raise TrainingError(
            "the selections differ in their counts per class or their limit: compare only "
            "selections made with the same keep and limit"
        )
    return dict(zip((int(label) for label in dataset.classes), found[0], strict=True))


def _indices(
    row: str,
    run: int,
    groups: dict[str, list[SelectionFile]],
    members: dict[int, np.ndarray],
    counts: dict[int, int],
) -> np.ndarray:
    if row in groups:
        return groups[row][(run - 1) % len(groups[row])].indices
    if row == ALL:
        return np.sort(np.concatenate(list(members.values())))
    draw = np.random.default_rng([run, 0x72616E64])
    parts = [draw.permutation(part)[: counts[label]] for label, part in members.items()]
    return np.sort(np.concatenate(parts))


def _spread(values: list[float]) -> float | None:
    return float(np.std(values, ddof=1)) if len(values) > 1 else None


def _difference(accuracy: dict[str, list[float]], row: str) -> dict[str, Any]:
    """Row minus random, run by run: mean and its standard error."""
    pairs = [a - b for a, b in zip(accuracy[row], accuracy[RANDOM], strict=True)]
    spread = _spread(pairs)
    return {
        "mean": float(np.mean(pairs)),
        "standard_error": None if spread is None else spread / math.sqrt(len(pairs)),
    }


def _document(
    dataset: Dataset,
    groups: dict[str, list[SelectionFile]],
    recipe: Recipe,
    sizes: dict[str, int],
    accuracy: dict[str, list[float]],
) -> dict[str, Any]:
    rows = []
    for row, values in accuracy.items():
        kind = {RANDOM: "random", ALL: "all"}.get(row, "selection")
        made = [part.document["parameters"] for part in groups.get(row, [])]
        rows.append(
            {
                "name": row,
                "kind": kind,
                "samples": sizes[row],
                "mean": float(np.mean(values)),
                "spread": _spread(values),
                "accuracy": values,
                "minus_random": _difference(accuracy, row) if kind == "selection" else None,
                "made_with": {name: made[0][name] for name in WAYS} if made else None,
                "selection_seeds": [part["seed"] for part in made],
            }
        )
    return {
        "format": RESULTS_FORMAT,
        "version": RESULTS_VERSION,
        "data": {"source": dataset.source, "name": dataset.name, "sha256": dataset.sha256},
        "test_samples": 0 if dataset.x_test is None else len(dataset.x_test),
        "recipe": asdict(recipe),
        "seeds": len(accuracy[RANDOM]),
        "rows": rows,
        "tool": {name: version(name) for name in ("near-memory-sampling", "numpy", "torch")},
    }
