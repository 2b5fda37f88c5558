# SPDX-License-Identifier: Apache-2.0
"""Clock cycles of the hardware when nothing stalls it; tests hold the hardware to every figure.

Symbols as in docs/numerics.md: n samples, k neighbours, R rows of a block, W bytes a beat. A tile
has ceil(n / R) blocks.
"""

from math import ceil, log2

import numpy as np

from golden.desne.sample import GRID_BITS, _grid_cells

TRIALS = 14
"""Passes of the inverse temperature: code 0, then one for each of 13 bits."""

_MULTIPLIER_WIDTH = 18
_LOG2_LATENCY = 7
_EXP2_LATENCY = 5
_QUEUE_LATENCY = 2


def blocks(n: int, rows: int) -> int:
    """Blocks of a tile."""
    return ceil(n / rows)


def _multiply_latency(left_width: int, right_width: int) -> int:
    partials = ceil(left_width / _MULTIPLIER_WIDTH) * ceil(right_width / _MULTIPLIER_WIDTH)
    return 1 + ceil(log2(partials))


def _digit_bins(distance_width: int) -> tuple[int, int, int]:
    high = ceil(distance_width / 3)
    middle = ceil((distance_width - high) / 2)
    return 1 << high, 1 << middle, 1 << (distance_width - high - middle)


def cut_block_cycles(n: int, distance_width: int) -> int:
    """The neighbour cut of a block: three scans of a histogram, three passes over n distances."""
    return sum(_digit_bins(distance_width)) + 3 * n + 10


def lane_latency(distance_width: int) -> int:
    """From a neighbour to its weight, and from the last neighbour of a row to its sums."""
    return 8 + _multiply_latency(distance_width, 16) + _EXP2_LATENCY


def entropy_latency(most_neighbours: int) -> int:
    """From the sums of a row to the answer whether its entropy reaches the target."""
    total = (most_neighbours << 16).bit_length()
    target = 16 + max((most_neighbours.bit_length() - 1).bit_length(), 1)
    return _LOG2_LATENCY + 2 + _multiply_latency(total, target)


def search_block_cycles(
    k: int, rows: int, lanes: int, distance_width: int, most_neighbours: int
) -> int:
    """The search for beta of a block: 14 passes over the k neighbours, and one to weigh them.

    Each of `lanes` lanes serves rows / lanes rows in turn; a row's next pass waits for the decision
    on the one before.
    """
    groups = rows // lanes
    slot = max(k, lanes)
    loop = k + lanes + lane_latency(distance_width) + entropy_latency(most_neighbours) + 2
    trials = (TRIALS - 1) * max(groups * slot, loop) + (groups - 1) * slot + loop
    return trials + groups * k + 2


def calibrate_cycles(
    n: int,
    k: int,
    rows: int,
    *,
    lanes: int,
    distance_width: int,
    most_neighbours: int,
    cycles_per_sample: int = 1,
) -> int:
    """From start to the end of busy, for a tile, when its streams are always ready.

    Not for a start within the 2^a cycles after reset in which the cut clears its histograms.
    cycles_per_sample: of the distances that come in; F / W with the distance array before it.
    The stages overlap: while one block arrives, the one before is cut, and the one before that is
    searched. So the slowest stage counts for every block, and the others once.
    """
    arrive = n * cycles_per_sample
    cut = cut_block_cycles(n, distance_width)
    search = search_block_cycles(k, rows, lanes, distance_width, most_neighbours)
    slowest = max(arrive, cut, search)
    drain = lane_latency(distance_width) + _QUEUE_LATENCY + 6
    return arrive + cut + search + (blocks(n, rows) - 1) * slowest + drain


def distance_latency(rows: int, byte_lanes: int) -> int:
    """From the last beat of a sample to its distances; the beat reaches two rows a cycle."""
    return 7 + byte_lanes.bit_length() + ceil(rows / 2)


def affinity_cycles(n: int, k: int, rows: int, *, beats: int, byte_lanes: int, **settings) -> int:
    """The same with the distance array before it, from start to the end of busy.

    beats: F / W of the samples. byte_lanes: W. settings: as of calibrate_cycles. The rows of the
    first block are loaded before anything passes; those of the others while a block passes.
    """
    load = rows * beats + 2 + distance_latency(rows, byte_lanes)
    return load + calibrate_cycles(n, k, rows, cycles_per_sample=beats, **settings) - 1


