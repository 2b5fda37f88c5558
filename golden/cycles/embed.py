# SPDX-License-Identifier: Apache-2.0
"""The start of the map and its iterations."""

from golden.cycles.blocks import QUEUE_LATENCY, blocks

_SIMILARITY_LATENCY = 13
COORDINATES_LATENCY = 4
_DESCENT_LATENCY = 17
_RATIO_FRACTION_BITS = 32


def division_cycles(most_samples: int) -> int:
    """A division of the embedding: a cycle for each bit of n * 2^32, and two around it."""
    return most_samples.bit_length() + _RATIO_FRACTION_BITS + 2


def repulsion_cycles(n: int, points: int) -> int:
    """All pairs: the first points are loaded, each block of points meets all n, the last leave."""
    remaining = n - (blocks(n, points) - 1) * points
    latency = COORDINATES_LATENCY + _SIMILARITY_LATENCY + 6
    return points + blocks(n, points) * n + remaining + latency


def attraction_cycles(n: int, k: int) -> int:
    """All edges."""
    return n * k + COORDINATES_LATENCY + _SIMILARITY_LATENCY + 11


def iteration_cycles(n: int, k: int, points: int, most_samples: int) -> int:
    """Forces, the ratio, a step of every sample, the two means."""
    forces = max(repulsion_cycles(n, points), attraction_cycles(n, k))
    return forces + 2 + n + _DESCENT_LATENCY + 3 * division_cycles(most_samples)


def embed_cycles(
    n: int,
    k: int,
    iterations: int,
    *,
    beats: int,
    rows: int,
    byte_lanes: int,
    points: int,
    most_samples: int,
) -> int:
    """From start to the end of busy when features and edges are there at once and no reader waits.

    beats: of a sample. rows: R. byte_lanes: W. points: L. most_samples: N of the generator.
    The start takes three divisions and two passes over the samples while the edges arrive; without
    any iteration the edges are read once all the same.
    """
    start = n * beats + byte_lanes.bit_length() + 4 + 2 * n + 14 + 3 * division_cycles(most_samples)
    ready = max(start, 2 + blocks(n, rows) * k)
    if iterations == 0:
        descent = attraction_cycles(n, k) + 1
    else:
        descent = iterations * iteration_cycles(n, k, points, most_samples)
    return ready + descent + n + COORDINATES_LATENCY + QUEUE_LATENCY + 2
