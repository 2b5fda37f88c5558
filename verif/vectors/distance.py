# SPDX-License-Identifier: Apache-2.0
"""Tiles for the distance array, and its streams for a tile."""

import gzip
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from golden.desne.distance import distance
from hw.config import Configuration


def digits() -> NDArray[np.uint8]:
    """scikit-learn's digits, 1,797 samples of 8 x 8, spread over the whole byte."""
    from sklearn.datasets import load_digits

    return np.minimum(load_digits().data * 16, 255).astype(np.uint8)


def fashion_mnist(samples: int) -> NDArray[np.uint8] | None:
    """The first test images as means of 4 x 4 pixels, uint8[samples, 49]; None if they are missing.

    They are looked for below NMS_DATA, else in shared/data beside the repository.
    """
    folder = Path(os.environ.get("NMS_DATA") or Path(__file__).parents[3] / "shared" / "data")
    path = folder / "fashion-mnist" / "t10k-images-idx3-ubyte.gz"
    if not path.is_file():
        return None
    with gzip.open(path) as file:
        pixels = np.frombuffer(file.read(16 + samples * 784)[16:], dtype=np.uint8)
    return pixels.reshape(-1, 7, 4, 7, 4).mean(axis=(2, 4)).astype(np.uint8).reshape(-1, 49)


def cases(config: Configuration, seed: int) -> dict[str, NDArray[np.uint8]]:
    """Named tiles, features uint8[n, F], that fit the configuration."""
    rng = np.random.default_rng(seed)
    most, features, rows = config.samples, config.features, config.rows

    def random(n: int, f: int) -> NDArray[np.uint8]:
        return rng.integers(0, 256, (n, f), dtype=np.uint8)

    middle = min(most, 3 * rows)
    extremes = np.zeros((middle, features), dtype=np.uint8)
    extremes[1::2] = 255
    return {
        "random": random(middle, features),
        "all 0 against all 255": extremes,
        "identical": np.repeat(random(1, features), middle, axis=0),
        "features not a multiple of lanes": random(middle, max(features - config.lanes // 2, 1)),
        "one feature": random(middle, 1),
        "one beat": random(middle, min(config.lanes, features)),
        "n = 2": random(2, features),
        "n = 3": random(3, features),
        "n = rows": random(max(rows, 2), features),
        "n = rows + 1": random(min(rows + 1, most), features),
        "n not a multiple of rows": random(min(2 * rows + 1, most), features),
        "digits": digits()[: min(most, 4 * rows), :features],
    }


def full_tile(config: Configuration, seed: int) -> NDArray[np.uint8]:
    """A random tile of the most samples and features."""
    shape = (config.samples, config.features)
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


@dataclass(frozen=True, kw_only=True)
class Job:
    """What goes in and what must come out for one tile.

    Attributes
    ----------
    samples, beats: the job's settings.
    held: uint8[blocks * rows * beats, lanes].
    passing: uint8[blocks * n * beats, lanes].
    distance: int64[blocks * n, rows], golden.
    last: int64[blocks * n].
    """

    samples: int
    beats: int
    held: NDArray[np.uint8]
    passing: NDArray[np.uint8]
    distance: NDArray[np.int64]
    last: NDArray[np.int64]


def job(config: Configuration, features: NDArray[np.uint8]) -> Job:
    """The streams for a tile; rows beyond the last sample are held as zeros."""
    n, count = features.shape
    beats = -(-count // config.lanes)
    blocks = -(-n // config.rows)
    padded = np.zeros((blocks * config.rows, beats * config.lanes), dtype=np.uint8)
    padded[:n, :count] = features
    # [row, sample] of all blocks -> [block, sample, row within block]
    expected = distance(padded)[:, :n].reshape(blocks, config.rows, n).transpose(0, 2, 1)
    last = np.zeros((blocks, n), dtype=np.int64)
    last[:, -1] = 1
    return Job(
        samples=n,
        beats=beats,
        held=padded.reshape(-1, config.lanes),
        passing=np.tile(padded[:n].reshape(-1, config.lanes), (blocks, 1)),
        distance=expected.reshape(-1, config.rows),
        last=last.ravel(),
    )