_SIMILARITY_LATENCY = 13
_COORDINATES_LATENCY = 4
_DESCENT_LATENCY = 17
_RATIO_FRACTION_BITS = 32


def division_cycles(most_samples: int) -> int:
    """A division of the embedding: a cycle for each bit of n * 2^32, and two around it."""
    return most_samples.bit_length() + _RATIO_FRACTION_BITS + 2


def repulsion_cycles(n: int, points: int) -> int:
    """All pairs: the first points are loaded, each block of points meets all n, the last leave."""
    remaining = n - (blocks(n, points) - 1) * points
    latency = _COORDINATES_LATENCY + _SIMILARITY_LATENCY + 6
    return points + blocks(n, points) * n + remaining + latency


def attraction_cycles(n: int, k: int) -> int:
    """All edges."""
    return n * k + _COORDINATES_LATENCY + _SIMILARITY_LATENCY + 10


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
    return ready + descent + n + _COORDINATES_LATENCY + _QUEUE_LATENCY + 2


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
    sums = _multiply_latency(8, (most_samples * 255).bit_length())
    scaled = _multiply_latency(most_samples.bit_length(), square.bit_length())
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


def sums_cycles(beats: int, byte_lanes: int, most_features: int) -> int:
    """Reading the sums of a sample: a memory of 16 words or more gives one of them a cycle."""
    banks = 1 << ceil(log2(max(most_features // 16, 1)))
    return beats * byte_lanes // min(banks, byte_lanes)


def read_cycles(
    n: int,
    dimensions: int,
    *,
    beats: int,
    byte_lanes: int,
    data_width: int,
    most_features: int,
) -> int:
    """From the start of a job to its last reduced sample, from a memory that answers at once.

    dimensions: D. beats: of a reduced sample. byte_lanes: W. data_width: of the memory port, bits.
    most_features: F of the generator. What counts is the slowest of the memory port, the beats in
    and the sums out; the other end of the pipeline comes on top.
    """
    words = ceil(n * dimensions * 8 / data_width)
    beats_in = ceil(dimensions / byte_lanes)
    out = sums_cycles(beats, byte_lanes, most_features)
    moved = max(words + out, n * beats_in + out, ceil(words / n) + n * out)
    clear = sums_cycles(most_features // byte_lanes, byte_lanes, most_features)
    return moved + clear + byte_lanes.bit_length() + 13


def job_cycles(
    n: int,
    dimensions: int,
    k: int,
    budget: int,
    iterations: int,
    rule: str,
    *,
    drop_quarters: int,
    beats: int,
    rows: int,
    byte_lanes: int,
    lanes: int,
    points: int,
    data_width: int,
    distance_width: int,
    most_samples: int,
    most_features: int,
    most_neighbours: int,
    cells: int = 0,
    latency: int = 0,
) -> int:
    """A whole job, as the register count_cycles has it, when no channel of the bus pauses.

    The phases follow one another: reduce, affinity (distance and calibrate overlap in it), the
    descent, and sample. The start of the map is ready long before the affinities, and the
    coordinates leave while sample takes them in.

    Symbols as of the functions above. lanes: of calibrate. cells: for the grid rule only. latency:
    of the memory, cycles; as long as several reads outstanding hide it, it counts once for the
    first read and once for the answer to the last write.
    """
    read = read_cycles(
        n,
        dimensions,
        beats=beats,
        byte_lanes=byte_lanes,
        data_width=data_width,
        most_features=most_features,
    )
    affinity = affinity_cycles(
        n,
        k,
        rows,
        beats=beats,
        byte_lanes=byte_lanes,
        lanes=lanes,
        distance_width=distance_width,
        most_neighbours=most_neighbours,
    )
    if iterations:
        descent = iterations * iteration_cycles(n, k, points, most_samples)
    else:
        descent = attraction_cycles(n, k) + 1
    chosen = sample_cycles(
        n,
        candidate_count(n, budget, drop_quarters),
        rule,
        beats=beats,
        byte_lanes=byte_lanes,
        most_samples=most_samples,
        most_features=most_features,
        budget=budget,
        cells=cells,
    )
    return read + affinity + descent + chosen + 12 + 2 * latency
