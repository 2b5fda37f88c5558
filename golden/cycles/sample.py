# SPDX-License-Identifier: Apache-2.0
"""The rules that choose on the map."""

from math import ceil

import numpy as np

from golden.cycles.blocks import multiply_latency
from golden.desne.sample import GRID_BITS, _grid_cells

_KEY_LATENCY = 10
_TILE_DRAIN = _KEY_LATENCY + 3
_SORT_DIGITS = 64
_SCALE_BITS = 23


def candidate_count(n: int, budget: int, drop_quarters: int) -> int:
    """Samples that the drop leaves."""
    return n - min(n * drop_quarters // 4, n - budget)


def occupied_cells(points: np.ndarray, budget: int) -> int:
    """Occupied cells of the grid that the grid rule settles on; points: integers [m, 2]."""

    def occupied(side: int) -> int:
        return len(np.unique(_grid_cells(points, side)[0]))

    side = 0
    for bit in reversed(range(GRID_BITS)):
        if occupied(side | 1 << bit) < budget:
            side |= 1 << bit
    return occupied(side + 1)


def _sort_cycles(m: int) -> int:
    """Counters cleared, both digits counted in a pass, summed up, and a pass for each digit."""
    return 3 * (m + _TILE_DRAIN) + 2 * _SORT_DIGITS


def _grid_cycles(m: int, budget: int, cells: int) -> int:
    """Six trials of two passes, seven divisions; the cells, those kept, and the shortfall."""
    side = GRID_BITS * 2 * (m + _KEY_LATENCY + 4) + (GRID_BITS + 1) * (_SCALE_BITS + 2)
    cut = m + _TILE_DRAIN + 4 + m + 4
    kept = cells + _TILE_DRAIN
    if cells >= budget:
        return side + _sort_cycles(m) + cut + kept
    rest = m - cells
    return side + _sort_cycles(m) + cut + kept + m + _sort_cycles(rest) + rest + 2 * _TILE_DRAIN


def _medoid_cycles(
    m: int, beats: int, byte_lanes: int, most_samples: int, most_features: int
) -> int:
    """Two readings of the features, then a pass for each two bits of a key, and one more."""
    square = most_features * 255**2
    sums = multiply_latency(8, (most_samples * 255).bit_length())
    scaled = multiply_latency(most_samples.bit_length(), square.bit_length())
    score = 2 * m * beats + 13 + sums + byte_lanes.bit_length() + scaled
    key = (most_samples * square).bit_length() + 1 + max((most_samples - 1).bit_length(), 1)
    return score + _sort_cycles(m) + (ceil(key / 2) + 1) * (m + 8)


def sample_cycles(
    n: int,
    m: int,
    rule: str,
    *,
    beats: int,
    byte_lanes: int,
    most_samples: int,
    most_features: int,
    budget: int = 0,
    cells: int = 0,
) -> int:
    """From the first coordinate to the end of busy when no coordinate and no reader waits.

    m: candidates, candidate_count(). beats: of a sample. byte_lanes: W. most_samples: N and
    most_features of the generator. budget and cells, occupied_cells() of the candidates, for the
    grid rule only: the one count that depends on the map.
    """
    drop = 2 * n + _TILE_DRAIN + 4
    stored = n + _TILE_DRAIN
    emitted = n + 7
    if rule == "curve":
        chosen = _sort_cycles(m) + m + _TILE_DRAIN
    elif rule == "medoid":
        chosen = _medoid_cycles(m, beats, byte_lanes, most_samples, most_features)
    else:
        chosen = _grid_cycles(m, budget, cells)
    return drop + stored + chosen + emitted
