# SPDX-License-Identifier: Apache-2.0
"""Every kind of source is read as stored, and every bad one is refused with a sentence."""

import gzip
import pickle
import struct
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits

from host import datasets
from host.errors import DataError
from verif.host.conftest import save


def test_digits_are_split_by_class_and_scaled(digits: datasets.Dataset) -> None:
    assert digits.x_test is not None and digits.y_test is not None
    everything = np.concatenate([digits.x_train, digits.x_test]).reshape(-1, 64)
    source = np.rint(load_digits().data * 255 / 16)
    assert sorted(map(tuple, everything.astype(int))) == sorted(map(tuple, source.astype(int)))
    for label in range(10):
        test = np.sum(digits.y_test == label)
        assert test == (test + np.sum(digits.y_train == label)) // 4
    assert (digits.scale.minimum, digits.scale.maximum) == (0, 16)


def test_bytes_are_kept(small: Path, arrays: dict[str, np.ndarray]) -> None:
    dataset = datasets.load(str(small))
    np.testing.assert_array_equal(dataset.x_train, arrays["x_train"])
    np.testing.assert_array_equal(dataset.y_test, arrays["y_test"])
    assert dataset.scale.is_identity and dataset.name == "small"


@pytest.mark.parametrize("low, high", [(-1.5, 2.5), (0.0, 255.0), (0.0, 1.0)])
def test_floats_are_scaled_by_the_training_part(tmp_path: Path, low: float, high: float) -> None:
    x_train = np.linspace(low, high, 511).reshape(7, 73)
    x_test = np.array([[low - 1] * 72 + [high + 1]])
    y = np.arange(7)
    path = save(
        tmp_path / "f.npz", {"x_train": x_train, "y_train": y, "x_test": x_test, "y_test": y[:1]}
    )
    dataset = datasets.load(str(path))
    expected = [round((value - low) * 255 / (high - low)) for value in x_train.ravel().tolist()]
    difference = np.abs(dataset.x_train.ravel().astype(int) - expected)
    assert difference.max() <= 1 and np.count_nonzero(difference) < 5  # halves in binary fractions
    assert dataset.x_test is not None
    assert set(dataset.x_test[0, :72].tolist()) == {0} and dataset.x_test[0, 72] == 255
    assert (dataset.scale.minimum, dataset.scale.maximum) == (low, high)


def test_hash_follows_samples_labels_and_shape(
    tmp_path: Path, arrays: dict[str, np.ndarray]
) -> None:
    def digest(**changed: np.ndarray) -> str:
        return datasets.load(str(save(tmp_path / "h.npz", arrays | changed))).sha256

    base, samples, labels = digest(), arrays["x_train"].copy(), arrays["y_train"].copy()
    assert digest() == base
    samples[5, 3, 3] ^= 1
    assert digest(x_train=samples) != base
    labels[0] = 3
    assert digest(y_train=labels) != base
    flat = {key: arrays[key].reshape(len(arrays[key]), -1) for key in ("x_train", "x_test")}
    assert digest(**flat) != base
    assert digest(y_train=arrays["y_train"].astype(np.uint8)) == base


def _spoil(key: str, value: object):
    return lambda arrays: arrays.__setitem__(key, np.asarray(value))


def _put(value: float):
    def put(arrays: dict[str, np.ndarray]) -> None:
        arrays["x_train"] = arrays["x_train"].astype(np.float32)
        arrays["x_test"] = arrays["x_test"].astype(np.float32)
        arrays["x_train"][7, 1, 2] = value

    return put


@pytest.mark.parametrize(
    "spoil, parts",
    [
        (_put(np.nan), ("x_train", "NaN", "[7, 1, 2]")),
        (_put(np.inf), ("x_train", "infinite")),
        (lambda a: a.pop("y_train"), ("no y_train",)),
        (lambda a: a.pop("y_test"), ("only one of x_test and y_test",)),
        (_spoil("y_train", [0, 3, 8]), ("3 labels for 120 samples",)),
        (_spoil("y_train", np.zeros(120)), ("y_train", "integers", "float64")),
        (_spoil("x_train", np.arange(120)), ("shape (120,)",)),
        (_spoil("x_train", np.zeros((120, 0), np.uint8)), ("holds no values",)),
        (_spoil("x_train", np.full((120, 4), "a")), ("cannot be scaled to bytes",)),
        (_spoil("x_train", np.zeros((120, 4), complex)), ("cannot be scaled to bytes",)),
        (_spoil("x_test", np.zeros((60, 9, 9), np.uint8)), ("(9, 9)", "must match")),
        (_spoil("y_test", np.full(60, 77)), ("label 77",)),
    ],
)
def test_bad_arrays_are_refused(
    tmp_path: Path, arrays: dict[str, np.ndarray], spoil, parts: tuple[str, ...]
) -> None:
    spoil(arrays)
    with pytest.raises(DataError) as caught:
        datasets.load(str(save(tmp_path / "bad.npz", arrays)))
    for part in parts:
        assert part in str(caught.value)


