# SPDX-License-Identifier: Apache-2.0
"""Every way to choose samples that a study compares: DE-SNE with any options, and its rivals.

All choose class by class with the same budgets, from the same bytes: the features that golden's
reduce makes of a sample.
"""

import re
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import cache
from importlib.metadata import version
from typing import Any, get_args, get_type_hints

import numpy as np

from golden.desne import Parameters, run_tile
from golden.desne.reduce import make_table, reduce
from golden.desne.tiles import plan_class
from host.backends import make_backend
from host.datasets import Dataset
from host.errors import SelectionError
from host.selection import Options, class_members, make_budgets, make_plan, reduce_table, select
from host.selection_file import FORMAT, FORMAT_VERSION, SelectionFile, about
from host.selectors import baselines
from host.selectors.facility import facility_location

DESNE = "desne"
RANDOM = "random"
FACILITY_TILE = 8192
"""Facility location holds all pairs of a tile: 256 MiB at most. A larger class is cut into tiles
the way DE-SNE cuts it, all of which are used."""

Choose = Callable[[np.ndarray, int, np.random.Generator], np.ndarray]


@dataclass(frozen=True)
class Baseline:
    """choose: positions in the features of a class, or of a tile of it with at most `tile`
    samples (None: no limit). looks: whether it reads the features."""

    choose: Choose
    tile: int | None = None
    looks: bool = True


BASELINES = {
    RANDOM: Baseline(baselines.random, looks=False),
    "k-means": Baseline(baselines.k_means),
    "k-center": Baseline(baselines.k_center),
    "herding": Baseline(baselines.herding),
    "facility-location": Baseline(facility_location, FACILITY_TILE),
}
DESNE_OPTIONS = (
    *("drop", "spread", "features", "perplexity", "neighbours", "iterations", "tile", "tiles"),
)
BASELINE_OPTIONS = ("features",)


@dataclass(frozen=True)
class Selector:
    """One way to choose. name: as the user wrote it, options sorted; kind: 'desne', 'desne-RULE'
    or one of BASELINES; options: those given, by name."""

    name: str
    kind: str
    options: dict[str, Any] = field(hash=False)

    @property
    def is_desne(self) -> bool:
        return self.kind.partition("-")[0] == DESNE

    def desne_options(self, keep: float, seed: int, limit: int | None) -> Options:
        """Those of nms select; for a baseline, what it shares with DE-SNE."""
        rule = self.kind.partition("-")[2] if self.is_desne else ""
        given = {**self.options, **({"rule": rule} if rule else {})}
        return Options(keep=keep, seed=seed, limit=limit, jobs=1, **given)

    def check(self, dataset: Dataset, keep: float, limit: int | None) -> None:
        """SelectionError, before any work, for what cannot be chosen."""
        options = self.desne_options(keep, 1, limit)
        if self.is_desne:
            make_plan(dataset, options, make_backend(options.backend))
        make_budgets(class_members(dataset, limit), keep)
        reduce_table(dataset, options)


def parse_selector(text: str) -> Selector:
    """'KIND' or 'KIND:option=value,option=value'; SelectionError for what is not known."""
    kind, _, rest = text.strip().partition(":")
    selector = Selector(kind, kind, {})
    if not selector.is_desne and kind not in BASELINES:
        known = ", ".join(("desne-RULE", *BASELINES))
        raise SelectionError(f"there is no selector {kind!r}: choose among {known}")
    allowed = DESNE_OPTIONS if selector.is_desne else BASELINE_OPTIONS
    options = {}
    for part in filter(None, re.split(r"\s*,\s*", rest.strip())):
        name, _, value = part.partition("=")
        if name not in allowed:
            raise SelectionError(
                f"{kind} has no option {name!r}: choose among {', '.join(allowed)}, "
                f"as in {kind}:{allowed[0]}=..."
            )
        options[name] = _typed(kind, name, value)
    text = ",".join(f"{name}={_text(options[name])}" for name in sorted(options))
    return Selector(f"{kind}:{text}" if text else kind, kind, options)


def _text(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _typed(kind: str, name: str, value: str) -> Any:
    annotated = get_type_hints(Options)[name]
    kinds = (get_args(annotated) or (annotated,))[0]
    try:
        return kinds(value)
    except ValueError:
        raise SelectionError(
            f"{kind}:{name}={value} is not {'an integer' if kinds is int else 'a number'}"
        ) from None


def choose(
    selector: Selector, dataset: Dataset, keep: float, seed: int, limit: int | None = None
) -> SelectionFile:
    """The selection, with the seconds it took on one core: what any selector is called through.

    Raises SelectionError for options that do not fit the data.
    """
    options = selector.desne_options(keep, seed, limit)
    _compile()
    wall, cpu = time.perf_counter(), time.process_time()
    if selector.is_desne:
        made = select(dataset, options)
        indices, document = made.indices, made.document
    else:
        indices = _choose(BASELINES[selector.kind], dataset, options)
        document = _document(dataset, options)
    seconds = {
        "wall": time.perf_counter() - wall,
        "processor": time.process_time() - cpu,
    }
    head = {"name": selector.name, "kind": selector.kind, "options": selector.options}
    document = {**document, "selector": head, "seconds": seconds, "indices": indices.tolist()}
    return SelectionFile(indices, document)


@cache
def _compile() -> None:
    """Numba compiles golden now, so that no selection's time holds it."""
    samples = np.arange(8, dtype=np.uint8)[:, None]
    run_tile(samples, make_table((1,), 1), Parameters(perplexity=1, neighbours=2), 1)


def _choose(baseline: Baseline, dataset: Dataset, options: Options) -> np.ndarray:
    members = class_members(dataset, options.limit)
    table = reduce_table(dataset, options)
    parts = []
    for (label, indices), budget in zip(
        members.items(), make_budgets(members, options.keep), strict=True
    ):
        tile = baseline.tile or max(2, len(indices))
        for part, share in plan_class(indices, int(budget), tile, options.seed, label, True):
            generator = np.random.default_rng([options.seed, int(label) % (1 << 64), int(part[0])])
            features = np.empty((len(part), 0), np.uint8)
            if baseline.looks:
                features = reduce(dataset.x_train[part].reshape(len(part), -1), table)
            parts.append(part[baseline.choose(features, share, generator)])
    return np.sort(np.concatenate(parts))


def _document(dataset: Dataset, options: Options) -> dict[str, Any]:
    packages = ("near-memory-sampling", "numpy", "scikit-learn")
    return {
        "format": FORMAT,
        "version": FORMAT_VERSION,
        "data": about(dataset),
        "parameters": {
            name: asdict(options)[name] for name in ("keep", "features", "seed", "limit")
        },
        "tool": {name: version(name) for name in packages},
    }
