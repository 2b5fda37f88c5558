# SPDX-License-Identifier: Apache-2.0
"""Tiles through the compiled affinity hardware, and that a difference would be found."""

import dataclasses

import numpy as np
import pytest

from hw.config import PRESETS
from verif.records import record
from verif.sim import compare
from verif.vectors import distance as vectors

pytestmark = pytest.mark.verilator


def tiles(preset: str, seed: int) -> dict[str, np.ndarray]:
    config = PRESETS[preset]
    named = vectors.cases(config, seed)
    named["full tile"] = vectors.full_tile(config, seed)
    images = vectors.fashion_mnist(config.samples)
    if images is not None:
        named["fashion-mnist"] = images[:, : config.features]
    return named


def check(preset: str, seed: int, test: str, **pauses) -> None:
    wrong, values, cycles = [], 0, 0
    for name, features in tiles(preset, seed).items():
        k = min(PRESETS[preset].neighbours, len(features) - 1)
        result = compare.compare_affinity(features, max(1, k / 2), preset, seed=seed, **pauses)
        assert result.rows == len(features)
        values, cycles = values + result.values, cycles + result.cycles
        if result.mismatches:
            wrong.append(f"{name}: {result.mismatches}, first {result.first_mismatch}")
    record(test, seed=seed, vectors=values, mismatches=len(wrong), cycles=cycles)
    assert not wrong, f"seed {seed}: " + "; ".join(wrong)


@pytest.mark.parametrize(
    "pauses", [{}, {"idle": 0.5, "backpressure": 0.5}], ids=["flowing", "stalling"]
)
def test_affinity_tiny(pauses, seed, request):
    check("tiny", seed, request.node.name, **pauses)


@pytest.mark.slow
@pytest.mark.parametrize(
    "pauses", [{}, {"idle": 0.3, "backpressure": 0.7}], ids=["flowing", "stalling"]
)
def test_affinity_edge(pauses, seed, request):
    check("edge", seed, request.node.name, **pauses)


@pytest.mark.parametrize(
    "stream, beat, message",
    [("edges", 9, "index of neighbour 1 of sample 2 is"), ("rows", 1, "status of sample 2 is")],
)
def test_a_wrong_bit_is_found(monkeypatch, seed, stream, beat, message):
    features = vectors.full_tile(PRESETS["tiny"], seed)[:9]
    whole = compare.run_affinity

    def flipped(*arguments, **pauses):
        simulation, expected = whole(*arguments, **pauses)
        outputs = {name: beats.copy() for name, beats in simulation.outputs.items()}
        outputs[stream][beat, 0] ^= 1
        return dataclasses.replace(simulation, outputs=outputs), expected

    monkeypatch.setattr(compare, "run_affinity", flipped)
    result = compare.compare_affinity(features, 3, "tiny")
    assert result.mismatches == 1 and result.first_mismatch.startswith(message)


def test_tiles_that_do_not_fit():
    with pytest.raises(ValueError, match="tile of 33 samples does not fit tiny, which holds 32"):
        compare.compare_affinity(np.zeros((33, 8), np.uint8), 3, "tiny")
    with pytest.raises(ValueError, match="tile of 9 features does not fit tiny, which holds 8"):
        compare.compare_affinity(np.zeros((8, 9), np.uint8), 3, "tiny")
