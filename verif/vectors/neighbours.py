# SPDX-License-Identifier: Apache-2.0
"""Neighbours and weights of a map without a calibration: any of them."""

import numpy as np


def edges(rng, n, k):
    """k others of each sample, ascending, and weights."""
    rows = [np.sort(rng.permutation(np.delete(np.arange(n), i))[:k]) for i in range(n)]
    return np.array(rows, np.int32).reshape(n, k), rng.integers(0, 256, (n, k), np.uint8)
