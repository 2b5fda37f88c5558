# SPDX-License-Identifier: Apache-2.0
"""Makes what a study still lacks: selections first, each followed by the runs trained on it."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from host.cluster import WHOLE_PROCESS, connected
from host.datasets import Dataset
from host.selection import class_members
from host.selection_file import SelectionFile
from host.selectors import choose
from host.study import ALL, Choice, Run, Study
from host.study.store import Store
from host.trainer.training import train_on_cluster


@dataclass(frozen=True)
class Missing:
    """What a folder lacks. runs: by the choice they are trained on."""

    choices: list[Choice]
    runs: dict[Choice, list[Run]]

    @property
    def pieces(self) -> int:
        return len(self.choices) + sum(map(len, self.runs.values()))


def find_missing(study: Study, store: Store) -> Missing:
    """Selections and runs that are not there yet."""
    runs: dict[Choice, list[Run]] = defaultdict(list)
    for run in study.runs:
        if store.run(run) is None:
            runs[run.choice].append(run)
    choices = [choice for choice in study.choices if store.selection(choice) is None]
    return Missing(choices, dict(runs))


def execute(
    dataset: Dataset,
    study: Study,
    store: Store,
    scheduler: str | None = None,
    jobs: int | None = None,
    on_start: Callable[[int], None] = lambda pieces: None,
    on_piece: Callable[[], None] = lambda: None,
) -> None:
    """Completes the folder; the same study gives the same indices and accuracies whatever does the
    work, in whatever order, and however often it was broken off."""
    missing = find_missing(study, store)
    on_start(missing.pieces)
    if not missing.pieces:
        return
    with connected(scheduler, jobs) as cluster:
        shared = cluster.share(dataset)
        indices: dict[Choice, np.ndarray] = {}

        def train_on(choice: Choice) -> None:
            for run in missing.runs.get(choice, []):
                recipe = study.recipe_of(run)
                cluster.start(
                    run,
                    train_on_cluster,
                    shared,
                    indices[choice],
                    recipe,
                    choice.seed,
                    urgency=-choice.seed,
                )

        for choice in missing.choices:
            cluster.start(choice, _choose, shared, choice, study.limit, urgency=-choice.seed)
        lacking = set(missing.choices)
        for choice in missing.runs:
            if choice.selector == ALL:
                parts = list(class_members(dataset, study.limit).values())
                indices[choice] = np.sort(np.concatenate(parts))
                train_on(choice)
            elif choice not in lacking:
                found = store.selection(choice)
                assert found is not None
                indices[choice] = found.indices
                train_on(choice)
        for piece, result in cluster.finished():
            if isinstance(piece, Choice):
                store.write_selection(piece, result)
                indices[piece] = result.indices
                train_on(piece)
            else:
                assert isinstance(piece, Run)
                store.write_run(piece, indices[piece.choice], result)
            on_piece()


def _choose(dataset: Dataset, choice: Choice, limit: int | None) -> SelectionFile:
    with WHOLE_PROCESS:
        return choose(choice.selector, dataset, choice.keep, choice.seed, limit)
