# SPDX-License-Identifier: Apache-2.0
"""nms gradient --window: the channels by the importance of their weights."""

from pathlib import Path

import numpy as np
import pytest

from verif.host.conftest import nms, one_sentence
from verif.host.gradient_job import DENSE, DEPTHWISE, files, job, update


@pytest.mark.parametrize("sizes", [DENSE, DEPTHWISE], ids=["dense", "depthwise"])
def test_a_window_chooses_the_channels(tmp_path: Path, sizes) -> None:
    """By the largest sums of squares; the place that is printed leads to the next window."""
    paths = files(tmp_path, sizes)
    weights = np.load(paths["weights"]).astype(int)
    channels = weights if sizes.depthwise else weights.swapaxes(0, 1)
    norms = [int((channel * channel).sum()) for channel in channels]
    order = sorted(range(5), key=lambda channel: (-norms[channel], channel))
    kind = ("--depthwise", "--stride", 2) if sizes.depthwise else ("--padding", 1)
    for place, expected in ((0, order[:3]), (3, [order[3], order[0], order[1]])):
        outs = [tmp_path / f"{place}-{name}.npy" for name in ("window", "list", "update")]
        choice = ("--window", 3, "--pool", 4, "--place", place)
        result = nms(*job(paths, *kind, *choice, "--weights", paths["weights"], "--out", outs[0]))
        assert result.exit_code == 0, result.output
        assert f"--place {(place + 3) % 4}" in result.stdout
        listed = ",".join(map(str, sorted(expected)))
        assert (
            nms(*job(paths, *kind, "--kernel", 3, "--channels", listed, "--out", outs[1])).exit_code
            == 0
        )
        steps = update(paths, "--weights-out", tmp_path / "new.npy")
        assert nms(*job(paths, *kind, *choice, *steps, "--out", outs[2])).exit_code == 0
        assert len({out.read_bytes() for out in outs}) == 1


@pytest.mark.verilator
def test_hardware_chooses_the_same_channels(tmp_path: Path) -> None:
    paths = files(tmp_path)
    out = tmp_path / "dw.npy"
    given = ("--window", 2, "--place", 4, "--weights", paths["weights"], "--padding", 1)
    result = nms(*job(paths, *given, "--out", out, "--backend", "both", "--preset", "tiny"))
    assert result.exit_code == 0, result.output
    assert "--place 1" in result.stdout and "2 of 5" in result.stdout


@pytest.mark.parametrize(
    "arguments, parts",
    [
        ((), ("give either --channels or --window",)),
        (("--channels", "1", "--window", 2), ("give either --channels or --window",)),
        (("--channels", "1", "--pool", 2), ("--pool 2", "without --window")),
        (("--channels", "1", "--weights", "w.npy"), ("--weights w.npy", "without --window")),
        (("--window", 2), ("--window 2", "--weights", "--update")),
        (("--window", 6, "--weights", "weights.npy"), ("window is 6", "from 1 to 5")),
        (("--window", 2, "--pool", 1, "--weights", "weights.npy"), ("window is 2", "1 to 1")),
        (("--window", 2, "--pool", 6, "--weights", "weights.npy"), ("pool is 6", "1 to 5")),
        (("--window", 2, "--place", 5, "--weights", "weights.npy"), ("place is 5", "0 to 4")),
        (("--window", 0, "--weights", "weights.npy"), ("window is 0", "1 to 5")),
        (("--window", 2, "--weights", "none.npy"), ("none.npy", "does not exist")),
        (("--window", 2, "--weights", "x.npy", "--kernel", 3), ("x.npy", "(3, 5, 3, 3)")),
    ],
)
def test_bad_windows(tmp_path: Path, monkeypatch, arguments: tuple, parts: tuple) -> None:
    paths = files(tmp_path)
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.iterdir())
    given = ("--padding", 1, "--out", tmp_path / "new" / "dw.npy")
    one_sentence(nms(*job(paths, *given, *arguments)), *parts)
    assert sorted(tmp_path.iterdir()) == before