def test_constant_floats_cannot_be_scaled(tmp_path: Path) -> None:
    path = save(tmp_path / "c.npz", {"x_train": np.full((4, 2), 0.5), "y_train": np.arange(4)})
    with pytest.raises(DataError, match=r"every value .* is 0.5"):
        datasets.load(str(path))


def test_what_is_not_data_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="does not exist"):
        datasets.load(str(tmp_path / "nothing.npz"))
    for name in ("a.npz", "a.csv"):
        (tmp_path / name).write_text("x,y")
    with pytest.raises(DataError, match="cannot be read"):
        datasets.load(str(tmp_path / "a.npz"))
    with pytest.raises(DataError, match="not a known kind"):
        datasets.load(str(tmp_path / "a.csv"))
    with pytest.raises(DataError, match="holds no x_train"):
        datasets.load(str(tmp_path))


def test_pickles_inside_npz_are_refused(tmp_path: Path) -> None:
    objects = np.empty(3, object)
    np.savez(tmp_path / "p.npz", x_train=objects, y_train=np.arange(3))
    with pytest.raises(DataError, match="plain arrays"):
        datasets.load(str(tmp_path / "p.npz"))


def _idx(values: np.ndarray) -> bytes:
    header = struct.pack(">BBBB", 0, 0, 8, values.ndim)
    return header + struct.pack(f">{values.ndim}I", *values.shape) + values.tobytes()


def _idx_folder(folder: Path, arrays: dict[str, np.ndarray]) -> Path:
    folder.mkdir()
    names = ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")
    for name, key in zip(names, ("x_train", "y_train", "x_test", "y_test"), strict=True):
        content = _idx(arrays[key].astype(np.uint8))
        (folder / f"{name}-ubyte.gz").write_bytes(gzip.compress(content))
    return folder


def test_idx_folder(tmp_path: Path, arrays: dict[str, np.ndarray]) -> None:
    folder = _idx_folder(tmp_path / "idx", arrays)
    dataset = datasets.load(str(folder))
    for key in arrays:
        np.testing.assert_array_equal(getattr(dataset, key), arrays[key])
    plain = folder / "train-images-idx3-ubyte"
    plain.write_bytes(gzip.decompress((folder / f"{plain.name}.gz").read_bytes()))
    (folder / f"{plain.name}.gz").unlink()
    assert datasets.load(str(folder)).sha256 == dataset.sha256
    plain.write_bytes(plain.read_bytes()[:-1])
    with pytest.raises(DataError, match="cut short"):
        datasets.load(str(folder))
    plain.write_bytes(b"GIF89a")
    with pytest.raises(DataError, match="not an IDX file"):
        datasets.load(str(folder))


def test_two_data_sets_in_one_folder_are_refused(
    tmp_path: Path, arrays: dict[str, np.ndarray]
) -> None:
    folder = _idx_folder(tmp_path / "idx", arrays)
    (folder / "emnist-train-images-idx3-ubyte").write_bytes(_idx(arrays["x_train"]))
    with pytest.raises(DataError, match="several train images"):
        datasets.load(str(folder))


def test_cifar_folder(tmp_path: Path) -> None:
    draw = np.random.default_rng(3)
    images = draw.integers(0, 256, (6, 32, 32, 3), dtype=np.uint8)
    labels = [0, 1, 2, 1, 0, 2]
    for name, part in (
        ("data_batch_1", slice(0, 2)),
        ("data_batch_2", slice(2, 4)),
        ("test_batch", slice(4, 6)),
    ):
        rows = images[part].transpose(0, 3, 1, 2).reshape(2, 3072)
        content = pickle.dumps({b"data": rows, b"labels": labels[part]}, protocol=2)
        (tmp_path / name).write_bytes(content)
    dataset = datasets.load(str(tmp_path))
    np.testing.assert_array_equal(dataset.x_train, images[:4])
    np.testing.assert_array_equal(dataset.x_test, images[4:])
    assert dataset.y_train.tolist() == labels[:4]


class _Attack:
    def __reduce__(self):
        return (Path.touch, (Path("attacked"),))


@pytest.mark.parametrize(
    "content, message",
    [
        (pickle.dumps(_Attack()), "no CIFAR-10 batch needs"),
        (pickle.dumps({b"labels": [1]}), "data.* is missing"),
        (pickle.dumps({b"data": np.zeros((2, 9), np.uint8), b"labels": [1, 2]}), "3072 bytes"),
        (b"not a pickle", "cannot be read"),
    ],
)
def test_bad_cifar_batches_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data_batch_1").write_bytes(content)
    with pytest.raises(DataError, match=message):
        datasets.load(str(tmp_path))
    assert not (tmp_path / "attacked").exists()
