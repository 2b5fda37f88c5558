# SPDX-License-Identifier: Apache-2.0
"""nms finetune: it learns, resumes with the same bits, works on several processes, and refuses."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from verif.host.conftest import CLASSES, nms, one_sentence, save

torch = pytest.importorskip("torch", reason="PyTorch is not installed: pip install .[train]")

from host import datasets  # noqa: E402
from host.errors import TrainingError  # noqa: E402
from host.trainer.finetune import Settings  # noqa: E402
from host.trainer.network import make_network  # noqa: E402
from host.trainer.request import Request  # noqa: E402
from host.trainer.runs import Progress, compare_updates  # noqa: E402
from host.trainer.weights import load_weights, random_weights, save_weights  # noqa: E402

SPARSE = ("--first-block", "block1", "--ratio", 0.2, "--least-saved", 0.5)


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """ResNet-8 trained on the digits that the small set does not hold."""
    folder = tmp_path_factory.mktemp("pretrained")
    digits = datasets.load("digits")
    assert digits.x_test is not None and digits.y_test is not None
    arrays = {}
    for part, x, y in (
        ("train", digits.x_train, digits.y_train),
        ("test", digits.x_test, digits.y_test),
    ):
        kept = ~np.isin(y, CLASSES)
        arrays[f"x_{part}"], arrays[f"y_{part}"] = x[kept], y[kept]
    result = nms(
        *("finetune", "--data", save(folder / "d.npz", arrays), "--model", "resnet8"),
        *("--update", "dense", "--epochs", 4, "--rate", 0.1, "--no-mirror"),
        *("--cache", folder, "--weights-out", folder / "w.npz", "--out", folder / "r.json"),
    )
    assert result.exit_code == 0, result.output
    row = json.loads((folder / "r.json").read_text())["rows"][0]
    assert row["mean"] > 0.8, f"accuracy on seven digits is {row['mean']}"
    return folder / "w.npz"


def test_every_update_learns_new_digits(tmp_path: Path, small: Path, pretrained: Path) -> None:
    """Three digits that the front never saw: all beat chance by far; what the table says is what
    the document holds."""
    updates = ("dense", "dgsu", "static", "random", "bias", "last")
    out, done = tmp_path / "r.json", tmp_path / "w.npz"
    result = nms(
        *(
            "finetune",
            "--data",
            small,
            "--model",
            "resnet8",
            "--weights",
            pretrained,
            "--no-mirror",
        ),
        *(part for update in updates for part in ("--update", update)),
        *("--epochs", 6, "--batch", 8, "--rate", 0.05, "--period", 2, "--probe-epochs", 10),
        *(*SPARSE, "--cache", tmp_path, "--out", out, "--weights-out", done),
    )
    assert result.exit_code == 0, result.output
    document = json.loads(out.read_text())
    rows = {row["update"]: row for row in document["rows"]}
    assert tuple(rows) == updates
    for name, row in rows.items():
        assert row["mean"] > 0.7, f"{name}: {row['mean']}"
        assert f"{100 * row['mean']:.2f} %" in result.stdout
        assert f"{row['memory']['total_bytes']:,}" in result.stdout
    assert rows["dgsu"]["held_bytes"] < rows["dense"]["held_bytes"] / 2
    assert 0 < rows["dgsu"]["memory"]["updated_share"] <= 0.2
    assert rows["bias"]["memory"]["updated_weights"] == 0
    before = load_weights(make_network("resnet8", 1), pretrained)
    after = load_weights(make_network("resnet8", 1), done)
    assert np.array_equal(before["first.weight"], after["first.weight"])  # `last` came last
    assert after["classifier.weight"].shape == (len(CLASSES), 64)


def _request(folder: Path, **changes) -> Request:
    settings = Settings(update="dgsu", seed=1, epochs=3, batch=8, rate=0.05, period=2)
    request = Request(
        model="resnet8",
        updates=("dgsu",),
        settings=settings,
        rates=(0.05,),
        ratio=0.2,
        least_saved=0.5,
        start="block1",
        mirror=True,
        cache=folder / "cache",
    )
    return replace(request, **changes)


@pytest.mark.parametrize("precision", ["float", "int8"])
def test_a_resumed_run_ends_with_the_same_bits(tmp_path: Path, small: Path, precision: str) -> None:
    dataset = datasets.load(str(small))
    request = _request(tmp_path)
    request = replace(request, settings=replace(request.settings, precision=precision))
    whole, weights = compare_updates(dataset, request, None, Progress())

    class Interrupted(Exception):
        pass

    steps = 0

    def on_piece() -> None:
        nonlocal steps
        steps += 1
        if steps == 8 + 2 * 15 + 4:  # batches of maps, as they are and mirrored; then steps
            raise Interrupted

    request = replace(request, checkpoints=tmp_path / "c", cache=tmp_path / "again")
    with pytest.raises(Interrupted):
        compare_updates(dataset, request, None, Progress(on_piece=on_piece))
    assert len(list((tmp_path / "c").iterdir())) == 1
    resumed, same = compare_updates(dataset, request, None, Progress())
    assert resumed["rows"][0]["accuracy"] == whole["rows"][0]["accuracy"]
    assert resumed["rows"][0]["loss"] == whole["rows"][0]["loss"]
    for name in weights:
        assert np.array_equal(weights[name], same[name]), name
    again, same = compare_updates(dataset, request, None, Progress())  # nothing is left to do
    assert again["rows"][0]["accuracy"] == whole["rows"][0]["accuracy"]
    assert all(np.array_equal(weights[name], same[name]) for name in weights)


def test_a_spoilt_checkpoint_is_refused(tmp_path: Path, small: Path) -> None:
    request = _request(tmp_path, checkpoints=tmp_path / "c")
    request = replace(request, settings=replace(request.settings, epochs=1))
    dataset = datasets.load(str(small))
    compare_updates(dataset, request, None, Progress())
    (path,) = (tmp_path / "c").iterdir()
    path.write_bytes(b"spoilt")
    with pytest.raises(TrainingError, match=r"cannot be read .*remove it"):
        compare_updates(dataset, request, None, Progress())


def test_the_rate_is_chosen_on_held_out_samples(tmp_path: Path, small: Path) -> None:
    """A rate that learns nothing loses; the test part may be wrong throughout without changing the
    choice."""
    request = _request(
        tmp_path, rates=(1e-7, 0.05), updates=("dense",), tune_epochs=6, tune_samples=90
    )
    request = replace(request, settings=replace(request.settings, probe_epochs=0))
    dataset = datasets.load(str(small))
    assert dataset.y_test is not None
    rows = [
        compare_updates(replace(dataset, y_test=labels), request, None, Progress())[0]["rows"][0]
        for labels in (dataset.y_test, np.roll(dataset.y_test, 20))
    ]
    assert rows[0]["rate"] == rows[1]["rate"] == 0.05
    assert rows[0]["tuning"] == rows[1]["tuning"] and len(rows[0]["tuning"]) == 2
    assert rows[0]["tuning"]["0.05"] > rows[0]["tuning"]["1e-07"]


def test_two_processes_train_as_one(tmp_path: Path, small: Path) -> None:
    """torchrun with gloo: each has half of every batch, the weights are those of one process but
    for the order of sums."""
    command = [
        *("finetune", "--data", small, "--model", "resnet8", "--update", "dgsu", "--epochs", 1),
        *("--batch", 8, "--rate", 0.05, "--saved", "float32", *SPARSE),
    ]
    outputs = {}
    for workers in (1, 2):
        out = tmp_path / f"{workers}.npz"
        rest = ("--cache", tmp_path / f"cache{workers}", "--weights-out", out)
        line = [str(part) for part in (*command, *rest)]
        if workers == 1:
            result = nms(*line)
            assert result.exit_code == 0, result.output
        else:
            launch = (sys.executable, "-m", "torch.distributed.run", "--standalone")
            start = ("--nproc-per-node", "2", "--no-python", sys.executable, "-c")
            program = "from host.cli import app; app()"
            done = subprocess.run(
                [*launch, *start, program, *line],
                capture_output=True,
                text=True,
                timeout=300,
                env={**os.environ, "OMP_NUM_THREADS": "1"},
            )
            assert done.returncode == 0, done.stderr[-3000:]
            assert done.stdout.count("resnet8 on small") == 1, "each worker printed its own table"
        with np.load(out) as archive:
            outputs[workers] = {name: archive[name] for name in archive.files}
    start_weights = random_weights(make_network("resnet8", 1), 1)
    moved = 0.0
    for name, values in outputs[1].items():
        np.testing.assert_allclose(outputs[2][name], values, rtol=1e-3, atol=1e-5)
        if name in start_weights:
            moved = max(moved, float(np.abs(values - start_weights[name]).max()))
    assert moved > 1e-3


def test_a_selection_of_the_samples(tmp_path: Path, small: Path) -> None:
    made, out = tmp_path / "s.json", tmp_path / "r.json"
    assert nms("select", "--data", small, "--keep", 0.2, "--out", made).exit_code == 0
    result = nms(
        *("finetune", "--data", small, "--model", "resnet8", "--selection", made, "--epochs", 1),
        *("--batch", 8, "--update", "last", "--cache", tmp_path, "--out", out),
    )
    assert result.exit_code == 0, result.output
    document = json.loads(out.read_text())
    assert document["train_samples"] == 24 and document["rows"][0]["held_bytes"] < 8 * 1024


@pytest.mark.parametrize(
    "arguments, parts",
    [
        (("--model", "vgg"), ("vgg", "resnet8")),
        (("--model", "mobilenetv2-0.35"), ("3 channels", "resnet8")),
        (("--update", "half"), ("half", "dgsu")),
        (("--rate", 0), ("rate 0",)),
        (("--epochs", 0), ("epochs 0",)),
        (("--seeds", 0), ("seeds 0",)),
        (("--batch", 500), ("batch of 500", "--batch")),
        (("--saved", "int4"), ("int4", "float32")),
        (("--precision", "half"), ("half", "int8")),
        (("--update", "dgsu", "--ratio", 0.02), ("--ratio",)),
        (("--update", "dgsu", "--ratio", 0.2, "--budget-kib", 1), ("--budget-kib",)),
        (("--first-block", "block7"), ("block7", "block2")),
        (("--threads", 0), ("threads 0",)),
        (("--tune-samples", 0), ("tune-samples 0",)),
        (("--weights", "none.npz"), ("none.npz",)),
    ],
)
def test_bad_options_are_refused(tmp_path: Path, small: Path, arguments: tuple, parts) -> None:
    out = tmp_path / "r.json"
    quick = ("--model", "resnet8", "--update", "bias", "--epochs", 1, "--cache", tmp_path / "c")
    one_sentence(nms("finetune", "--data", small, "--out", out, *quick, *arguments), *parts)
    assert not out.exists()


def test_pretrained_weights_must_be_named(
    tmp_path: Path, arrays: dict[str, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NMS_DATA", raising=False)
    for key in ("x_train", "x_test"):
        arrays[key] = np.repeat(arrays[key][..., None], 3, 3)
    source = save(tmp_path / "colour.npz", arrays)
    one_sentence(
        nms("finetune", "--data", source, "--model", "mobilenetv2-1.0"), "--weights", "NMS_DATA"
    )


def test_mobilenet_from_the_command(tmp_path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Random weights, three channels, 32 pixels: the way from file to file."""
    for key in ("x_train", "x_test"):
        arrays[key] = np.repeat(arrays[key][::4, ..., None], 3, 3)
        arrays[key.replace("x", "y")] = arrays[key.replace("x", "y")][::4]
    source, weights = save(tmp_path / "colour.npz", arrays), tmp_path / "w.npz"
    save_weights(weights, random_weights(make_network("mobilenetv2-0.35"), 1))
    result = nms(
        *("finetune", "--data", source, "--weights", weights, "--input", 32, "--epochs", 1),
        *("--update", "dgsu", "--update", "last", "--batch", 6, "--cache", tmp_path),
        *("--weights-out", tmp_path / "o.npz", "--precision", "int8"),
    )
    assert result.exit_code == 0, result.output
    assert (tmp_path / "o.npz").exists()
