# SPDX-License-Identifier: Apache-2.0
"""Selection beside class-balanced random and all data: the same recipe, the same seeds, paired.

Run s of every row starts from the same weights. The random row draws anew for every run, as many
samples of each class as the selection has, from the samples the selection was made from. Given
several selections (made with different seeds), run s uses selection s, so that their spread counts.
"""

import math
import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict
from functools import partial
from importlib.metadata import version
from typing import Any

import numpy as np

from host.datasets import Dataset
from host.errors import TrainingError
from host.selection import available_cores, class_members
from host.selection_file import SelectionFile
from host.trainer.models import make_model
from host.trainer.training import Recipe, train_and_test

FORMAT = "near-memory-sampling training"
FORMAT_VERSION = 1
ROWS = ("selection", "random", "all")

_dataset: Dataset


def compare(
    dataset: Dataset,
    selections: list[SelectionFile],
    recipe: Recipe,
    seeds: int,
    jobs: int | None = None,
    on_start: Callable[[int], None] = lambda runs: None,
    on_run: Callable[[], None] = lambda: None,
) -> dict[str, Any]:
    """Trains every row `seeds` times and returns the document that `nms train` prints and writes.

    Raises TrainingError when there is no test part, the selections differ in their counts, or the
    recipe does not fit the data. `on_start` gets the number of runs, `on_run` is called after each.
    """
    _check(dataset, selections, recipe, seeds)
    limit = selections[0].document["parameters"]["limit"]
    members = class_members(dataset, limit)
    counts = _counts(dataset, selections)
    runs = [
        (row, run, _indices(row, run, selections, members, counts))
        for run in range(1, seeds + 1)
        for row in ROWS
    ]
    on_start(len(runs))
    accuracy = {row: [0.0] * seeds for row in ROWS}
    work = partial(_run, recipe)
    workers = min(jobs or available_cores(), len(runs))
    if workers == 1:
        _start(dataset)
        for row, run, indices in runs:
            accuracy[row][run - 1] = work(indices, run)
            on_run()
    else:
        spawn = multiprocessing.get_context("spawn")  # a forked torch may hang
        with ProcessPoolExecutor(workers, spawn, _start, (dataset,)) as pool:
            futures = {pool.submit(work, indices, run): (row, run) for row, run, indices in runs}
            for future in as_completed(futures):
                row, run = futures[future]
                accuracy[row][run - 1] = future.result()
                on_run()
    sizes = {row: len(indices) for row, _, indices in runs}
    return _document(dataset, selections, recipe, sizes, accuracy)


def _start(dataset: Dataset) -> None:
    """Gives a worker its data once, not with every run."""
    global _dataset
    _dataset = dataset


def _run(recipe: Recipe, indices: np.ndarray, seed: int) -> float:
    data, classes = _dataset, _dataset.classes
    if data.x_test is None or data.y_test is None:
        raise TrainingError(f"{data.source} holds no test part")
    return train_and_test(
        recipe,
        data.x_train[indices],
        np.searchsorted(classes, data.y_train[indices]),
        data.x_test,
        np.searchsorted(classes, data.y_test),
        len(classes),
        seed,
    )


def _check(dataset: Dataset, selections: list[SelectionFile], recipe: Recipe, seeds: int) -> None:
    if dataset.x_test is None:
        raise TrainingError(f"{dataset.source} holds no test part: add x_test and y_test to train")
    for name, value, least in (
        ("seeds", seeds, 1),
        ("steps", recipe.steps, 1),
        ("batch", recipe.batch, 2),
    ):
        if value < least:
            raise TrainingError(f"{name} {value} must be at least {least}")
    if not selections:
        raise TrainingError("no selection was given")
    make_model(recipe.model, dataset.x_train.shape[1:], 2)


def _counts(dataset: Dataset, selections: list[SelectionFile]) -> dict[int, int]:
    """How many samples of each label every selection holds."""
    found = [
        tuple(int(np.sum(dataset.y_train[part.indices] == label)) for label in dataset.classes)
        for part in selections
    ]
    limits = {part.document["parameters"]["limit"] for part in selections}
    if len(set(found)) > 1 or len(limits) > 1:
        raise TrainingError(
            "the selections differ in their counts per class or their limit: compare selections "
            "that differ in the seed only"
        )
    return dict(zip((int(label) for label in dataset.classes), found[0], strict=True))


def _indices(
    row: str,
    run: int,
    selections: list[SelectionFile],
    members: dict[int, np.ndarray],
    counts: dict[int, int],
) -> np.ndarray:
    if row == "selection":
        return selections[(run - 1) % len(selections)].indices
    if row == "all":
        return np.sort(np.concatenate(list(members.values())))
    draw = np.random.default_rng([run, 0x72616E64])
    parts = [draw.permutation(part)[: counts[label]] for label, part in members.items()]
    return np.sort(np.concatenate(parts))


def _spread(values: list[float]) -> float | None:
    return float(np.std(values, ddof=1)) if len(values) > 1 else None


def _document(
    dataset: Dataset,
    selections: list[SelectionFile],
    recipe: Recipe,
    sizes: dict[str, int],
    accuracy: dict[str, list[float]],
) -> dict[str, Any]:
    pairs = [a - b for a, b in zip(accuracy["selection"], accuracy["random"], strict=True)]
    spread = _spread(pairs)
    return {
        "format": FORMAT,
        "version": FORMAT_VERSION,
        "data": {"source": dataset.source, "name": dataset.name, "sha256": dataset.sha256},
        "test_samples": 0 if dataset.x_test is None else len(dataset.x_test),
        "recipe": asdict(recipe),
        "seeds": len(pairs),
        "selection_seeds": [part.document["parameters"]["seed"] for part in selections],
        "rows": {
            row: {
                "samples": sizes[row],
                "mean": float(np.mean(accuracy[row])),
                "spread": _spread(accuracy[row]),
                "accuracy": accuracy[row],
            }
            for row in ROWS
        },
        "difference_to_random": {
            "mean": float(np.mean(pairs)),
            "standard_error": None if spread is None else spread / math.sqrt(len(pairs)),
            "pairs": pairs,
        },
        "tool": {name: version(name) for name in ("near-memory-sampling", "numpy", "torch")},
    }
