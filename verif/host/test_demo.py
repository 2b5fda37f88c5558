# SPDX-License-Identifier: Apache-2.0
"""The flow of nms demo, with the hardware's answer put in: verif/sim tests the hardware itself."""

import dataclasses
import json
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="PyTorch is not installed: pip install .[train]")

from golden.desne import run_tile
from host import demo
from host.backends import RtlBackend
from host.trainer.training import Recipe
from rtl_gen.interface import COUNTED
from verif.host.conftest import nms, one_sentence


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "SEEDS", 1)
    monkeypatch.setattr("host.trainer.comparison.available_cores", lambda: 1)
    monkeypatch.setattr(demo, "RECIPE", Recipe(model="linear", steps=2))


def _answer(monkeypatch: pytest.MonkeyPatch, wrong: int) -> list[int]:
    """Golden in the place of the hardware; `wrong` weights of the third tile have another bit."""
    seen: list[int] = []

    def answer(self, *job):
        result = run_tile(*job)
        seen.append(len(result.status))
        if len(seen) == 3 and wrong:
            weights = result.weights.copy()
            weights[0, :wrong] ^= 1
            result = dataclasses.replace(result, weights=weights)
        return result, {f"{phase}_busy": 7 for phase in COUNTED} | {"cycles": 100}

    monkeypatch.setattr(RtlBackend, "run_tile", answer)
    monkeypatch.setattr(RtlBackend, "built", True)
    monkeypatch.setattr("host.selection.available_cores", lambda: 1)
    return seen


def _values(tiles: list[int]) -> int:
    """Two per edge, status, code, two coordinates; a tenth of all is chosen."""
    return sum(n * (2 * 64 + 4) for n in tiles) + round(0.1 * sum(tiles))


def test_all_files_and_figures(
    tmp_path: Path, quick: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = _answer(monkeypatch, wrong=0)
    result = nms("demo", "--out", tmp_path / "demo")
    assert result.exit_code == 0, result.output
    assert len(seen) == 10 and sum(seen) == 1352
    names = {path.name for path in (tmp_path / "demo").iterdir()}
    assert names == {
        "selection-medoid-seed1.json",
        "selection-grid-seed1.json",
        "hardware.json",
        "results.json",
        "report.html",
    }
    assert f"{_values(seen):,} values compared, 0 mismatches" in result.stdout
    made = json.loads((tmp_path / "demo" / "selection-medoid-seed1.json").read_text())
    assert made["parameters"]["backend"] == "rtl" and made["parameters"]["preset"] == "edge"
    hardware = json.loads((tmp_path / "demo" / "hardware.json").read_text())
    assert hardware["counters"]["cycles"] == 1000 and not any(hardware["mismatches"].values())
    assert str(tmp_path / "demo" / "report.html") in result.stdout
    for row in json.loads((tmp_path / "demo" / "results.json").read_text())["rows"]:
        assert f"{100 * row['mean']:.2f} %" in result.stdout


def test_a_mismatch_fails_loudly(
    tmp_path: Path, quick: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = _answer(monkeypatch, wrong=4)
    result = nms("demo", "--out", tmp_path / "demo")
    assert result.exit_code == 1
    assert "DIFFERS" in result.stdout and "weight 0 of sample 0 is" in result.stdout
    assert f"{_values(seen):,} values compared, 4 mismatches" in result.stdout
    assert "4 values differ" in (tmp_path / "demo" / "report.html").read_text()


def test_a_file_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "demo").write_text("")
    one_sentence(nms("demo", "--out", tmp_path / "demo"), "is a file", "--out")
