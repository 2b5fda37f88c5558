# SPDX-License-Identifier: Apache-2.0
"""Facility location: the samples that together are most similar to all others.

Our own, because submodlib has no wheel for Python 3.13 and brings pandas, and apricot brings a test
runner that nobody keeps.
"""

import heapq

import numpy as np

from host.selectors.baselines import squared_norms

BLOCK = 128


def facility_location(
    features: np.ndarray, budget: int, generator: np.random.Generator
) -> np.ndarray:
    """Lazy greedy maximisation of the sum over all i of max over chosen j of s(i, j).

    s = largest squared distance - squared distance, an exact integer. A gain never grows (the
    function is submodular), so a gain computed earlier bounds it, and only the best bounds are
    computed again (Minoux, "Accelerated greedy algorithms", 1978). Holds 4 n^2 bytes. Nothing is
    random.
    """
    similar = similarity(features)
    covered = np.zeros(len(features), np.int32)
    gains = similar.sum(0, dtype=np.int64)
    bounds = [(-int(gain), position) for position, gain in enumerate(gains)]
    heapq.heapify(bounds)
    chosen: list[int] = []
    while len(chosen) < budget:
        position = bounds[0][1]
        gain = int(np.maximum(similar[position] - covered, 0).sum(dtype=np.int64))
        fresh = (-gain, position)
        heapq.heapreplace(bounds, fresh)
        if bounds[0] == fresh:
            heapq.heappop(bounds)
            chosen.append(position)
            np.maximum(covered, similar[position], out=covered)
    return np.array(chosen, np.int64)


def similarity(features: np.ndarray) -> np.ndarray:
    """Largest squared distance less squared distance, int32 [n, n], symmetric."""
    values, norms = features.astype(np.float64), squared_norms(features).astype(np.float64)
    result = np.empty((len(features), len(features)), np.int32)
    room = np.empty((BLOCK, len(features)))
    for start in range(0, len(features), BLOCK):  # integers below 2^53 throughout: exact
        part = slice(start, start + BLOCK)
        distance = np.matmul(-2 * values[part], values.T, out=room[: len(values[part])])
        distance += norms[part, None]
        distance += norms
        result[part] = distance
    return np.subtract(result.max(), result, out=result)
