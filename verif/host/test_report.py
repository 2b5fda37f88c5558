# SPDX-License-Identifier: Apache-2.0
"""The report is one file that needs nothing else, and says what the results say."""

import base64
import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest

from host import datasets
from host.files import HARDWARE_FORMAT
from host.report import remake, write_report
from host.selection import Options, Selection, select
from rtl_gen.interface import COUNTED
from verif.host.conftest import CLASSES, nms, one_sentence, save

ROW = {"samples": 24, "spread": 0.01, "accuracy": [0.86, 0.88], "made_with": None}
RESULTS = {
    "format": "near-memory-sampling training",
    "version": 1,
    "test_samples": 60,
    "seeds": 2,
    "recipe": {"model": "linear", "steps": 5, "batch": 32, "rate": 0.003, "weight_decay": 0.01},
    "rows": [
        {
            **ROW,
            "name": "DE-SNE",
            "kind": "selection",
            "mean": 0.87654,
            "minus_random": {"mean": 0.0123, "standard_error": 0.0045},
        },
        {**ROW, "name": "random", "kind": "random", "mean": 0.8642, "minus_random": None},
        {**ROW, "name": "all <data>", "kind": "all", "mean": 0.9, "minus_random": None},
    ],
    "tool": {"torch": "2.13.0"},
}
HARDWARE = {
    "format": HARDWARE_FORMAT,
    "config": "edge",
    "tool": "Verilator 5.49",
    "tiles": [
        {
            "name": "tile 0 (class 0)",
            "samples": 40,
            "values": 12345,
            "mismatches": 0,
            "counters": {"cycles": 6789},
        }
    ],
    "values": {"weights": 12000, "chosen": 345},
    "mismatches": {"weights": 0, "chosen": 0},
    "counters": {f"{phase}_busy": 678 for phase in COUNTED} | {"cycles": 6789},
    "first_mismatch": "",
}


class _Sources(HTMLParser):
    """Collects everything a page would fetch and checks that tags close in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.sources: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ("meta", "img", "link"):
            self.open.append(tag)
        assert tag not in ("link", "script", "iframe")
        self.sources += [value or "" for name, value in attrs if name in ("src", "href")]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture
def made(small: Path) -> tuple[datasets.Dataset, Selection]:
    dataset = datasets.load(str(small))
    return dataset, select(dataset, Options(keep=0.2, iterations=10))


def test_self_contained_and_complete(tmp_path: Path, made) -> None:
    dataset, selection = made
    path = tmp_path / "r.html"
    write_report(path, dataset, selection, RESULTS, HARDWARE)
    text = path.read_text()
    sources = _Sources(text).sources
    assert len(sources) == 2 + 2 * len(CLASSES)  # two accuracy figures, a map and a strip per class
    for source in sources:
        kind, _, content = source.partition(",")
        assert kind == "data:image/png;base64"
        pixels = matplotlib.image.imread(io.BytesIO(base64.b64decode(content)), format="png")
        assert pixels.min() < 0.7 < pixels.max()  # something is drawn
    assert not re.search(r"https?://|url\(", text)
    for shown in ("87.65 %", "+1.23 ± 0.45", "12,345", "10.0%", "Verilator 5.49", "converged"):
        assert shown in text
    assert "all &lt;data&gt;" in text and dataset.sha256 in text and str(tmp_path) in text
    assert "equals the golden model" in text


def test_mismatches_are_loud(tmp_path: Path, made) -> None:
    wrong = {"weights": 2, "chosen": 1}
    bad = {**HARDWARE, "mismatches": wrong, "first_mismatch": "row 4, value 7"}
    write_report(tmp_path / "r.html", *made, RESULTS, bad)
    text = (tmp_path / "r.html").read_text()
    assert '<p class="bad">3 values differ; the first: row 4, value 7</p>' in text
    assert "equals the golden model" not in text


def test_samples_that_are_no_pictures(tmp_path: Path, arrays: dict[str, np.ndarray]) -> None:
    for key in ("x_train", "x_test"):
        arrays[key] = arrays[key].reshape(len(arrays[key]), -1)
    dataset = datasets.load(str(save(tmp_path / "flat.npz", arrays)))
    write_report(tmp_path / "r.html", dataset, select(dataset, Options(keep=0.2)))
    text = (tmp_path / "r.html").read_text()
    assert "not a picture" in text and len(_Sources(text).sources) == len(CLASSES)


def test_command_makes_the_maps_again(tmp_path: Path, small: Path, made) -> None:
    selection, out, results = (tmp_path / name for name in ("s.json", "r.html", "t.json"))
    made[1].write(selection)
    data = {"data": {"sha256": made[0].sha256}}
    results.write_text(json.dumps({**RESULTS, **data}))
    command = ("report", "--data", small, "--selection", selection, "--out", out)
    assert nms(*command, "--results", results).exit_code == 0
    assert "87.65 %" in out.read_text()
    out.unlink()
    results.write_text(json.dumps({**RESULTS, "data": {"sha256": "0"}}))
    one_sentence(nms(*command, "--results", results), "other data")
    results.write_text("{}")
    one_sentence(nms(*command, "--results", results), "no training results")
    one_sentence(nms(*command, "--hardware", results), "no hardware comparison")
    other = {**made[1].document, "indices": [0, 1, 2]}
    selection.write_text(json.dumps(other))
    one_sentence(nms(*command), "cannot be repeated", "select again")
    assert not out.exists()


def test_remake_gives_the_same_tiles(made) -> None:
    again = remake(made[0], made[1].document)
    for first, second in zip(made[1].tiles, again.tiles, strict=True):
        np.testing.assert_array_equal(first.result.coordinates, second.result.coordinates)
