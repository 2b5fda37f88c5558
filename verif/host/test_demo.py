# SPDX-License-Identifier: Apache-2.0
"""The flow of nms demo, with the hardware's answer put in: verif/sim tests the hardware itself."""

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="PyTorch is not installed: pip install .[train]")

from host import demo
from host.trainer.training import Recipe
from verif.host.conftest import nms, one_sentence
from verif.sim import compare


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "SEEDS", 1)
    monkeypatch.setattr("host.trainer.comparison.available_cores", lambda: 1)
    monkeypatch.setattr(demo, "RECIPE", Recipe(model="linear", steps=2))


def _answer(monkeypatch: pytest.MonkeyPatch, wrong: int) -> list[tuple[int, ...]]:
    """Every tile compares 100 values; the third has `wrong` mismatches."""
    seen: list[tuple[int, ...]] = []

    def compare_affinity(features: np.ndarray, perplexity: float, config: str):
        seen.append(features.shape)
        bad = wrong if len(seen) == 3 else 0
        return compare.Comparison(
            blocks=2,
            rows=len(features),
            values=100,
            mismatches=bad,
            first_mismatch="weight of neighbour 5 is 1, golden has 2" if bad else "",
            cycles=10,
        )

    monkeypatch.setattr(compare, "compare_affinity", compare_affinity)
    return seen


def test_all_files_and_figures(
    tmp_path: Path, quick: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = _answer(monkeypatch, wrong=0)
    result = nms("demo", "--out", tmp_path / "demo")
    assert result.exit_code == 0, result.output
    assert len(seen) == 10 and sum(shape[0] for shape in seen) == 1352
    names = {path.name for path in (tmp_path / "demo").iterdir()}
    assert names == {
        "selection-drop0-seed1.json",
        "selection-drop25-seed1.json",
        "hardware.json",
        "results.json",
        "report.html",
    }
    assert "1,000 values compared, 0 mismatches" in result.stdout
    assert str(tmp_path / "demo" / "report.html") in result.stdout
    for row in json.loads((tmp_path / "demo" / "results.json").read_text())["rows"]:
        assert f"{100 * row['mean']:.2f} %" in result.stdout


def test_a_mismatch_fails_loudly(
    tmp_path: Path, quick: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    _answer(monkeypatch, wrong=4)
    result = nms("demo", "--out", tmp_path / "demo")
    assert result.exit_code == 1
    assert "DIFFERS" in result.stdout and "golden has 2" in result.stdout.replace("\n", " ")
    assert "1,000 values compared, 4 mismatches" in result.stdout
    assert "4 values differ" in (tmp_path / "demo" / "report.html").read_text()


def test_a_file_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "demo").write_text("")
    one_sentence(nms("demo", "--out", tmp_path / "demo"), "is a file", "--out")
