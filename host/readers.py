# SPDX-License-Identifier: Apache-2.0
"""Readers of two image formats: IDX files (MNIST, Fashion-MNIST) and CIFAR-10 python batches.

Both return the arrays as stored; host/datasets.py checks and scales them.

Sources: the IDX layout is described on the MNIST page of Y. LeCun, C. Cortes and C. Burges; the
CIFAR-10 batches on A. Krizhevsky's page "The CIFAR-10 dataset" (rows of 1,024 red, 1,024 green and
1,024 blue bytes).
"""

import gzip
import io
import pickle
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from host.errors import DataError

Arrays = dict[str, np.ndarray]

IDX_TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def read_idx(path: Path) -> np.ndarray:
    """One IDX file (big-endian; two zero bytes, type, number of dimensions, dimensions, values)."""
    try:
        content = path.read_bytes()
        if path.suffix == ".gz":
            content = gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path} cannot be read: {error}") from None
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] not in IDX_TYPES:
        raise DataError(f"{path} is not an IDX file: it does not start with 00 00 and a known type")
    dtype, dimensions = np.dtype(IDX_TYPES[content[2]]), content[3]
    start = 4 + 4 * dimensions
    shape = tuple(int(size) for size in np.frombuffer(content[:start], ">u4")[1:])
    if len(shape) != dimensions or len(content) - start != int(np.prod(shape)) * dtype.itemsize:
        raise DataError(
            f"{path} is cut short or too long: its header says {shape} of {dtype.itemsize} bytes, "
            f"{max(0, len(content) - start)} bytes follow"
        )
    return np.frombuffer(content, dtype, offset=start).reshape(shape)


def read_idx_folder(folder: Path) -> Arrays:
    """The train-images, train-labels, t10k-images and t10k-labels files of a folder."""
    arrays: Arrays = {}
    for part, marks in (("train", ("train",)), ("test", ("t10k", "test"))):
        for key, kind in (("x", "images"), ("y", "labels")):
            found = {
                path.name.removesuffix(".gz"): path
                for path in sorted(
                    folder.glob("*idx*"), reverse=True
                )  # the plain file after its .gz
                if kind in path.name and any(mark in path.name for mark in marks)
            }
            if len(found) > 1:
                raise DataError(
                    f"{folder} holds several {part} {kind} files ({', '.join(sorted(found))}): "
                    f"keep one data set in a folder"
                )
            arrays |= {f"{key}_{part}": read_idx(path) for path in found.values()}
    return arrays


class _NumpyUnpickler(pickle.Unpickler):
    """Unpickles arrays, bytes and plain containers; anything else could run a program."""

    def find_class(self, module: str, name: str) -> Any:
        if name == "_reconstruct" and module in ("numpy.core.multiarray", "numpy._core.multiarray"):
            return np._core.multiarray._reconstruct  # type: ignore[attr-defined]
        if module == "numpy" and name in ("ndarray", "dtype"):
            return getattr(np, name)
        if (module, name) == ("_codecs", "encode"):
            return _encode
        raise pickle.UnpicklingError(f"it asks for {module}.{name}, which no CIFAR-10 batch needs")


def _encode(text: str, encoding: str) -> bytes:
    """What Python 3 writes for bytes in an old pickle protocol."""
    if encoding not in ("latin1", "latin-1"):
        raise pickle.UnpicklingError(f"it asks for the encoding {encoding!r}")
    return text.encode("latin-1")


def read_cifar_batch(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """One batch: images uint8[n, 32, 32, 3] and labels int64[n]."""
    try:
        batch = _NumpyUnpickler(io.BytesIO(path.read_bytes()), encoding="bytes").load()
        rows, labels = np.asarray(batch[b"data"]), np.asarray(batch[b"labels"], np.int64)
    except Exception as error:  # a damaged pickle can raise anything
        reason = f"key {error} is missing" if isinstance(error, KeyError) else error
        raise DataError(f"{path} cannot be read as a CIFAR-10 batch: {reason}") from None
    if rows.dtype != np.uint8 or rows.ndim != 2 or rows.shape[1] != 3072:
        raise DataError(
            f"{path} must hold rows of 3072 bytes, but holds {rows.dtype} of shape {rows.shape}"
        )
    return rows.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1), labels


def read_cifar_folder(folder: Path) -> Arrays:
    """data_batch_1, data_batch_2, ... in order for training, test_batch for testing."""
    arrays: Arrays = {}
    for part, pattern in (("train", "data_batch_[0-9]*"), ("test", "test_batch")):
        batches = [read_cifar_batch(path) for path in sorted(folder.glob(pattern))]
        if batches:
            images, labels = zip(*batches, strict=True)
            arrays[f"x_{part}"], arrays[f"y_{part}"] = (
                np.concatenate(images),
                np.concatenate(labels),
            )
    return arrays
