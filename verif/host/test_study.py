# SPDX-License-Identifier: Apache-2.0
"""nms study: it resumes, never mixes, pairs by seed, and tells how sure it is."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from host import datasets
from verif.host.conftest import CLASSES, nms, one_sentence, save

torch = pytest.importorskip("torch", reason="PyTorch is not installed: pip install .[train]")

from distributed import LocalCluster  # noqa: E402

from host.errors import UserError  # noqa: E402
from host.study import ALL, Choice, Run, make_study  # noqa: E402
from host.study.statistics import paired, summarise  # noqa: E402
from host.study.store import Store  # noqa: E402
from host.trainer.training import Recipe, accuracy_on  # noqa: E402

SHARES = (0.1, 0.2)
SELECTORS = ("desne-curve", "k-means", "herding")
QUICK = ("--steps", 12, "--batch", 8, "--seeds", 2)


def command(source: Path, out: Path, *more: object) -> list[object]:
    chosen = [part for name in SELECTORS for part in ("--selector", name)]
    return ["study", "--data", source, "--keep", "0.1,0.2", *chosen, *QUICK, "--model", "linear",
            "--out", out, *more]  # fmt: skip


def results(folder: Path) -> dict[str, Any]:
    """Everything in the folder that does not depend on time."""
    found = {}
    for path in sorted(folder.rglob("*.json")):
        document = json.loads(path.read_text())
        for name in ("seconds", "processor_seconds"):
            document.pop(name, None)
        found[str(path.relative_to(folder))] = document
    return found


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Data and a finished study of it."""
    folder = tmp_path_factory.mktemp("study")
    digits = datasets.load("digits")
    train, test = (
        np.concatenate([np.flatnonzero(labels == label)[:40] for label in CLASSES])
        for labels in (digits.y_train, digits.y_test)
    )
    source = save(
        folder / "small.npz",
        {
            "x_train": digits.x_train[train],
            "y_train": digits.y_train[train],
            "x_test": digits.x_test[test],
            "y_test": digits.y_test[test],
        },
    )
    result = nms(*command(source, folder / "whole", "--model", "mlp", "--jobs", 1))
    assert result.exit_code == 0, result.output
    return source, folder / "whole"


def open_study(source: Path, folder: Path, seeds: int = 2) -> tuple[datasets.Dataset, Any, Store]:
    dataset = datasets.load(str(source))
    recipe = Recipe(steps=12, batch=8)
    study = make_study(dataset, SELECTORS, SHARES, seeds, ("linear", "mlp"), recipe)
    return dataset, study, Store(folder, dataset, study)


def test_every_selection_and_run_is_kept_and_repeats(made: tuple[Path, Path]) -> None:
    dataset, study, store = open_study(*made)
    assert len(study.choices) == 4 * 2 * 2 and len(study.runs) == 16 * 2 + 2 * 2
    for choice in study.choices:
        selection = store.selection(choice)
        assert selection is not None and len(selection.indices) == round(choice.keep * 120)
        counts = np.bincount(dataset.y_train[selection.indices])[list(CLASSES)]
        assert counts.tolist() == [round(choice.keep * 40)] * 3
    run = study.runs[-5]
    assert run.choice.selector != ALL
    selection, found = store.selection(run.choice), store.run(run)
    assert selection is not None and found is not None
    recipe = study.recipe_of(run)
    assert found["accuracy"] == accuracy_on(dataset, selection.indices, recipe, run.choice.seed)
    bound = store.run(Run("mlp", Choice(ALL, 1.0, 2)))
    assert bound is not None and bound["samples"] == 120


def test_figures_follow_from_the_runs(made: tuple[Path, Path]) -> None:
    _, study, store = open_study(*made)
    with (made[1] / "runs.csv").open() as stream:
        lines = list(csv.DictReader(stream))
    assert len(lines) == len(study.runs)

    def accuracy(model: str, selector: str, keep: float) -> np.ndarray:
        named = (model, selector, f"{keep:g}")
        of = [x for x in lines if (x["model"], x["selector"], x["keep"]) == named]
        return np.array([float(x["accuracy"]) for x in sorted(of, key=lambda x: x["seed"])])

    summary = summarise(study, store)
    text = (made[1] / "summary.md").read_text()
    names = ("random", *SELECTORS)
    for row in summary.rows:
        if row.selector == "all":
            assert row.rank is None and row.minus_random is None
            continue
        runs = accuracy(row.model, row.selector, row.keep)
        assert row.accuracy == runs.tolist()
        means = [accuracy(row.model, name, row.keep).mean() for name in names]
        assert row.rank == stats.rankdata(-np.array(means))[names.index(row.selector)]
        assert f"| {100 * runs.mean():.2f} ± {100 * runs.std(ddof=1):.2f} |" in text
        if row.selector != "random":
            gain = runs - accuracy(row.model, "random", row.keep)
            assert row.minus_random is not None
            assert row.minus_random.mean == pytest.approx(gain.mean())
    for drop in summary.drops:
        gains = [
            accuracy(model, drop.selector, drop.keep) - accuracy(model, "random", drop.keep)
            for model in ("linear", "mlp")
        ]
        assert drop.of_gain.mean == pytest.approx((gains[0] - gains[1]).mean())
        raw = [accuracy(model, drop.selector, drop.keep).mean() for model in ("linear", "mlp")]
        assert drop.of_accuracy == pytest.approx(raw[0] - raw[1])
    assert {drop.model for drop in summary.drops} == {"mlp"}
    assert (made[1] / "difference.png").read_bytes()[:4] == b"\x89PNG"


