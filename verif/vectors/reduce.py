# SPDX-License-Identifier: Apache-2.0
"""Tables and samples for reduce, and its streams for a tile."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from golden.desne.reduce import ReduceTable, make_table, reduce
from hw.config import Configuration


@dataclass(frozen=True, kw_only=True)
class Job:
    """What goes in and what must come out for one tile.

    samples, sample_beats, beats, shift, offset: the job's settings. bucket, sign: int64
    [sample_beats, B], the table. bytes: uint8 [n * sample_beats, B]. features: int64
    [n * beats, W], golden.
    """

    samples: int
    sample_beats: int
    beats: int
    shift: int
    offset: int
    bucket: NDArray[np.int64]
    sign: NDArray[np.int64]
    bytes: NDArray[np.uint8]
    features: NDArray[np.int64]


def job(config: Configuration, table: ReduceTable, samples: NDArray[np.uint8]) -> Job:
    """The streams of a tile: zero bytes fill the last beat, buckets without a byte the last row."""
    n, dimensions = samples.shape
    lanes, raw_lanes = config.lanes, config.raw_lanes
    sample_beats, beats = -(-dimensions // raw_lanes), -(-table.features // lanes)
    raw = np.zeros((n, sample_beats * raw_lanes), np.uint8)
    raw[:, :dimensions] = samples
    bucket, sign = np.zeros((2, sample_beats * raw_lanes), np.int64)
    bucket[:dimensions], sign[:dimensions] = table.bucket, table.sign < 0
    features = np.full((n, beats * lanes), table.offset, np.int64)
    features[:, : table.features] = reduce(samples, table)
    return Job(
        samples=n,
        sample_beats=sample_beats,
        beats=beats,
        shift=table.shift,
        offset=table.offset,
        bucket=bucket.reshape(-1, raw_lanes),
        sign=sign.reshape(-1, raw_lanes),
        bytes=raw.reshape(-1, raw_lanes),
        features=features.reshape(-1, lanes),
    )


def one_bucket(dimensions: int, features: int, sign: int, shift: int, offset: int) -> ReduceTable:
    """Every byte in the last bucket: the longest run of equal buckets, and the largest sum."""
    return ReduceTable(
        kind="hashing",
        bucket=np.full(dimensions, features - 1, np.int32),
        sign=np.full(dimensions, sign, np.int8),
        shift=shift,
        offset=offset,
        features=features,
    )


def random_table(dimensions: int, features: int, seed: int) -> ReduceTable:
    """Buckets and signs without any order, and a shift small enough that sums saturate."""
    rng = np.random.default_rng(seed)
    return ReduceTable(
        kind="hashing",
        bucket=rng.integers(0, features, dimensions).astype(np.int32),
        sign=rng.choice(np.array([-1, 1], np.int8), dimensions),
        shift=2,
        offset=100,
        features=features,
    )


def cases(config: Configuration, seed: int) -> dict[str, Job]:
    """Named jobs that fit the configuration."""
    rng = np.random.default_rng(seed)
    most, features, lanes = config.dimensions, config.features, config.lanes

    def samples(n: int, dimensions: int) -> NDArray[np.uint8]:
        return rng.integers(0, 256, (n, dimensions), dtype=np.uint8)

    full = np.full((3, most), 255, np.uint8)
    safe = (most * 255).bit_length() - 8
    tables = {
        "identity": (make_table((features,), features), samples(9, features)),
        "identity, one byte": (make_table((1,), features), samples(5, 1)),
        "identity, part of a beat": (make_table((lanes - 1,), features), samples(5, lanes - 1)),
        "pooling": (make_table((8, 8), features), samples(6, 64)),
        "hashing": (make_table((most,), features, seed), samples(6, most)),
        "hashing, part of a beat": (make_table((most - 1,), features, seed), samples(6, most - 1)),
        "one bucket, all 255": (one_bucket(most, features, 1, safe, 0), full),
        "one bucket, all -255": (one_bucket(most, features, -1, safe, 255), full),
        "one bucket, saturated": (one_bucket(most, features, 1, 0, 0), full),
        "random, saturated": (random_table(most, features, seed), samples(7, most)),
        "fewer beats in than out": (random_table(lanes, features, seed), samples(8, lanes)),
        "one sample": (random_table(most, features, seed), samples(1, most)),
    }
    return {name: job(config, *pair) for name, pair in tables.items()}
