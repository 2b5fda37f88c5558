# SPDX-License-Identifier: Apache-2.0
"""nms train: it learns, repeats, compares fairly, and refuses what does not belong together."""

import json
from pathlib import Path

import numpy as np
import pytest

from host import datasets
from host.errors import TrainingError
from host.selection import Options, class_members, select
from verif.host.conftest import CLASSES, nms, one_sentence, save

torch = pytest.importorskip("torch", reason="PyTorch is not installed: pip install .[train]")

from host.trainer.comparison import ALL, RANDOM, _indices, compare  # noqa: E402
from host.trainer.training import Recipe, train_and_test  # noqa: E402

CHANCE = 0.1


def _made(path: Path, source: Path, **options) -> Path:
    select(datasets.load(str(source)), Options(**{"keep": 0.2, **options})).write(path)
    return path


@pytest.mark.parametrize(
    "model, bar", [("linear", 0.8), ("mlp", 0.8), ("cnn", 0.8), ("resnet8", 0.8)]
)
def test_every_model_learns_the_digits(digits: datasets.Dataset, model: str, bar: float) -> None:
    """Ten classes, so chance is 0.1; a tenth of the digits must bring every model above 0.8."""
    assert digits.x_test is not None and digits.y_test is not None
    chosen = select(digits, Options(keep=0.1)).indices
    wrong = np.random.default_rng(1).permutation(digits.y_train[chosen])
    part = slice(0, 200)
    accuracy, blind = (
        train_and_test(
            Recipe(model=model, steps=120),
            digits.x_train[chosen],
            labels,
            digits.x_test[part],
            digits.y_test[part],
            10,
            seed=1,
        )
        for labels in (digits.y_train[chosen], wrong)
    )
    assert accuracy > bar
    assert blind < 3 * CHANCE  # trained on shuffled labels: nothing to learn


def test_results_repeat_and_processes_do_not_matter(small: Path) -> None:
    dataset = datasets.load(str(small))
    selections = [select(dataset, Options(keep=0.2, seed=seed)) for seed in (1, 2)]
    recipe = Recipe(model="linear", steps=20)
    first, second = (compare(dataset, selections, recipe, 2, jobs) for jobs in (1, 2))
    assert first == second
    row = {row["name"]: row for row in first["rows"]}
    assert row["DE-SNE"]["samples"] == row[RANDOM]["samples"] == 24
    assert row[ALL]["samples"] == 120 and row["DE-SNE"]["selection_seeds"] == [1, 2]
    pairs = np.subtract(row["DE-SNE"]["accuracy"], row[RANDOM]["accuracy"])
    gain = row["DE-SNE"]["minus_random"]
    assert gain["mean"] == pytest.approx(pairs.mean())
    assert gain["standard_error"] == pytest.approx(abs(pairs[0] - pairs[1]) / 2)


def test_random_is_balanced_new_every_run_and_from_the_same_pool(small: Path) -> None:
    members = class_members(datasets.load(str(small)), limit=15)
    counts = {label: 5 for label in CLASSES}
    draws = [_indices(RANDOM, run, {}, members, counts) for run in (1, 2)]
    assert draws[0].tolist() != draws[1].tolist()
    for label, part in members.items():
        assert len(part) == 15
        for draw in draws:
            assert len(set(draw.tolist()) & set(part.tolist())) == counts[label]


def test_command_prints_and_writes(tmp_path: Path, small: Path) -> None:
    curve = _made(tmp_path / "c.json", small, rule="curve")
    medoid = _made(tmp_path / "m.json", small, rule="medoid")
    out = tmp_path / "r.json"
    result = nms(
        *("train", "--data", small, "--selection", curve, "--selection", medoid, "--out", out),
        *("--model", "linear", "--seeds", 2, "--steps", 20, "--jobs", 1),
    )
    assert result.exit_code == 0, result.output
    rows = json.loads(out.read_text())["rows"]
    names = ["DE-SNE rule curve", "DE-SNE rule medoid", RANDOM, ALL]
    assert [row["name"] for row in rows] == names
    for row in rows:
        assert f"{100 * np.mean(row['accuracy']):.2f} %" in result.stdout


def test_vectors_train_but_not_as_images(tmp_path: Path, arrays: dict[str, np.ndarray]) -> None:
    for key in ("x_train", "x_test"):
        arrays[key] = arrays[key].reshape(len(arrays[key]), -1)
    source = save(tmp_path / "flat.npz", arrays)
    made = _made(tmp_path / "s.json", source)
    run = ("train", "--data", source, "--selection", made, "--seeds", 1, "--steps", 5, "--jobs", 1)
    assert nms(*run, "--model", "linear").exit_code == 0
    one_sentence(nms(*run, "--model", "cnn"), "cnn", "linear")


@pytest.mark.parametrize(
    "arguments, parts",
    [
        (("--model", "resnet"), ("resnet", "cnn")),
        (("--seeds", 0), ("seeds 0",)),
        (("--steps", 0), ("steps 0",)),
        (("--batch", 1), ("batch 1",)),
        (("--jobs", 0), ("jobs 0",)),
    ],
)
def test_bad_options_are_refused(
    tmp_path: Path, small: Path, arguments: tuple, parts: tuple[str, ...]
) -> None:
    made, out = _made(tmp_path / "s.json", small), tmp_path / "r.json"
    command = ("train", "--data", small, "--selection", made, "--out", out)
    quick = ("--model", "linear", "--seeds", 1, "--steps", 1)  # should it not be refused
    one_sentence(nms(*command, *quick, *arguments), *parts)
    assert not out.exists()


def test_other_data_is_refused(tmp_path: Path, small: Path) -> None:
    made = _made(tmp_path / "s.json", small)
    result = nms("train", "--data", "digits", "--selection", made)
    one_sentence(result, "other data", "select again")


def test_what_is_no_selection_is_refused(tmp_path: Path, small: Path) -> None:
    for content, part in (("{", "as JSON"), ("[]", "JSON object"), ("{}", "not a selection")):
        (tmp_path / "s.json").write_text(content)
        one_sentence(nms("train", "--data", small, "--selection", tmp_path / "s.json"), part)
    one_sentence(nms("train", "--data", small, "--selection", tmp_path / "no"), "does not exist")


def test_no_test_part_is_refused(tmp_path: Path, arrays: dict[str, np.ndarray]) -> None:
    source = save(tmp_path / "t.npz", {key: arrays[key] for key in ("x_train", "y_train")})
    made = _made(tmp_path / "s.json", source)
    one_sentence(nms("train", "--data", source, "--selection", made), "no test part", "x_test")


def test_selections_of_other_sizes_are_refused(small: Path) -> None:
    dataset = datasets.load(str(small))
    made = [select(dataset, Options(keep=keep)) for keep in (0.2, 0.3)]
    with pytest.raises(TrainingError, match="same keep"):
        compare(dataset, made, Recipe(model="linear", steps=2), 1, 1)


def test_missing_torch_names_the_remedy(
    tmp_path: Path, small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("host.commands.train.find_spec", lambda name: None)
    made = _made(tmp_path / "s.json", small)
    one_sentence(nms("train", "--data", small, "--selection", made), "pip install .[train]")