@pytest.mark.parametrize("count", [2, 5, 30])
def test_confidence_interval_is_students(count: int) -> None:
    draw = np.random.default_rng(count)
    ours, base = draw.normal(0.8, 0.02, count), draw.normal(0.79, 0.02, count)
    found = paired(ours.tolist(), base.tolist())
    test = stats.ttest_rel(ours, base)
    low, high = test.confidence_interval(0.95)
    assert found.half_width is not None
    assert found.mean - found.half_width == pytest.approx(low)
    assert found.mean + found.half_width == pytest.approx(high)
    assert (found.sign != 0) == (test.pvalue < 0.05)


def test_one_seed_has_no_interval() -> None:
    found = paired([0.5], [0.4])
    assert found.half_width is None and found.sign == 0


def test_a_killed_study_goes_on_and_ends_the_same(tmp_path: Path, made: tuple[Path, Path]) -> None:
    source, whole = made
    out = tmp_path / "broken"
    arguments = [str(part) for part in command(source, out, "--model", "mlp", "--jobs", 1)]
    code = f"import sys; from host.cli import app; sys.argv[1:] = {arguments!r}; app()"
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    guarded = tmp_path / "start.py"
    guarded.write_text(f"if __name__ == '__main__':\n    {code}\n")
    process = subprocess.Popen(
        [sys.executable, guarded], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    until = time.monotonic() + 300
    while len(list(out.glob("runs/**/*.json"))) < 5:
        ended = process.poll() is not None or time.monotonic() > until
        assert not ended, process.communicate()[0].decode()
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    finished = {path: path.stat().st_mtime_ns for path in out.glob("runs/**/*.json")}
    assert len(finished) < 36 and not (out / "summary.csv").exists()
    again = nms(*command(source, out, "--model", "mlp", "--jobs", 1))
    assert again.exit_code == 0, again.output
    assert results(out) == results(whole)
    assert (out / "runs.csv").read_text() == (whole / "runs.csv").read_text()
    assert all(path.stat().st_mtime_ns == then for path, then in finished.items())


def test_a_dask_cluster_gives_the_same(tmp_path: Path, made: tuple[Path, Path]) -> None:
    """A worker of two threads: runs must not disturb each other's random state."""
    source, whole = made
    with LocalCluster(
        n_workers=1,
        threads_per_worker=2,
        processes=False,
        dashboard_address="127.0.0.1:0",
        protocol="tcp",
    ) as cluster:
        address = cluster.scheduler_address
        assert address.startswith("tcp://")
        out = tmp_path / "far"
        arguments = command(source, out, "--model", "mlp", "--scheduler", address)
        result = nms(*arguments)
        far, near = tmp_path / "far.json", tmp_path / "near.json"
        selection = out / "selections" / "desne-curve" / "keep0.1-seed1.json"
        train = ("train", "--data", source, "--selection", selection, "--model", "linear", *QUICK)
        trained = nms(*train, "--scheduler", address, "--out", far)
    assert result.exit_code == trained.exit_code == 0, result.output + trained.output
    assert results(out) == results(whole)
    assert nms(*train, "--jobs", 1, "--out", near).exit_code == 0
    assert far.read_text() == near.read_text()
    rival = out / "selections" / "k-means" / "keep0.1-seed1.json"
    one_sentence(nms(*train, "--selection", rival), "k-means", "nms study")


def test_more_may_be_added(tmp_path: Path, made: tuple[Path, Path]) -> None:
    """Two seeds and one model first, three and another selector later."""
    source, _ = made
    out = tmp_path / "grows"
    assert nms(*command(source, out, "--no-all-data", "--jobs", 1)).exit_code == 0
    before = results(out)
    more = ("--seeds", 3, "--selector", "k-center", "--no-all-data", "--jobs", 1)
    assert nms(*command(source, out, *more)).exit_code == 0
    after = results(out)
    kept = {name: value for name, value in before.items() if name != "study.json"}
    assert kept.items() <= after.items()
    assert len(after) == 1 + 2 * (5 * 2 * 3)


@pytest.mark.parametrize(
    "change, part",
    [
        (("--steps", 13), "steps"),
        (("--batch", 9), "batch"),
        (("--epochs", 2), "epochs"),
        (("--rate", 0.01), "rate"),
        (("--limit", 30), "limit"),
    ],
)
def test_another_recipe_is_refused(made: tuple[Path, Path], change: tuple, part: str) -> None:
    source, whole = made
    before = results(whole)
    one_sentence(nms(*command(source, whole, *change)), f"other {part}", "--out")
    assert results(whole) == before


def test_other_data_is_refused(
    tmp_path: Path, made: tuple[Path, Path], arrays: dict[str, np.ndarray]
) -> None:
    for key, part in (("x_train", "training data"), ("y_test", "test data")):
        spoiled = {name: value.copy() for name, value in arrays.items()}
        spoiled[key][:2] = spoiled[key][:2][::-1] if key == "x_train" else CLASSES[1]
        source = save(tmp_path / f"{key}.npz", spoiled)
        one_sentence(
            nms(*command(source, made[1])), f"other {part}" if key == "x_train" else "other"
        )


def test_other_code_is_refused_only_where_results_would_mix(
    tmp_path: Path, made: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    source, whole = made
    monkeypatch.setattr("host.study.store.code_hash", lambda kind: f"new {kind}")
    complete = (*command(source, whole, "--model", "mlp"), "--jobs", 1)
    assert nms(*complete).exit_code == 0  # nothing is made, so nothing is mixed
    one_sentence(nms(*complete, "--seeds", 3), "other code for selecting", "--out")


def test_code_hash_sees_code_and_not_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from host.study import code

    file = tmp_path / "a.py"
    monkeypatch.setattr(code, "ROOT", tmp_path)
    monkeypatch.setitem(code.CODE, "training", (("a.py",), ("numpy",)))
    hashes = []
    for text in ('def f():\n    "one"\n    return 1\n', "# two\ndef f():\n    return 1\n",
                 "def f():\n    return 2\n"):  # fmt: skip
        file.write_text(text)
        hashes.append(code.code_hash.__wrapped__("training"))
    assert hashes[0] == hashes[1] != hashes[2]


def test_spoiled_files_are_refused(tmp_path: Path, made: tuple[Path, Path]) -> None:
    source, _ = made
    out = tmp_path / "spoiled"
    arguments = command(source, out, "--no-all-data", "--jobs", 1)
    assert nms(*arguments).exit_code == 0
    selection = out / "selections" / "k-means" / "keep0.1-seed1.json"
    original = selection.read_text()
    document = json.loads(original)
    document["indices"][0] += 0 if document["indices"][0] + 1 in document["indices"] else 1
    document["indices"] = document["indices"][1:]
    selection.write_text(json.dumps(document))
    one_sentence(nms(*arguments), "keep0.1-seed1.json", "changed")
    other = out / "selections" / "k-means" / "keep0.1-seed2.json"
    selection.write_text(other.read_text())
    one_sentence(nms(*arguments), "not of this study")
    selection.write_text(original)
    run = out / "runs" / "linear" / "k-means" / "keep0.1-seed1.json"
    run.write_text(run.read_text().replace('"sha256": "', '"sha256": "0'))
    one_sentence(nms(*arguments), "other indices", "runs")


@pytest.mark.parametrize(
    "change, parts",
    [
        (("--keep", "0.1,x"), ("--keep", "x")),
        (("--keep", 1.5), ("keep 1.5",)),
        (("--keep", 0.001), ("keep 0.001", "empty")),
        (("--selector", "best"), ("best", "herding")),
        (("--selector", "desne-worst"), ("worst", "curve")),
        (("--selector", "desne:perplexity=99"), ("perplexity 99",)),
        (("--model", "vgg"), ("vgg", "resnet8")),
        (("--seeds", 0), ("seeds 0",)),
        (("--steps", 0), ("steps 0",)),
        (("--batch", 1), ("batch 1",)),
        (("--epochs", -1), ("epochs -1",)),
        (("--rate", 0), ("rate 0",)),
        (("--jobs", 0), ("jobs 0",)),
        (("--jobs", 1, "--scheduler", "tcp://127.0.0.1:1"), ("--jobs", "--scheduler")),
    ],
)
def test_bad_options_are_refused(
    tmp_path: Path, small: Path, change: tuple, parts: tuple[str, ...]
) -> None:
    out = tmp_path / "out"
    one_sentence(nms(*command(small, out, *change)), *parts)
    assert not out.exists()


def test_a_folder_with_other_files_is_refused(tmp_path: Path, small: Path) -> None:
    one_sentence(nms(*command(small, tmp_path)), "no study", "--out")
    one_sentence(nms(*command(small, small)), "is a file")


def test_a_scheduler_that_is_not_there(
    tmp_path: Path, small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("host.cluster.PATIENCE", "0.2s")
    result = nms(*command(small, tmp_path / "o", "--scheduler", "tcp://127.0.0.1:1"))
    one_sentence(result, "tcp://127.0.0.1:1", "dask scheduler")


def test_no_test_part_is_refused(tmp_path: Path, arrays: dict[str, np.ndarray]) -> None:
    source = save(tmp_path / "t.npz", {key: arrays[key] for key in ("x_train", "y_train")})
    with pytest.raises(UserError, match="no test part"):
        make_study(datasets.load(str(source)), (), (0.1,), 1, ("linear",), Recipe())


def test_passes_take_more_steps() -> None:
    recipe = Recipe(steps=10, epochs=4, batch=32)
    assert [recipe.steps_for(samples) for samples in (8, 80, 81)] == [10, 10, 11]
