# SPDX-License-Identifier: Apache-2.0
"""nms select: exact budgets, same bytes for the same command, a sentence for every bad input."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from golden.desne import Parameters, run_tile
from golden.desne.reduce import make_table
from host import datasets
from host.errors import SelectionError
from host.selection import (
    Options,
    default_perplexity,
    default_rule,
    default_spread,
    repeat_options,
    select,
)
from host.selection_file import read_selection
from verif.host.conftest import CLASSES, PER_CLASS, nms, one_sentence, save


def test_command_writes_what_the_golden_model_chooses(tmp_path: Path, small: Path) -> None:
    out = tmp_path / "deep" / "selection.json"
    result = nms("select", "--data", small, "--keep", 0.2, "--out", out)
    assert result.exit_code == 0, result.output
    document = json.loads(out.read_text())
    dataset = datasets.load(str(small))
    expected: list[int] = []
    for label in CLASSES:
        members = np.flatnonzero(dataset.y_train == label)
        samples = dataset.x_train[members].reshape(PER_CLASS, 64)
        parameters = Parameters(perplexity=PER_CLASS / 3, rule="medoid", drop=0, spread=64)
        chosen = run_tile(samples, make_table((8, 8), 64, 1), parameters, PER_CLASS // 5).chosen
        expected += members[chosen].tolist()
    assert document["indices"] == sorted(expected)
    assert document["counts"] == {str(label): {"of": 40, "chosen": 8} for label in CLASSES}
    assert sum(document["rows"].values()) == 120
    assert document["data"]["sha256"] == dataset.sha256
    assert document["tiles"]["used"] == document["tiles"]["total"] == 3
    assert "24" in result.stdout and str(out) in result.stdout.replace("\n", "")


@pytest.mark.parametrize(
    "options",
    [
        {"keep": 0.1},
        {"keep": 0.37, "rule": "grid", "drop": 0.0, "seed": 9},
        {"keep": 0.5, "rule": "medoid", "drop": 0.5, "spread": 200, "tile": 13, "iterations": 10},
        {"keep": 0.3, "limit": 11, "features": 16, "perplexity": 2.5, "neighbours": 5},
        {"keep": 1.0, "tiles": "all", "tile": 7},
    ],
)
def test_budgets_are_exact_and_jobs_do_not_matter(small: Path, options: dict) -> None:
    dataset = datasets.load(str(small))
    one, two = (select(dataset, Options(**options, jobs=jobs)) for jobs in (1, 3))
    assert one.document == two.document
    limit = options.get("limit", PER_CLASS)
    assert len(one.indices) == round(options["keep"] * 3 * limit)
    assert np.all(np.diff(one.indices) > 0)
    for label in CLASSES:
        allowed = np.flatnonzero(dataset.y_train == label)[:limit]
        chosen = one.indices[dataset.y_train[one.indices] == label]
        assert np.isin(chosen, allowed).all()
        assert one.document["counts"][str(label)]["chosen"] == len(chosen)
        assert abs(len(chosen) - options["keep"] * limit) < 1
    assert repeat_options(one.document) == Options(**options)


def test_the_seed_matters(small: Path) -> None:
    dataset = datasets.load(str(small))
    first, second = (select(dataset, Options(keep=0.2, seed=seed)) for seed in (1, 2))
    assert first.indices.tolist() != second.indices.tolist()


def test_same_command_same_bytes(tmp_path: Path, small: Path) -> None:
    outs = [tmp_path / name for name in ("a.json", "b.json")]
    for jobs, out in enumerate(outs, start=1):
        assert (
            nms(
                "select", "--data", small, "--keep", 0.3, "--tile", 20, "--jobs", jobs, "--out", out
            ).exit_code
            == 0
        )
    assert outs[0].read_bytes() == outs[1].read_bytes()
    assert oct(outs[0].stat().st_mode & 0o777) == oct(0o666 & ~_umask())


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


@pytest.mark.parametrize(
    "smallest, neighbours, expected",
    [(1024, 64, 30.0), (60, 64, 20.0), (2, 64, 1.0), (900, 16, 16)],
)
def test_default_perplexity(smallest: int, neighbours: int, expected: float) -> None:
    assert default_perplexity(smallest, neighbours) == expected


@pytest.mark.parametrize(
    "budget, expected",
    [(1, 64), (16, 64), (25, 80), (100, 160), (144, 192), (256, 256), (10_000, 256)],
)
def test_default_spread_grows_with_the_budget(budget: int, expected: int) -> None:
    assert default_spread(budget) == expected


@pytest.mark.parametrize("budget, expected", [(1, "medoid"), (250, "medoid"), (256, "curve")])
def test_default_rule_is_the_curve_for_a_large_budget(budget: int, expected: str) -> None:
    assert default_rule(budget) == expected


def test_large_budgets_are_drawn_along_the_curve(tmp_path: Path) -> None:
    samples = np.random.default_rng(5).integers(0, 256, (300, 6), np.uint8)
    path = save(tmp_path / "one.npz", {"x_train": samples, "y_train": np.zeros(300, int)})
    dataset = datasets.load(str(path))
    made = select(dataset, Options(keep=0.9))
    parameters = made.document["parameters"]
    assert (parameters["rule"], parameters["rule_given"]) == ("curve", False)
    curve = select(dataset, Options(keep=0.9, rule="curve"))
    assert made.indices.tolist() == curve.indices.tolist()
    assert curve.document["parameters"]["rule_given"]
    assert repeat_options(made.document).rule is None
    asked = select(dataset, Options(keep=0.9, spread=256)).document["parameters"]
    assert (asked["rule"], asked["spread"]) == ("medoid", 256)


def test_spread_is_that_of_the_average_class(small: Path) -> None:
    dataset = datasets.load(str(small))
    made = select(dataset, Options(keep=0.6)).document["parameters"]  # 24 of each 40
    assert (made["spread"], made["spread_given"]) == (round(16 * 24**0.5), False)


def test_tiles_of_one_and_two_samples(tmp_path: Path) -> None:
    samples = np.arange(24, dtype=np.uint8).reshape(6, 4)
    path = save(tmp_path / "t.npz", {"x_train": samples, "y_train": np.array([0, 1, 1, 2, 2, 2])})
    dataset = datasets.load(str(path))
    everything = select(dataset, Options(keep=1))
    assert everything.indices.tolist() == list(range(6))
    assert everything.document["rows"]["degenerate"] >= 1
    assert everything.document["parameters"]["perplexity"] == 1


@pytest.mark.parametrize(
    "arguments, parts",
    [
        (("--keep", 0), ("keep 0", "above 0")),
        (("--keep", 1.5), ("keep 1.5", "at most 1")),
        (("--keep", "nan"), ("keep nan",)),
        (("--keep", 0.01), ("keep 0.01", "empty")),
        (("--keep", 0.1, "--perplexity", 40), ("perplexity 40", "at most 39")),
        (("--keep", 0.1, "--perplexity", 6, "--neighbours", 5), ("perplexity 6", "at most 5")),
        (("--keep", 0.1, "--perplexity", 8, "--tile", 8), ("perplexity 8", "at most 7")),
        (("--keep", 0.1, "--perplexity", 0.5), ("perplexity 0.5", "at least 1")),
        (("--keep", 0.1, "--rule", "best"), ("best", "medoid")),
        (("--keep", 0.1, "--drop", 0.3), ("0.3",)),
        (("--keep", 0.1, "--features", 0), ("features 0",)),
        (("--keep", 0.1, "--neighbours", 0), ("neighbours", "0")),
        (("--keep", 0.1, "--iterations", -1), ("iterations", "-1")),
        (("--keep", 0.1, "--tile", 1), ("tile 1",)),
        (("--keep", 0.1, "--tiles", "some"), ("some", "auto")),
        (("--keep", 0.1, "--seed", -1), ("seed -1",)),
        (("--keep", 0.1, "--limit", 0), ("limit 0",)),
        (("--keep", 0.1, "--jobs", 0), ("jobs 0",)),
        (("--keep", 0.1, "--backend", "fpga"), ("fpga", "golden")),
    ],
)
def test_bad_options_are_refused(
    tmp_path: Path, small: Path, arguments: tuple, parts: tuple[str, ...]
) -> None:
    before = sorted(tmp_path.iterdir())
    out = tmp_path / "out" / "s.json"
    one_sentence(nms("select", "--data", small, *arguments, "--out", out), *parts)
    assert sorted(tmp_path.iterdir()) == before


def test_bad_data_is_refused(tmp_path: Path, arrays: dict[str, np.ndarray]) -> None:
    out = tmp_path / "s.json"
    missing = tmp_path / "nothing.npz"
    one_sentence(nms("select", "--data", missing, "--keep", 0.1, "--out", out), "does not exist")
    arrays["y_train"] = arrays["y_train"][:-1]
    bad = save(tmp_path / "bad.npz", arrays)
    one_sentence(nms("select", "--data", bad, "--keep", 0.1, "--out", out), "119 labels")
    assert not out.exists()


def test_bad_output_path_is_refused_before_work(tmp_path: Path, small: Path) -> None:
    one_sentence(
        nms("select", "--data", small, "--keep", 0.1, "--out", tmp_path), "is a folder", "--out"
    )
    below_file = small / "s.json"
    one_sentence(
        nms("select", "--data", small, "--keep", 0.1, "--out", below_file), "cannot be written"
    )


def test_an_interrupted_write_leaves_the_old_file(
    tmp_path: Path, small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "s.json"
    out.write_text("old")

    def fail(self: Path, target: Path) -> None:
        raise OSError("disk is gone")

    monkeypatch.setattr(Path, "replace", fail)
    assert nms("select", "--data", small, "--keep", 0.2, "--out", out).exit_code != 0
    assert out.read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["s.json", "small.npz"]


def test_a_selection_belongs_to_its_data(tmp_path: Path, arrays: dict[str, np.ndarray]) -> None:
    source = save(tmp_path / "d.npz", arrays)
    dataset, out = datasets.load(str(source)), tmp_path / "s.json"
    made = select(dataset, Options(keep=0.2))
    made.write(out)
    assert read_selection(out, dataset).indices.tolist() == made.indices.tolist()
    arrays["x_train"][0, 0, 0] ^= 1
    other = datasets.load(str(save(source, arrays)))
    with pytest.raises(SelectionError, match="made from other data"):
        read_selection(out, other)


@pytest.mark.parametrize(
    "indices", [[], [3, 2], [1, 1], [-1, 4], [0, 120], "all", [[1, 2]], [1, "x"]]
)
def test_broken_indices_are_refused(tmp_path: Path, small: Path, indices: object) -> None:
    dataset, out = datasets.load(str(small)), tmp_path / "s.json"
    document = select(dataset, Options(keep=0.2)).document
    out.write_text(json.dumps({**document, "indices": indices}))
    with pytest.raises(SelectionError, match="indices"):
        read_selection(out, dataset)
