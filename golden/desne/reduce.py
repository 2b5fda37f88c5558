# SPDX-License-Identifier: Apache-2.0
"""reduce: D bytes of a sample become F bytes, each a signed sum over a bucket."""

import math
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True, kw_only=True)
class ReduceTable:
    """Where each byte of a sample goes. The host writes it once per job.

    kind: how it was made. bucket: int32 [D], 0..features-1. sign: int8 [D], +1 or -1. shift: the
    bucket sum is shifted right by this many bits, flooring. offset: added after the shift, 0..255.
    features: F.
    """

    kind: str
    bucket: np.ndarray = field(repr=False)
    sign: np.ndarray = field(repr=False)
    shift: int
    offset: int
    features: int


def reduce(samples: np.ndarray, table: ReduceTable) -> np.ndarray:
    """feature[b] = saturate((total[b] >> shift) + offset, 0, 255), where total[b] is the sum of
    sign[d] * sample[d] over the bucket b.

    samples: uint8 [n, D]. Returns uint8 [n, F]. Raises ValueError when D is not the table's.
    """
    if samples.shape[1] != len(table.bucket):
        raise ValueError(
            f"samples of {samples.shape[1]} bytes do not fit a reduce table for {len(table.bucket)}"
        )
    if table.kind == "identity":
        return samples.copy()
    # The matrix holds integers and its products stay below 2^53: exact, and a matrix product is
    # fast.
    matrix = np.zeros((len(table.bucket), table.features))
    matrix[np.arange(len(table.bucket)), table.bucket] = table.sign
    sums = (samples.astype(np.float64) @ matrix).astype(np.int64)
    return np.clip((sums >> table.shift) + table.offset, 0, 255).astype(np.uint8)


def identity_table(dimensions: int) -> ReduceTable:
    """Every byte is a feature of its own."""
    return ReduceTable(
        kind="identity",
        bucket=np.arange(dimensions, dtype=np.int32),
        sign=np.ones(dimensions, np.int8),
        shift=0,
        offset=0,
        features=dimensions,
    )


def _blocks(extent: int, limit: int) -> int:
    """Into how many parts to cut an image side: the largest divisor up to the limit, so that all
    parts are equal, unless that wastes more than half of the limit; then the limit itself, with
    parts that differ by one pixel."""
    divisor = max(d for d in range(1, min(extent, limit) + 1) if extent % d == 0)
    return divisor if 2 * divisor > limit or divisor == extent else min(extent, limit)


def pooling_table(height: int, width: int, channels: int, features: int) -> ReduceTable:
    """2-D average pooling over a grid of at most `features` cells, all channels of a cell together.

    Bytes in the order row, column, channel. The shift is the smallest for which no cell can exceed
    255.
    """
    side = math.isqrt(features)
    rows, columns = _blocks(height, side), _blocks(width, side)
    cell = (np.arange(height) * rows // height)[:, None] * columns
    cell = cell + (np.arange(width) * columns // width)[None, :]
    bucket = np.repeat(cell.ravel(), channels).astype(np.int32)
    largest = int(np.bincount(bucket).max())
    return ReduceTable(
        kind="pooling",
        bucket=bucket,
        sign=np.ones(len(bucket), np.int8),
        shift=max(0, (largest * 255).bit_length() - 8),
        offset=0,
        features=rows * columns,
    )


def hashing_table(dimensions: int, features: int, seed: int) -> ReduceTable:
    """Signed feature hashing with balanced buckets: a seeded permutation deals the bytes out to the
    buckets in turn, with alternating signs, so that a constant added to all bytes nearly cancels
    and no bucket is left empty.

    The shift is the smallest for which no sum leaves -128..127, the offset centres it. Weinberger
    et al., "Feature Hashing for Large Scale Multitask Learning" (2009), for the signs.
    """
    position = np.random.default_rng(seed).permutation(dimensions)
    turn = position // features
    positive = -(-(int(turn.max()) + 1) // 2)
    return ReduceTable(
        kind="hashing",
        bucket=(position % features).astype(np.int32),
        sign=np.where(turn % 2 == 0, 1, -1).astype(np.int8),
        shift=max(0, (positive * 255).bit_length() - 7),
        offset=128,
        features=features,
    )


def make_table(shape: tuple[int, ...], features: int, seed: int = 1) -> ReduceTable:
    """The table that suits samples of this shape.

    shape: (D,), (height, width) or (height, width, channels). features: the most features the
    hardware holds, >= 1. Identity when the sample fits, 2-D pooling for images, signed hashing for
    anything else. Raises ValueError otherwise.
    """
    if features < 1:
        raise ValueError(f"features must be at least 1, not {features}")
    dimensions = math.prod(shape)
    if not shape or dimensions < 1:
        raise ValueError(f"a sample of shape {shape} holds no bytes")
    if dimensions <= features:
        return identity_table(dimensions)
    # A trailing axis longer than 4 is a series of vectors, not the colours of an image.
    if len(shape) == 2 or (len(shape) == 3 and shape[2] <= 4):
        height, width, channels = (*shape, 1)[:3]
        return pooling_table(height, width, channels, features)
    return hashing_table(dimensions, features, seed)
