# SPDX-License-Identifier: Apache-2.0
"""nms compare and nms select --backend rtl, on the `tiny` accelerator in simulation."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from golden.desne import Parameters, run_tile
from golden.desne.reduce import make_table
from host import datasets
from host.accelerator import JobTimeout
from host.backends import GoldenBackend, RtlBackend
from host.comparison import PHASES, compare_backends, compare_tile
from host.driver import Driver
from host.errors import SelectionError
from host.selection import Options
from verif.host.conftest import nms, one_sentence

SIZES = ("--tile", 20, "--features", 8, "--neighbours", 8, "--iterations", 4)
TINY = Options(
    keep=0.2, tile=20, features=8, neighbours=8, iterations=4, backend="rtl", preset="tiny"
)


@pytest.mark.verilator
def test_rtl_selects_what_golden_selects(tmp_path: Path, small: Path) -> None:
    documents = []
    for name, *backend in (("golden", "golden"), ("rtl", "rtl", "--preset", "tiny")):
        out = tmp_path / f"{name}.json"
        result = nms(
            "select", "--data", small, "--keep", 0.2, "--backend", *backend, *SIZES, "--out", out
        )
        assert result.exit_code == 0, result.output
        documents.append(json.loads(out.read_text()))
    golden, rtl = documents
    assert (rtl["parameters"].pop("backend"), rtl["parameters"].pop("preset")) == ("rtl", "tiny")
    assert golden["parameters"].pop("backend") == "golden"
    assert golden["parameters"].pop("preset") is None
    assert golden == rtl


@pytest.mark.verilator
def test_a_comparison_counts_everything(small: Path) -> None:
    dataset = datasets.load(str(small))
    whole = compare_backends(dataset, TINY)
    assert whole.mismatches == 0 and not whole.first
    n = whole.samples
    assert whole.values == {
        "neighbours": 8 * n,
        "weights": 8 * n,
        "status": n,
        "code": n,
        "coordinates": 2 * n,
        "chosen": 24,
    }
    assert whole.counters["bytes_read"] == 64 * n
    assert whole.counters["bytes_written"] == 4 * 24
    part = compare_backends(dataset, TINY, tiles_compared=2)
    assert len(part.tiles) == 2 < len(whole.tiles) and part.samples < n
    result = nms("compare", "--data", small, "--keep", 0.2, "--preset", "tiny", *SIZES)
    assert result.exit_code == 0, result.output
    assert f"{sum(whole.values.values()):,}" in result.stdout
    assert f"{whole.counters['cycles']:,}" in result.stdout


def test_a_difference_ends_with_status_1(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Golden with one wrong weight, in the place of the hardware."""
    runs = []

    def wrong(self, *job):
        result, _ = GoldenBackend().run_tile(*job)
        runs.append(result)
        if len(runs) == 2:
            weights = result.weights.copy()
            weights[3, 1] ^= 4
            result = dataclasses.replace(result, weights=weights)
        return result, {}

    monkeypatch.setattr(RtlBackend, "run_tile", wrong)
    monkeypatch.setattr(RtlBackend, "built", True)
    arguments = ("--keep", 0.2, "--preset", "tiny", "--jobs", 1, *SIZES)
    result = nms("compare", "--data", small, *arguments)
    assert result.exit_code == 1, result.output
    good = int(runs[1].weights[3, 1])
    said = " ".join(result.stdout.split())
    assert f"tile 1 (class 3): weight 1 of sample 3 is {good ^ 4}, golden has {good}" in said


@pytest.mark.parametrize("name", list(PHASES))
def test_each_kind_of_value_is_compared(small: Path, name: str) -> None:
    dataset = datasets.load(str(small))
    plan_samples = dataset.x_train[:20].reshape(20, -1)
    want = run_tile(plan_samples, make_table((8, 8), 8), Parameters(perplexity=4, neighbours=8), 5)
    values = getattr(want, name).copy()
    values.flat[-1] += 1
    compared = compare_tile("a tile", dataclasses.replace(want, **{name: values}), want)
    assert compared.wrong == {key: int(key == name) for key in PHASES}
    assert f"is {values.flat[-1]}, golden has {getattr(want, name).flat[-1]}" in compared.first
    short = compare_tile("a tile", dataclasses.replace(want, **{name: values[:-1]}), want)
    assert short.wrong[name] == values.size and "has shape" in short.first


@pytest.mark.parametrize(
    "option, value, parts",
    [
        ("--tile", 33, ("tile 33", "preset tiny", "--tile 32")),
        ("--features", 64, ("features 64", "--features 8")),
        ("--neighbours", 9, ("neighbours 9", "--neighbours 8")),
        ("--preset", "huge", ("huge is neither a preset (tiny, edge, train, wide)",)),
        ("--tiles-compared", 0, ("tiles compared 0 must be at least 1",)),
    ],
)
def test_what_does_not_fit(small: Path, option: str, value: object, parts: tuple) -> None:
    arguments = ["--preset", "tiny", *SIZES]
    if option in arguments:
        arguments[arguments.index(option) + 1] = value  # type: ignore[call-overload]
    else:
        arguments += [option, value]
    one_sentence(nms("compare", "--data", small, *arguments), *parts)


def test_samples_that_do_not_fit() -> None:
    with pytest.raises(SelectionError, match=r"sample bytes 65 does not fit preset tiny, .* 64"):
        RtlBackend("tiny").check(sample_bytes=65)


def test_a_preset_needs_hardware(tmp_path: Path, small: Path) -> None:
    out = tmp_path / "s.json"
    result = nms("select", "--data", small, "--keep", 0.2, "--preset", "tiny", "--out", out)
    one_sentence(result, "add --backend rtl")
    assert not out.exists()


def test_hardware_that_fails(tmp_path: Path, small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One sentence and status 1, which is not the status of bad input."""

    def stuck(self, *job):
        raise JobTimeout("no interrupt within 9 cycles")

    monkeypatch.setattr(Driver, "select", stuck)
    out = tmp_path / "s.json"
    arguments = ("--keep", 0.2, "--backend", "rtl", "--preset", "tiny", *SIZES, "--out", out)
    result = nms("select", "--data", small, *arguments)
    assert result.exit_code == 1 and not out.exists()
    assert "hardware tiny: no interrupt within 9 cycles" in result.stderr
    assert "Traceback" not in result.output


def test_a_tile_of_one_sample() -> None:
    samples = np.full((1, 16), 7, np.uint8)
    result, counters = RtlBackend("tiny").run_tile(samples, make_table((16,), 8), Parameters(), 1)
    assert result.chosen.tolist() == [0] and not counters
