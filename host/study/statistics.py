# SPDX-License-Identifier: Apache-2.0
"""From runs to figures: means, paired differences with confidence intervals, ranks, drops.

All accuracies are shares of 1. Differences are paired by seed: seed s has one random selection and
one of each selector, and training on any of them begins with the same weights.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from host.errors import UserError
from host.selectors import RANDOM
from host.study import ALL, Choice, Run, Study
from host.study.store import Store

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Difference:
    """Mean of paired differences and half the width of its confidence interval (Student's t with
    n - 1 degrees of freedom); None with a single pair, of which nothing is known."""

    mean: float
    half_width: float | None

    @property
    def sign(self) -> int:
        """+1 or -1 where the interval leaves out zero, else 0."""
        if self.half_width is None or abs(self.mean) <= self.half_width:
            return 0
        return 1 if self.mean > 0 else -1


def paired(values: Sequence[float], others: Sequence[float]) -> Difference:
    """values - others, pair by pair: mean, and t_{0.975, n-1} sd / sqrt(n)."""
    from scipy.stats import t

    pairs = np.subtract(values, others)
    mean, count = float(np.mean(pairs)), len(pairs)
    if count < 2:
        return Difference(mean, None)
    quantile = float(t.ppf((1 + CONFIDENCE) / 2, count - 1))
    return Difference(mean, quantile * float(np.std(pairs, ddof=1)) / math.sqrt(count))


def spread(values: Sequence[float]) -> float | None:
    """Standard deviation over the seeds, None with one."""
    return float(np.std(values, ddof=1)) if len(values) > 1 else None


@dataclass(frozen=True)
class Row:
    """One selector at one share on one model.

    accuracy: by seed. minus_random: None for random itself and for all data. rank: by mean
    accuracy among the selectors of this model and share, 1 being the best; equal means share the
    middle rank. seconds: processor time of a selection, median over the seeds.
    """

    model: str
    keep: float
    selector: str
    samples: int
    accuracy: list[float]
    minus_random: Difference | None
    rank: float | None
    seconds: float | None

    @property
    def mean(self) -> float:
        return float(np.mean(self.accuracy))

    @property
    def spread(self) -> float | None:
        return spread(self.accuracy)


@dataclass(frozen=True)
class Drop:
    """What a selector loses from the reference model (the first) to another one.

    of_gain: gain over random on the reference less gain over random on the other model, paired by
    seed: what the selection itself loses by being used for another model. of_accuracy: mean
    accuracy on the reference less that on the other: mostly the difference between the models.
    """

    selector: str
    keep: float
    reference: str
    model: str
    of_gain: Difference
    of_accuracy: float


@dataclass(frozen=True)
class Standing:
    """A selector over all shares of a model: mean rank, and at how many shares it is above and
    below random with the whole confidence interval."""

    model: str
    selector: str
    mean_rank: float
    above: int
    below: int
    mean_gain: float


@dataclass(frozen=True)
class Summary:
    """Everything that tables and plots show."""

    rows: list[Row]
    standings: list[Standing]
    drops: list[Drop]


def summarise(study: Study, store: Store) -> Summary:
    """Reads a complete folder. UserError where a run was trained on other indices than the
    selection beside it."""
    from scipy.stats import rankdata

    seeds = range(1, study.seeds + 1)
    seconds: dict[Choice, float] = {}
    sha256: dict[Choice, str] = {}
    for choice in study.choices:
        document = store.selection(choice)
        assert document is not None
        seconds[choice] = document.document["seconds"]["processor"]
        sha256[choice] = document.document["sha256"]
    accuracy: dict[Run, float] = {}
    samples: dict[Run, int] = {}
    for run in study.runs:
        found = store.run(run)
        assert found is not None
        if found["sha256"] != sha256.get(run.choice, found["sha256"]):
            raise UserError(
                f"a run of {run.model} was trained on other indices than the selection of "
                f"{run.choice.selector.name} at keep {run.choice.keep:g}, seed {run.choice.seed}: "
                f"remove the folder {store.root / 'runs'}, and run again"
            )
        accuracy[run], samples[run] = found["accuracy"], found["samples"]

    rows = []
    for model in study.models:
        for keep in study.keep:
            runs = {
                selector: [Run(model, Choice(selector, keep, seed)) for seed in seeds]
                for selector in study.selectors
            }
            values = {part: [accuracy[run] for run in made] for part, made in runs.items()}
            ranks = rankdata([-float(np.mean(part)) for part in values.values()])
            base = next(part for part in study.selectors if part.name == RANDOM)
            for (selector, found), rank in zip(values.items(), ranks, strict=True):
                gain = None if selector is base else paired(found, values[base])
                time = float(np.median([seconds[run.choice] for run in runs[selector]]))
                size = samples[runs[selector][0]]
                rows.append(Row(model, keep, selector.name, size, found, gain, float(rank), time))
        if study.all_data:
            made = [Run(model, Choice(ALL, 1.0, seed)) for seed in seeds]
            found = [accuracy[run] for run in made]
            rows.append(Row(model, 1.0, ALL.name, samples[made[0]], found, None, None, None))
    return Summary(rows, _standings(rows), _drops(study, rows))


def _standings(rows: list[Row]) -> list[Standing]:
    found = []
    for model, name in dict.fromkeys((row.model, row.selector) for row in rows):
        of = [row for row in rows if (row.model, row.selector) == (model, name)]
        ranks = [row.rank for row in of if row.rank is not None]
        if not ranks:
            continue
        gains = [row.minus_random for row in of if row.minus_random is not None]
        signs = [gain.sign for gain in gains]
        mean_gain = float(np.mean([gain.mean for gain in gains])) if gains else 0.0
        found.append(
            Standing(model, name, float(np.mean(ranks)), signs.count(1), signs.count(-1), mean_gain)
        )
    return sorted(found, key=lambda part: (part.model, part.mean_rank))


def _drops(study: Study, rows: list[Row]) -> list[Drop]:
    accuracy = {(row.model, row.selector, row.keep): row.accuracy for row in rows}
    reference, found = study.models[0], []
    for model in study.models[1:]:
        for keep in study.keep:
            for name in (selector.name for selector in study.selectors):
                here, there = (accuracy[part, name, keep] for part in (reference, model))
                base, other = (accuracy[part, RANDOM, keep] for part in (reference, model))
                of_gain = paired(
                    np.subtract(here, base).tolist(), np.subtract(there, other).tolist()
                )
                of_accuracy = float(np.mean(here) - np.mean(there))
                found.append(Drop(name, keep, reference, model, of_gain, of_accuracy))
    return found
