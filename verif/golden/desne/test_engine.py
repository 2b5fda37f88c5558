# SPDX-License-Identifier: Apache-2.0
"""One tile end to end: edge cases, repeatability, symmetries and refusals."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields

import numpy as np
import pytest
from sklearn.datasets import load_digits

from golden.desne import Parameters, run_tile
from golden.desne.calibrate import Status
from golden.desne.reduce import make_table
from golden.desne.sample import RULES
from verif.golden import plain, plain_sample
from verif.vectors.edges import EDGES


def run(samples, budget, features=64, **options):
    table = make_table((samples.shape[1],), features, 1)
    return run_tile(samples, table, Parameters(**options), budget)


def same(a, b):
    return all(np.array_equal(getattr(a, f.name), getattr(b, f.name)) for f in fields(a))


@pytest.fixture(scope="module")
def threes():
    digits = load_digits()
    return np.round(digits.data[digits.target == 3] * 255 / 16).astype(np.uint8)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("drop", [0.0, 0.25, 0.5])
def test_equals_plain_integers_from_bytes_to_choice(rule, drop):
    samples = np.random.default_rng(3).integers(0, 256, (24, 10), np.uint8)
    options = {"perplexity": 5.0, "neighbours": 12, "iterations": 10, "seed": 9}
    result = run(samples, 7, rule=rule, drop=drop, spread=200, **options)
    rows = samples.tolist()
    distances = [[sum((a - b) ** 2 for a, b in zip(x, y, strict=True)) for y in rows] for x in rows]
    neighbours, weights, status, codes = plain.calibrate(distances, 5.0, 12)
    # The first output of splitmix64 for the seed 9, in plain integers.
    z = (9 + 0x9E3779B97F4A7C15) % 2**64
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) % 2**64
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) % 2**64
    register = (z ^ (z >> 31)) % 2**32
    y = plain.embed(rows, neighbours, weights, register, 10)
    chosen = plain_sample.sample(
        y, neighbours, rows, 7, rule, round(4 * drop), 200, register % 2**16, set()
    )
    assert result.features.tolist() == rows
    assert result.neighbours.tolist() == neighbours
    assert result.weights.tolist() == weights
    assert result.status.tolist() == status
    assert result.code.tolist() == codes
    assert result.coordinates.tolist() == y
    assert result.chosen.tolist() == chosen


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("name", EDGES)
def test_edge_cases(name, rule):
    samples = EDGES[name]
    n = len(samples)
    perplexity = float(min(30, max(1, (n - 1) / 3)))
    for budget in {1, (n + 1) // 2, n}:
        result = run(samples, budget, rule=rule, perplexity=perplexity)
        assert len(result.chosen) == budget
        assert (np.diff(result.chosen) > 0).all()
        assert result.chosen.min() >= 0 and result.chosen.max() < n
        k = min(64, n - 1)
        assert result.neighbours.shape == result.weights.shape == (n, k)
        assert result.coordinates.shape == (n, 2) and result.coordinates.dtype == np.int32
        assert len(result.status) == len(result.code) == n
        assert np.isin(result.status, list(Status)).all()
        assert same(result, run(samples, budget, rule=rule, perplexity=perplexity))


def test_statuses_of_the_edge_cases():
    def status(name, **options):
        return set(run(EDGES[name], 1, **options).status.tolist())

    assert status("one sample", perplexity=1.0) == {Status.DEGENERATE}
    assert status("two samples", perplexity=1.0) == {Status.DEGENERATE}
    assert status("all identical") == {Status.DEGENERATE}
    assert status("duplicates", perplexity=5.0) == {Status.CLAMPED_HIGH}
    assert status("duplicates", perplexity=20.0) == {Status.CONVERGED}
    assert status("all 0 against all 255", perplexity=40.0) == {Status.CONVERGED}
    assert status("all 0 against all 255", perplexity=20.0) == {Status.CLAMPED_HIGH}


def test_one_sample_is_chosen_at_the_origin():
    result = run(np.array([[3, 4]], np.uint8), 1)
    assert result.chosen.tolist() == [0]
    assert result.coordinates.tolist() == [[0, 0]]


def test_the_same_seed_gives_the_same_bytes_on_every_thread(threes):
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda _: run(threes, 20), range(4)))
    assert all(same(results[0], other) for other in results[1:])


def test_another_seed_gives_another_map_but_the_same_affinities(threes):
    a, b = run(threes, 20, seed=1), run(threes, 20, seed=2)
    assert np.array_equal(a.weights, b.weights) and np.array_equal(a.neighbours, b.neighbours)
    assert not np.array_equal(a.coordinates, b.coordinates)
    assert not np.array_equal(a.chosen, b.chosen)


@pytest.mark.parametrize("rule", RULES)
def test_an_offset_of_all_bytes_changes_nothing(rule):
    samples = np.random.default_rng(4).integers(0, 200, (60, 12), np.uint8)
    a = run(samples, 20, rule=rule, perplexity=10.0)
    b = run(samples + np.uint8(50), 20, rule=rule, perplexity=10.0)
    for field in ("neighbours", "weights", "status", "code", "coordinates", "chosen"):
        assert np.array_equal(getattr(a, field), getattr(b, field)), field


def test_shuffled_samples_have_the_same_map():
    """Exact sums: the order of the samples only breaks ties, and these distances have none."""
    rng = np.random.default_rng(5)
    samples = rng.integers(0, 256, (70, 40), np.uint8)
    order = rng.permutation(70)
    a, b = run(samples, 15, perplexity=10.0), run(samples[order], 15, perplexity=10.0)
    assert np.array_equal(b.coordinates, a.coordinates[order])
    assert np.array_equal(b.code, a.code[order])


def test_drop_keeps_samples_that_stand_in_no_list_out():
    # 30 close samples and one far off, which no other counts among its ten nearest.
    samples = EDGES["one outlier"].astype(np.uint8)
    for case in range(5):
        result = run(samples, 10, perplexity=5.0, neighbours=10, drop=0.25, seed=case)
        assert not (result.neighbours[:30] == 30).any()
        assert 30 not in result.chosen


@pytest.mark.parametrize(
    "options, message",
    [
        ({"perplexity": 0.5}, "perplexity must be at least 1, not 0.5"),
        ({"perplexity": float("nan")}, "perplexity must be at least 1, not nan"),
        ({"neighbours": 0}, "neighbours must be 1 to 2047, not 0"),
        ({"neighbours": 2048}, "neighbours must be 1 to 2047, not 2048"),
        ({"iterations": -1}, "iterations must be 0 to 1023, not -1"),
        ({"iterations": 1024}, "iterations must be 0 to 1023, not 1024"),
        ({"rule": "best"}, "unknown rule 'best'; choose one of curve, medoid, grid"),
        ({"drop": 0.3}, "drop must be 0, 0.25 or 0.5, not 0.3"),
        ({"spread": 257}, "spread must be 0 to 256, not 257"),
        ({"seed": -1}, "seed must be 0 or more, not -1"),
    ],
)
def test_illegal_parameters(options, message):
    with pytest.raises(ValueError) as error:
        Parameters(**options)
    assert str(error.value) == message


def test_refusals():
    samples = np.zeros((10, 4), np.uint8)
    with pytest.raises(ValueError, match="a budget of 11 does not fit a tile of 10 samples"):
        run(samples, 11, perplexity=2.0)
    with pytest.raises(ValueError, match="perplexity 30 cannot be reached with 9 neighbours"):
        run(samples, 1)
    with pytest.raises(ValueError, match="samples of 4 bytes do not fit a reduce table for 5"):
        run_tile(samples, make_table((5,), 64, 1), Parameters(perplexity=2.0), 1)
