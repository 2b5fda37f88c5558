# SPDX-License-Identifier: Apache-2.0
"""nms gradient: what it writes is the definition's."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from golden.arith.lfsr import seed_register
from golden.sgmac import quantise_scale
from host.backends import RtlBackend
from host.gradient_backends import GoldenGradient, RtlGradient
from verif.golden.plain_gradient import errors_summed, in_loops, updated_in_fractions
from verif.host.conftest import nms
from verif.host.gradient_job import DENSE, DEPTHWISE, files, job, update
from verif.vectors.sgmac import convolution


def test_writes_the_gradients(tmp_path: Path) -> None:
    paths = files(tmp_path)
    x, error = np.load(paths["x"]), np.load(paths["error"])
    out, bias = tmp_path / "deep" / "dw.npy", tmp_path / "db"
    arguments = ("--channels", "1,3,4", "--padding", 1, "--out", out, "--bias-out", bias)
    result = nms(*job(paths, *arguments))
    assert result.exit_code == 0, result.output
    got = np.load(out)
    assert got.dtype == np.int32 and np.array_equal(got, in_loops(x, error, [1, 3, 4], DENSE))
    assert np.load(bias).tolist() == errors_summed(error, [1, 3, 4], DENSE)
    work = DENSE.multiply_accumulates(2, 3)
    for said in ("3 of 5", "3 x 3 x 3 x 3", f"{work:,} of {work * 5 // 3:,} (60.0%)", str(out)):
        assert said in result.stdout.replace("\n", ""), result.stdout
    assert "saturated" not in result.stdout
    first = out.read_bytes()
    assert nms(*job(paths, *arguments)).exit_code == 0 and out.read_bytes() == first


@pytest.mark.parametrize("rounding", ["nearest", "stochastic"])
@pytest.mark.parametrize("sizes", [DENSE, DEPTHWISE], ids=["dense", "depthwise"])
def test_updates_the_weights(tmp_path: Path, sizes, rounding: str) -> None:
    paths = files(tmp_path, sizes)
    scale = np.geomspace(0.0003, 0.01, sizes.out_channels)
    paths["scale"].write_text(json.dumps({"scale": scale.tolist()}))
    before = np.load(paths["weights"])
    out, new, channels = tmp_path / "dw.npy", tmp_path / "new.npy", [0, 2]
    kind = ("--depthwise", "--stride", 2) if sizes.depthwise else ("--padding", 1)
    rest = ("--seed", 7) if rounding == "stochastic" else ()
    arguments = ("--channels", "0,2", *kind, "--out", out, *update(paths, "--weights-out", new))
    result = nms(*job(paths, *arguments, "--rounding", rounding, *rest))
    assert result.exit_code == 0, result.output
    want = before.copy()
    place = channels if sizes.depthwise else (slice(None), channels)
    quantised = [v[channels] if sizes.depthwise else v for v in quantise_scale(scale)]
    register = seed_register(7) if rounding == "stochastic" else None
    want[place], saturated = updated_in_fractions(before[place], np.load(out), *quantised, register)
    got = np.load(new)
    assert got.dtype == np.int8 and np.array_equal(got, want) and (got != before).any()
    assert saturated > 0 and f"{saturated} of {want[place].size} updated" in result.stdout
    assert np.array_equal(np.load(paths["weights"]), before)


def test_weights_may_be_updated_in_place(tmp_path: Path) -> None:
    paths = files(tmp_path)
    before = np.load(paths["weights"])
    np.save(paths["weights"], np.asfortranarray(before))
    arguments = ("--channels", "1", "--padding", 1, "--out", tmp_path / "dw.npy")
    integers = {"multiplier": [1000, 2000, 3000], "shift": 22}
    paths["scale"].write_text(json.dumps(integers))
    result = nms(*job(paths, *arguments, *update(paths, "--weights-out", paths["weights"])))
    assert result.exit_code == 0, result.output
    scale = np.array(integers["multiplier"]), np.full(3, 22)
    want = before.copy()
    gradient = np.load(tmp_path / "dw.npy")
    want[:, [1]], _ = updated_in_fractions(before[:, [1]], gradient, *scale)
    assert np.array_equal(np.load(paths["weights"]), want)


@pytest.mark.parametrize("content", ["0,2,4", "0 2\n4\n", "0, 2,\n4"])
def test_channels_from_a_file(tmp_path: Path, content: str) -> None:
    paths = files(tmp_path)
    given = tmp_path / "channels.txt"
    given.write_text(content)
    as_array = tmp_path / "channels.npy"
    np.save(as_array, np.array([0, 2, 4], np.uint8))
    outs = [tmp_path / f"{name}.npy" for name in "abc"]
    for source, out in zip((given, as_array, "0,2,4"), outs, strict=True):
        result = nms(*job(paths, "--channels", source, "--padding", 1, "--out", out))
        assert result.exit_code == 0, result.output
    assert len({out.read_bytes() for out in outs}) == 1


def test_all_channels(tmp_path: Path) -> None:
    """More than a file name can hold, and none left out."""
    sizes = convolution(2, 120, (3, 4))
    paths = files(tmp_path, sizes)
    outs = tmp_path / "all.npy", tmp_path / "list.npy"
    for channels, out in zip(("all", ",".join(map(str, range(120)))), outs, strict=True):
        result = nms(*job(paths, "--channels", channels, "--out", out))
        assert result.exit_code == 0, result.output
    assert outs[0].read_bytes() == outs[1].read_bytes()
    assert np.load(outs[0]).shape == (2, 120, 1, 1)


@pytest.mark.verilator
def test_hardware_gives_the_same_files(tmp_path: Path) -> None:
    paths = files(tmp_path)
    written = []
    for name, *preset in (("golden",), ("rtl", "--preset", "tiny"), ("both", "--preset", "tiny")):
        out, bias = tmp_path / f"{name}.npy", tmp_path / f"{name}-bias.npy"
        given = ("--channels", "1,3", "--padding", 1, "--out", out, "--bias-out", bias)
        result = nms(*job(paths, *given, "--backend", name, *preset))
        assert result.exit_code == 0, result.output
        assert ("hardware cycles" in result.stdout) == (name != "golden")
        written.append((out.read_bytes(), bias.read_bytes()))
    assert written[0] == written[1] == written[2]


def test_a_difference_ends_with_status_1(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Golden with one wrong sum in the place of the hardware."""

    def wrong(self, *asked):
        result = GoldenGradient().run_job(*asked)
        gradient = result.weight_gradient.copy()
        gradient[2, 0, 1, 1] += 1
        return dataclasses.replace(result, weight_gradient=gradient)

    monkeypatch.setattr(RtlGradient, "run_job", wrong)
    monkeypatch.setattr(RtlBackend, "built", True)
    out = tmp_path / "dw.npy"
    given = ("--channels", "1,3", "--padding", 1, "--out", out, "--backend", "both")
    result = nms(*job(files(tmp_path), *given))
    assert result.exit_code == 1 and not out.exists()
    said = " ".join(result.stderr.split())
    assert "hardware train differs from golden: weight gradient [2, 0, 1, 1] is" in said
    assert "(1 differ)" in said
