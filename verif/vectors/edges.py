# SPDX-License-Identifier: Apache-2.0
"""Tiles at the edges of what can be embedded, for the golden model and the hardware."""

import numpy as np

_EDGES = {
    "one sample": np.array([[7, 9]]),
    "two samples": np.array([[0, 255], [255, 0]]),
    "three samples": np.array([[0, 1], [2, 3], [250, 9]]),
    "all identical": np.full((40, 5), 13),
    "duplicates": np.repeat(np.arange(0, 250, 50), 12)[:, None] * np.ones((1, 3), int),
    "one feature": np.arange(0, 256, 3)[:, None],
    "one binary feature": np.arange(50)[:, None] % 2 * 255,
    "all 0 against all 255": np.repeat([[0], [255]], 30, axis=0) * np.ones((1, 64), int),
    "odd width": np.random.default_rng(1).integers(0, 256, (30, 61)),
    "one outlier": np.concatenate(
        [np.random.default_rng(2).integers(0, 9, (30, 20)), [[255] * 20]]
    ),
}
EDGES = {name: samples.astype(np.uint8) for name, samples in _EDGES.items()}
"""By name: uint8[n, D]."""
