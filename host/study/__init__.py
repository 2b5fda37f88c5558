# SPDX-License-Identifier: Apache-2.0
"""Selectors beside each other: what is compared, and everything that decides a result."""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from host.datasets import Dataset
from host.selectors import RANDOM, Selector, parse_selector
from host.trainer.training import Recipe, check

FORMAT, FORMAT_VERSION = "near-memory-sampling study", 1
ALL = Selector("all", "all", {})
"""Not a way to choose: every sample."""


@dataclass(frozen=True)
class Choice:
    """One selection: by which selector, what share of the samples, with which seed."""

    selector: Selector
    keep: float
    seed: int


@dataclass(frozen=True)
class Run:
    """One training: of which model, on which selection; its seed is that of the selection."""

    model: str
    choice: Choice


@dataclass(frozen=True, kw_only=True)
class Study:
    """What is compared: every selector at every share with seeds 1 to `seeds`, on every model.

    recipe: of all runs, but for its model. limit: candidates of a class, None for all. all_data:
    whether every model is trained on all samples too.
    """

    selectors: tuple[Selector, ...]
    keep: tuple[float, ...]
    seeds: int
    models: tuple[str, ...]
    recipe: Recipe
    limit: int | None = None
    all_data: bool = True

    @property
    def choices(self) -> list[Choice]:
        """By seed, so that an unfinished study has something of everything."""
        return [
            Choice(selector, keep, seed)
            for seed in range(1, self.seeds + 1)
            for keep in self.keep
            for selector in self.selectors
        ]

    @property
    def runs(self) -> list[Run]:
        """All trainings, in the order of the choices."""
        made = [Run(model, choice) for choice in self.choices for model in self.models]
        if self.all_data:
            made += [
                Run(model, Choice(ALL, 1.0, seed))
                for seed in range(1, self.seeds + 1)
                for model in self.models
            ]
        return made

    def recipe_of(self, run: Run) -> Recipe:
        return replace(self.recipe, model=run.model)


def make_study(
    dataset: Dataset,
    selectors: Sequence[str],
    keep: Sequence[float],
    seeds: int,
    models: Sequence[str],
    recipe: Recipe,
    limit: int | None = None,
    all_data: bool = True,
) -> Study:
    """The study, with random among the selectors; SelectionError or TrainingError for what cannot
    be done."""
    check(dataset, recipe, models, seeds)
    found = {made.name: made for made in map(parse_selector, (RANDOM, *selectors))}
    study = Study(
        selectors=tuple(found.values()),
        keep=tuple(sorted(set(keep))),
        seeds=seeds,
        models=tuple(dict.fromkeys(models)),
        recipe=recipe,
        limit=limit,
        all_data=all_data,
    )
    for selector in study.selectors:
        for share in study.keep:
            selector.check(dataset, share, limit)
    return study


def foundation(dataset: Dataset, study: Study) -> dict[str, Any]:
    """What every result of a study has in common; results of another one are never mixed in."""
    assert dataset.x_test is not None and dataset.y_test is not None
    digest = hashlib.sha256(np.ascontiguousarray(dataset.x_test).data)
    digest.update(dataset.y_test.astype("<i8").tobytes())
    recipe = asdict(study.recipe)
    del recipe["model"]
    return {
        "training data": dataset.sha256,
        "test data": digest.hexdigest(),
        "limit": study.limit,
        **recipe,
    }
