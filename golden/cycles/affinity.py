# SPDX-License-Identifier: Apache-2.0
"""Distances, the neighbour cut and the search for the inverse temperature."""

from math import ceil

from golden.cycles.blocks import QUEUE_LATENCY, blocks, multiply_latency

TRIALS = 14
"""Passes of the inverse temperature: code 0, then one for each of 13 bits."""

_LOG2_LATENCY = 7
_EXP2_LATENCY = 5


def _digit_bins(distance_width: int) -> tuple[int, int, int]:
    high = ceil(distance_width / 3)
    middle = ceil((distance_width - high) / 2)
    return 1 << high, 1 << middle, 1 << (distance_width - high - middle)


def cut_block_cycles(n: int, distance_width: int) -> int:
    """The neighbour cut of a block: three scans of a histogram, three passes over n distances."""
    return sum(_digit_bins(distance_width)) + 3 * n + 10


def lane_latency(distance_width: int) -> int:
    """From a neighbour to its weight, and from the last neighbour of a row to its sums."""
    return 8 + multiply_latency(distance_width, 16) + _EXP2_LATENCY


def entropy_latency(most_neighbours: int) -> int:
    """From the sums of a row to the answer whether its entropy reaches the target."""
    total = (most_neighbours << 16).bit_length()
    target = 16 + max((most_neighbours.bit_length() - 1).bit_length(), 1)
    return _LOG2_LATENCY + 2 + multiply_latency(total, target)


def search_block_cycles(
    k: int, rows: int, lanes: int, distance_width: int, most_neighbours: int
) -> int:
    """The search for beta of a block: 14 passes over the k neighbours, and one to weigh them.

    Each of `lanes` lanes serves rows / lanes rows in turn; a row's next pass waits for the decision
    on the one before.
    """
    groups = rows // lanes
    slot = max(k, lanes)
    loop = k + lanes + lane_latency(distance_width) + entropy_latency(most_neighbours) + 3
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
    drain = lane_latency(distance_width) + QUEUE_LATENCY + 7
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
