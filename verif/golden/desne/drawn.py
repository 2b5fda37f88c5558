# SPDX-License-Identifier: Apache-2.0
"""Tiles and edges as hypothesis draws them."""

import numpy as np
from hypothesis import strategies as st

FIELDS = ("neighbours", "weights", "status", "code")
"""Of a tile's affinities."""


@st.composite
def tiles(draw, highest=255):
    """Features of 3 to 16 samples, with ties or without."""
    rng = np.random.default_rng(draw(st.integers(0, 1 << 30)))
    levels = draw(st.sampled_from([3, highest + 1]))
    shape = draw(st.integers(3, 16)), draw(st.integers(1, 6))
    return rng.integers(0, levels, shape).astype(np.uint8)


def perplexity_of(features, position):
    return 1 + position * (len(features) - 2)


def edges(rng, n, k):
    """k others of each sample, ascending, and weights."""
    rows = [np.sort(rng.permutation(np.delete(np.arange(n), i))[:k]) for i in range(n)]
    return np.array(rows, np.int32).reshape(n, k), rng.integers(0, 256, (n, k), np.uint8)
