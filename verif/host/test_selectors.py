# SPDX-License-Identifier: Apache-2.0
"""The rivals of DE-SNE against brute force and their definitions; budgets, seeds, bad input."""

import itertools

import numpy as np
import pytest

from golden.desne.tiles import class_budgets
from host import datasets
from host.errors import SelectionError
from host.selection import Options, select
from host.selectors import BASELINES, RANDOM, choose, parse_selector
from host.selectors.baselines import herding, k_center, k_means
from host.selectors.facility import facility_location, similarity

SEEDS = range(5)


def cloud(seed: int, samples: int = 40, features: int = 3, top: int = 256) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, top, (samples, features), dtype=np.uint8)


def squared(features: np.ndarray) -> np.ndarray:
    wide = features.astype(int)
    return np.array([[int(((a - b) ** 2).sum()) for b in wide] for a in wide])


@pytest.mark.parametrize("name", BASELINES)
@pytest.mark.parametrize("top", [256, 2, 1])
def test_budgets_are_exact_also_among_equal_samples(name: str, top: int) -> None:
    """With top 1 all samples are equal, with 2 there are at most eight different ones."""
    features = cloud(1, top=top)
    for budget in (1, 2, 17, 40):
        chosen = BASELINES[name].choose(features, budget, np.random.default_rng(3))
        assert chosen.dtype == np.int64 and len(set(chosen.tolist())) == budget
        assert 0 <= chosen.min() and chosen.max() < 40


@pytest.mark.parametrize("seed", SEEDS)
def test_k_center_is_greedy_and_within_twice_the_best(seed: int) -> None:
    features = cloud(seed, samples=12)
    distance = squared(features)
    chosen = k_center(features, 4, np.random.default_rng(seed)).tolist()
    for step in range(1, 4):
        nearest = distance[:, chosen[:step]].min(1)
        assert nearest[chosen[step]] == nearest.max(), f"seed {seed}, step {step}"
    best = min(
        distance[:, centres].min(1).max() for centres in itertools.combinations(range(12), 4)
    )
    assert distance[:, chosen].min(1).max() <= 4 * best  # squared distances


@pytest.mark.parametrize("seed", SEEDS)
def test_herding_follows_its_definition(seed: int) -> None:
    features = cloud(seed)
    mean = features.mean(0)
    chosen: list[int] = []
    for position in herding(features, 20, np.random.default_rng(0)):
        left = [i for i in range(40) if i not in chosen]
        gaps = {i: np.linalg.norm(mean - features[[*chosen, i]].mean(0)) for i in left}
        assert gaps[position] == pytest.approx(min(gaps.values()), abs=1e-9), f"seed {seed}"
        chosen.append(int(position))


@pytest.mark.parametrize("seed", SEEDS)
def test_lazy_facility_location_equals_the_naive_greedy(seed: int) -> None:
    features = cloud(seed, top=(256, 4)[seed % 2])  # with 4 values there are many ties
    distance = squared(features)
    similar = distance.max() - distance
    assert similarity(features).tolist() == similar.tolist()
    covered, chosen = np.zeros(40, int), []
    for _ in range(25):
        gains = np.maximum(similar - covered[:, None], 0).sum(0)
        gains[chosen] = -1
        chosen.append(int(np.argmax(gains)))
        covered = np.maximum(covered, similar[:, chosen[-1]])
    assert facility_location(features, 25, np.random.default_rng(0)).tolist() == chosen


def test_facility_location_is_near_the_best_of_all_subsets() -> None:
    """Greedy reaches at least 1 - 1/e of the best value of a monotone submodular function."""
    features = cloud(7, samples=12)
    similar = similarity(features)
    value = {part: similar[:, part].max(1).sum() for part in itertools.combinations(range(12), 3)}
    chosen = tuple(sorted(facility_location(features, 3, np.random.default_rng(0)).tolist()))
    assert value[chosen] >= (1 - np.exp(-1)) * max(value.values())


def test_k_means_takes_one_sample_of_each_clump() -> None:
    """Four clumps far apart: one of each, and the one in the middle of its clump."""
    middles = np.array([[20, 20], [20, 220], [220, 20], [220, 220]])
    around = np.array([[0, 0], [9, 0], [-9, 0], [0, 9], [0, -9]])
    features = (middles[:, None] + around).reshape(-1, 2).astype(np.uint8)
    assert sorted(k_means(features, 4, np.random.default_rng(2)).tolist()) == [0, 5, 10, 15]


@pytest.mark.parametrize("name", [*BASELINES, "desne-curve:drop=0"])
def test_counts_of_classes_and_seeds(digits: datasets.Dataset, name: str) -> None:
    selector = parse_selector(name)
    first, again, other = (choose(selector, digits, 0.05, seed) for seed in (1, 1, 2))
    counts = np.bincount(digits.y_train)
    expected = class_budgets(counts, 0.05)
    for made in (first, other):
        assert np.bincount(digits.y_train[made.indices]).tolist() == expected.tolist()
        assert np.all(np.diff(made.indices) > 0)
    assert first.indices.tolist() == again.indices.tolist() == first.document["indices"]
    fixed = name in ("herding", "facility-location")
    assert (first.indices.tolist() == other.indices.tolist()) == fixed


def test_desne_is_what_nms_select_makes(digits: datasets.Dataset) -> None:
    made = choose(
        parse_selector("desne-medoid:perplexity=12,drop=0.25,spread=99"), digits, 0.05, 3, 50
    )
    options = Options(
        keep=0.05, rule="medoid", perplexity=12.0, drop=0.25, spread=99, seed=3, limit=50
    )
    plain = select(digits, options)
    assert made.indices.tolist() == plain.indices.tolist()
    assert made.document["parameters"] == plain.document["parameters"]
    assert made.document["seconds"]["processor"] > 0
    assert (
        choose(parse_selector("desne"), digits, 0.02, 1).document["parameters"]["rule"] == "medoid"
    )


def test_large_classes_are_cut_into_tiles(
    digits: datasets.Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = []

    def spy(features: np.ndarray, budget: int, generator: np.random.Generator) -> np.ndarray:
        sizes.append(len(features))
        return np.arange(budget)

    monkeypatch.setitem(BASELINES, "herding", type(BASELINES[RANDOM])(spy, tile=40))
    made = choose(parse_selector("herding"), digits, 0.1, 1)
    assert max(sizes) <= 40 and sum(sizes) == len(digits.x_train)
    assert len(made.indices) == 135


@pytest.mark.parametrize(
    "text, parts",
    [
        ("best", ("best", "k-means")),
        ("k-means:drop=0", ("drop", "features")),
        ("desne-curve:size=3", ("size", "perplexity")),
        ("desne-curve:features=many", ("many", "integer")),
        ("desne-curve:perplexity=x", ("perplexity=x", "number")),
    ],
)
def test_unknown_selectors_are_refused(text: str, parts: tuple[str, ...]) -> None:
    with pytest.raises(SelectionError) as error:
        parse_selector(text)
    assert all(part in str(error.value) for part in parts)


def test_names_do_not_depend_on_the_order_of_options() -> None:
    one, two = (parse_selector(f"desne-grid:{o}") for o in ("tile=64,drop=0", " drop=0.0, tile=64"))
    assert one == two and one.name == "desne-grid:drop=0,tile=64"
