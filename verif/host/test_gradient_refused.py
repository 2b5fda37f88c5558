# SPDX-License-Identifier: Apache-2.0
"""nms gradient: a sentence for every bad input, and nothing written."""

import json
from pathlib import Path

import numpy as np
import pytest

from golden.sgmac.update import LOWEST_SCALE
from verif.host.conftest import nms, one_sentence
from verif.host.gradient_job import files, job, update
from verif.vectors.sgmac import convolution


def test_back_ends_that_do_not_exist(tmp_path: Path) -> None:
    out = tmp_path / "dw.npy"
    given = ("--channels", "1", "--padding", 1, "--out", out, "--backend", "fpga")
    one_sentence(nms(*job(files(tmp_path), *given)), "fpga", "choose one of golden, rtl, both")
    given = ("--channels", "1", "--padding", 1, "--out", out, "--preset", "tiny")
    one_sentence(nms(*job(files(tmp_path), *given)), "preset 'tiny' is for hardware")
    assert not out.exists()


@pytest.mark.parametrize(
    "arguments, parts",
    [
        (("--channels", "1,5"), ("--channels 1,5", "channel 5", "0 to 4")),
        (("--channels", "-1,2"), ("channel -1",)),
        (("--channels", "1,1"), ("channel 1 is listed twice",)),
        (("--channels", "3,1"), ("channel 1 stands behind 3", "rising order")),
        (("--channels", ""), ("one or more integers",)),
        (("--channels", "1;2"), ("1;2", "neither 'all'", "1,5,7")),
        (("--channels", "9" * 30), ("9999", "neither")),
        (("--channels", "x" * 300), ("[...]",)),
        (("--kernel", 0), ("kernel is 0", "1 to 255")),
        (("--kernel", 3, "--stride", 3), ("out_height is 6", "gives 2 to 3", "check --kernel")),
        (("--padding", 200), ("kernel", "none fits", "--kernel")),
        (("--kernel", 3, "--padding", 3), ("padding is 3", "less than kernel")),
        (("--padding", -1), ("--padding -1", "0 to 254")),
        (("--stride", 0), ("--stride 0", "1 to 255")),
        (("--stride", 2), ("not clear", "none fits", "--kernel")),
        (("--depthwise",), ("out_channels is 3", "depthwise", "in_channels")),
        (("--scale", "s.json"), ("--scale s.json", "no use without --update")),
        (("--weights-out", "w.npy"), ("--weights-out w.npy", "without --update")),
        (("--rounding", "nearest"), ("--rounding nearest", "without --update")),
        (("--seed", 3), ("--seed 3", "without --update")),
        (("--update", "w.npy"), ("--update w.npy", "--scale")),
        (("--update", "w.npy", "--scale", "s.json"), ("--weights-out",)),
    ],
)
def test_bad_options(tmp_path: Path, arguments: tuple, parts: tuple) -> None:
    paths = files(tmp_path)
    before = sorted(tmp_path.iterdir())
    given = {"--channels": "1", "--padding": 1, "--out": tmp_path / "new" / "dw.npy"}
    given = {key: value for key, value in given.items() if key not in arguments}
    flat = [item for pair in given.items() for item in pair]
    one_sentence(nms(*job(paths, *flat, *arguments)), *parts)
    assert sorted(tmp_path.iterdir()) == before


def test_an_unclear_kernel(tmp_path: Path) -> None:
    paths = files(tmp_path, convolution(2, 3, (8, 8), stride=2))
    out = tmp_path / "dw.npy"
    arguments = ("--channels", "all", "--stride", 2, "--out", out)
    one_sentence(nms(*job(paths, *arguments)), "1 and 2 would do", "give --kernel")
    assert not out.exists()
    assert nms(*job(paths, *arguments, "--kernel", 2)).exit_code == 0
    assert np.load(out).shape == (2, 3, 2, 2)


@pytest.mark.parametrize(
    "name, array, parts",
    [
        ("x", np.zeros((2, 5, 6, 5), np.float32), ("x.npy", "float32", "int8")),
        ("x", np.zeros((2, 5, 6), np.int8), ("x.npy", "(2, 5, 6)", "(N, C, 1, 1)")),
        ("x", np.zeros((0, 5, 6, 5), np.int8), ("x.npy", "(0, 5, 6, 5)", "empty")),
        ("x", np.zeros((3, 5, 6, 5), np.int8), ("x holds 3 images and error 2",)),
        ("x", np.array([None]), ("x.npy", "cannot be read")),
        ("error", np.zeros((2, 3, 6, 5), np.int16), ("error.npy", "int16", "int8")),
        ("error", np.zeros((2, 3, 4, 5), np.int8), ("out_height is 4", "5 to 7")),
        ("weights", np.zeros((3, 5, 3, 3), np.uint8), ("weights.npy", "uint8", "int8")),
        ("weights", np.zeros((3, 4, 3, 3), np.int8), ("(3, 4, 3, 3)", "(3, 5, 3, 3)")),
    ],
)
def test_bad_arrays(tmp_path: Path, name: str, array: np.ndarray, parts: tuple) -> None:
    paths = files(tmp_path)
    np.save(paths[name], array, allow_pickle=True)
    refused(tmp_path, paths, *parts)


