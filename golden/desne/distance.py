# SPDX-License-Identifier: Apache-2.0
"""distance: exact squared Euclidean distances between all pairs of a tile."""

import numpy as np


def distance(features: np.ndarray) -> np.ndarray:
    """d[i][j] = sum over f of (features[i][f] - features[j][f])^2.

    features: uint8 [n, F]. Returns int64 [n, n], 0..F * 255^2, symmetric with a zero diagonal.

    Computed as |a|^2 + |b|^2 - 2ab in float64, where every intermediate is an integer below 2^53 (F
    up to 2^36) and therefore exact.
    """
    wide = features.astype(np.float64)
    norms = np.einsum("nf,nf->n", wide, wide)
    squared = norms[:, None] + norms[None, :] - 2.0 * (wide @ wide.T)
    return squared.astype(np.int64)
