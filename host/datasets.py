# SPDX-License-Identifier: Apache-2.0
"""Data sources as bytes: what stands in the memory that the hardware reads.

The hardware knows unsigned bytes only. Data of any other number type is scaled here,

    byte = clip(round_half_even((value - minimum) * 255 / (maximum - minimum)), 0, 255),

with the minimum and maximum of the *training* part (so that nothing of the test part leaks), and
the two numbers are recorded with the selection. Data that is bytes already is left alone.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from host.errors import DataError
from host.files import check_arrays
from host.readers import Arrays, read_cifar_folder, read_idx_folder

DIGITS_SPLIT_SEED = 20260101
DIGITS_TEST_SHARE = 4  # one in four samples of each class
SCALE_CHUNK = 4096

SOURCE_HELP = (
    "'digits' (1,797 handwritten digits that come with scikit-learn), an .npz file with x_train, "
    "y_train and, for training, x_test, y_test, a folder of IDX files (MNIST, Fashion-MNIST), or a "
    "folder of CIFAR-10 python batches."
)


@dataclass(frozen=True)
class Scale:
    """How values became bytes; `minimum` maps to 0 and `maximum` to 255. Bytes keep 0 and 255."""

    source_type: str
    minimum: float
    maximum: float

    @property
    def is_identity(self) -> bool:
        """True for data that was bytes already."""
        whole = np.dtype(self.source_type).kind in "ui"
        return whole and self.minimum == 0 and self.maximum == 255

    def apply(self, values: np.ndarray) -> np.ndarray:
        """uint8 array of the shape of `values`; values outside the range saturate."""
        if self.is_identity:
            return np.ascontiguousarray(np.clip(values, 0, 255), np.uint8)
        scaled = np.empty(values.shape, np.uint8)
        factor = 255.0 / (self.maximum - self.minimum)
        for start in range(0, len(values), SCALE_CHUNK):  # bounds the float64 copy
            part = (values[start : start + SCALE_CHUNK].astype(np.float64) - self.minimum) * factor
            scaled[start : start + SCALE_CHUNK] = np.clip(np.rint(part), 0, 255)
        return scaled


@dataclass(frozen=True)
class Dataset:
    """Samples as bytes with integer labels.

    Members
    -------
    source: what the user named; name: the same without its folder.
    x_train, x_test: uint8[n, ...], one sample being (D,), (H, W) or (H, W, C).
    y_train, y_test: int64[n]. The test part is None where the source has none.
    scale: how the values became bytes.
    sha256: of the training part (types, shapes, sample bytes, labels): what indices refer to.
    """

    source: str
    name: str
    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray | None
    y_test: np.ndarray | None
    scale: Scale
    sha256: str

    @property
    def classes(self) -> np.ndarray:
        """The labels that occur in the training part, ascending."""
        return np.unique(self.y_train)


def load(source: str) -> Dataset:
    """Reads, checks and scales `source` (see SOURCE_HELP); DataError if it cannot."""
    path = Path(source)
    if source == "digits":
        arrays = _digits()
        scale = Scale("float64", 0.0, 16.0)
    else:
        arrays = _read(path)
        scale = None
    for key in ("x_train", "y_train"):
        if key not in arrays:
            raise DataError(f"{source} holds no {key}: give {SOURCE_HELP}")
    if ("x_test" in arrays) != ("y_test" in arrays):
        raise DataError(f"{source} holds only one of x_test and y_test: give both or neither")
    x_train, y_train = _check_samples("x_train", arrays), _check_labels("y_train", arrays)
    x_test = y_test = None
    if "x_test" in arrays:
        x_test, y_test = _check_samples("x_test", arrays), _check_labels("y_test", arrays)
        _check_test_part(x_train, y_train, x_test, y_test)
    scale = scale or _scale_of(source, x_train)
    samples = scale.apply(x_train)
    return Dataset(
        source=source,
        name=path.stem or source,
        x_train=samples,
        y_train=y_train,
        x_test=None if x_test is None else scale.apply(x_test),
        y_test=y_test,
        scale=scale,
        sha256=_sha256(samples, y_train),
    )


def _digits() -> Arrays:
    """The 1,797 digits of scikit-learn, a quarter of each class drawn as the test part.

    The draw uses RandomState, whose streams numpy keeps for ever, so the split never changes.
    """
    from sklearn.datasets import load_digits

    pixels, targets = load_digits(return_X_y=True)
    images, labels = pixels.reshape(-1, 8, 8), targets.astype(np.int64)
    draw = np.random.RandomState(DIGITS_SPLIT_SEED)
    test = np.zeros(len(labels), bool)
    for label in range(10):
        members = draw.permutation(np.flatnonzero(labels == label))
        test[members[: len(members) // DIGITS_TEST_SHARE]] = True
    return {
        "x_train": images[~test],
        "y_train": labels[~test],
        "x_test": images[test],
        "y_test": labels[test],
    }


def _read(path: Path) -> Arrays:
    if not path.exists():
        raise DataError(f"{path} does not exist: give {SOURCE_HELP}")
    if path.is_dir():
        reader = read_cifar_folder if any(path.glob("data_batch_*")) else read_idx_folder
        return reader(path)
    if path.suffix != ".npz":
        raise DataError(f"{path} is not a known kind of data: give {SOURCE_HELP}")
    try:
        with np.load(path, allow_pickle=False) as archive:
            keys = ("x_train", "y_train", "x_test", "y_test")
            arrays = {key: archive[key] for key in keys if key in archive.files}
            check_arrays(arrays)
            return arrays
    except Exception as error:  # numpy, zipfile and zlib raise of every kind for spoilt bytes
        raise DataError(f"{path} cannot be read as an .npz of plain arrays: {error}") from None


def _check_samples(key: str, arrays: Arrays) -> np.ndarray:
    """The samples under `key`, of a number type that is finite throughout."""
    samples = arrays[key]
    if samples.dtype.kind not in "uif":
        raise DataError(f"{key} is of type {samples.dtype}, which cannot be scaled to bytes")
    if not 2 <= samples.ndim <= 4:
        raise DataError(
            f"{key} has shape {samples.shape}: expected [n, D], [n, H, W] or [n, H, W, C]"
        )
    if samples.size == 0:
        raise DataError(f"{key} has shape {samples.shape}, which holds no values")
    if samples.dtype.kind == "f":
        bad = np.argwhere(~np.isfinite(samples))
        if len(bad):
            place = tuple(int(index) for index in bad[0])
            raise DataError(
                f"{key} holds {len(bad)} values that are NaN or infinite, the first at "
                f"{list(place)}: replace or remove them"
            )
    return samples


def _check_labels(key: str, arrays: Arrays) -> np.ndarray:
    """The labels under `key` as int64[n], as many as there are samples."""
    labels, samples = arrays[key], arrays[key.replace("y", "x", 1)]
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.dtype.kind not in "ui" or labels.ndim != 1:
        raise DataError(
            f"{key} must be a list of integers, but is {labels.dtype} of shape {labels.shape}"
        )
    if len(labels) != len(samples):
        raise DataError(
            f"{key} holds {len(labels)} labels for {len(samples)} samples: they must match"
        )
    return labels.astype(np.int64)


def _check_test_part(
    x_train: np.ndarray, y_train: np.ndarray, x_test: np.ndarray, y_test: np.ndarray
) -> None:
    if x_test.shape[1:] != x_train.shape[1:] or x_test.dtype != x_train.dtype:
        raise DataError(
            f"a sample of x_test is {x_test.dtype} of shape {x_test.shape[1:]}, one of x_train "
            f"{x_train.dtype} of shape {x_train.shape[1:]}: they must match"
        )
    unknown = np.setdiff1d(y_test, y_train)
    if len(unknown):
        raise DataError(f"y_test holds the label {unknown[0]}, which y_train never does")


def _scale_of(source: str, samples: np.ndarray) -> Scale:
    kind, low, high = str(samples.dtype), samples.min(), samples.max()
    if samples.dtype.kind in "ui" and low >= 0 and high <= 255:
        return Scale(kind, 0.0, 255.0)
    if low == high:
        raise DataError(
            f"every value of x_train in {source} is {low}: it cannot be scaled to bytes"
        )
    scale = Scale(kind, float(low), float(high))
    if not np.isfinite(scale.maximum - scale.minimum):
        raise DataError(f"x_train spans {low} to {high}, too wide to be scaled to bytes")
    return scale


def _sha256(samples: np.ndarray, labels: np.ndarray) -> str:
    digest = hashlib.sha256()
    for array in (samples, labels.astype("<i8")):
        digest.update(f"{array.dtype.str}{array.shape};".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