def refused(tmp_path: Path, paths: dict[str, Path], *parts: str) -> None:
    outs = ("--out", tmp_path / "dw.npy", *update(paths, "--weights-out", tmp_path / "new.npy"))
    before = sorted(tmp_path.iterdir())
    one_sentence(nms(*job(paths, "--channels", "1", "--padding", 1, *outs)), *parts)
    assert sorted(tmp_path.iterdir()) == before


def test_files_that_are_no_arrays(tmp_path: Path) -> None:
    paths = files(tmp_path)
    paths["x"].write_text("not an array")
    refused(tmp_path, paths, "x.npy", "cannot be read")
    np.savez(tmp_path / "two.npz", a=np.zeros(1), b=np.zeros(1))
    refused(tmp_path, paths | {"x": tmp_path / "two.npz"}, "two.npz", "several arrays")
    refused(tmp_path, paths | {"x": tmp_path / "none.npy"}, "none.npy does not exist")
    paths = files(tmp_path)
    paths["error"].write_bytes(paths["error"].read_bytes()[:-7])
    refused(tmp_path, paths, "error.npy", "cannot be read")


@pytest.mark.parametrize(
    "document, parts",
    [
        ({}, ("nothing", "'scale'")),
        ({"scale": 1.0, "shift": 3}, ("scale, shift", "'multiplier'")),
        ({"scale": "big"}, ("'big'",)),
        ({"scale": True}, ("True",)),
        ({"scale": [0.1, 0.1]}, ("2 values for 3 output channels",)),
        ({"scale": LOWEST_SCALE / 2}, ("2^-25", "65535")),
        ({"scale": 0}, ("scale 0 is out of range",)),
        ({"multiplier": 1.5, "shift": 3}, ("1.5",)),
        ({"multiplier": 65536, "shift": 3}, ("multiplier 65536", "1 to 65535")),
        ({"multiplier": 9, "shift": [3, 41, 0]}, ("shift 41", "0 to 40")),
        ({"multiplier": 10**30, "shift": 3}, ("scale.json",)),
    ],
)
def test_bad_scales(tmp_path: Path, document: dict, parts: tuple) -> None:
    paths = files(tmp_path)
    paths["scale"].write_text(json.dumps(document))
    refused(tmp_path, paths, "scale.json", *parts)


def test_bad_rounding_and_seed(tmp_path: Path) -> None:
    paths = files(tmp_path)
    outs = ("--out", tmp_path / "dw.npy", *update(paths, "--weights-out", tmp_path / "new.npy"))
    call = job(paths, "--channels", "1", "--padding", 1, *outs)
    one_sentence(nms(*call, "--rounding", "up"), "'up'", "nearest or stochastic")
    one_sentence(nms(*call, "--seed", 3), "--seed 3", "--rounding stochastic")
    one_sentence(nms(*call, "--rounding", "stochastic", "--seed", -3), "seed", "-3")
    assert not (tmp_path / "dw.npy").exists()


def test_sums_that_could_overflow(tmp_path: Path) -> None:
    paths = files(tmp_path, convolution(1, 1, (256, 256)), images=2)
    out = tmp_path / "dw.npy"
    one_sentence(nms(*job(paths, "--channels", "0", "--out", out)), "131072", "fewer images")
    assert not out.exists()


def test_more_rows_than_an_update_takes(tmp_path: Path) -> None:
    sizes = convolution(1, 300, (15, 15), kernel=15)
    paths = files(tmp_path, sizes, images=1)
    outs = ("--out", tmp_path / "dw.npy", *update(paths, "--weights-out", tmp_path / "new.npy"))
    call = job(paths, "--channels", "all", *outs)
    one_sentence(nms(*call), "67500 rows", "select fewer channels")
    assert not (tmp_path / "dw.npy").exists()


def test_outputs_that_cannot_be(tmp_path: Path) -> None:
    paths = files(tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    fine = tmp_path / "dw.npy"
    call = job(paths, "--channels", "1", "--padding", 1)
    one_sentence(nms(*call, "--out", tmp_path), "is a folder", "--out")
    one_sentence(nms(*call, "--out", fine, "--bias-out", tmp_path), "--bias-out")
    one_sentence(nms(*call, "--out", paths["x"] / "dw.npy"), "cannot be written")
    one_sentence(nms(*call, "--out", fine, "--bias-out", fine), "--bias-out", "file of --out")
    one_sentence(nms(*call, "--out", paths["x"]), "--out", "file of --x")
    both = update(paths, "--weights-out", tmp_path / "new.npy")
    one_sentence(nms(*call, "--out", paths["weights"], *both), "file of --update")
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before
