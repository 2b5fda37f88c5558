# SPDX-License-Identifier: Apache-2.0
"""The read phase, and a whole job."""

from math import ceil, log2
from typing import Any

from golden.cycles.affinity import affinity_cycles
from golden.cycles.embed import attraction_cycles, iteration_cycles
from golden.cycles.sample import candidate_count, sample_cycles

FIRST_BEAT = 13
"""From the start of a job to the first beat of samples, from a memory that answers at once."""


def sums_cycles(features: int, raw_lanes: int, most_features: int) -> int:
    """Reading the sums of a sample: a memory of 16 words or more gives one of them a cycle."""
    banks = 1 << ceil(log2(max(most_features // 16, 1)))
    return features // min(banks, raw_lanes)


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
    most_features: F of the generator. What counts is the slower of the beats in (the memory port is
    never slower than these) and the sums out, with the other for the one sample that it has alone;
    where both take the same time, every other sample waits a cycle for its sums to be free. The
    first beat comes when the sums are cleared and memory has answered; the pipeline is on top.
    """
    raw_lanes = min(byte_lanes, data_width // 8)
    beats_in = ceil(dimensions / raw_lanes)
    out = sums_cycles(beats * byte_lanes, raw_lanes, most_features)
    waits = (n - 1) // 2 if beats_in == out else 0
    moved = max(n * beats_in + out, beats_in + n * out) + waits
    clear = sums_cycles(most_features, raw_lanes, most_features)
    return moved + max(clear + 1, FIRST_BEAT) + raw_lanes.bit_length() + 8


def phase_cycles(
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
) -> dict[str, int]:
    """The phases of a job, by name: reduce, affinity (distance and calibrate overlap in it), embed
    (the descent, or the attraction alone) and sample, when no channel of the bus pauses.

    Symbols as of the functions above. lanes: of calibrate. cells: for the grid rule only.
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
    return {"reduce": read, "affinity": affinity, "embed": descent, "sample": chosen}


def job_cycles(*job: Any, latency: int = 0, **sizes: Any) -> int:
    """A whole job, as the register count_cycles has it, when no channel of the bus pauses.

    The phases follow one another. The start of the map is ready long before the affinities, and the
    coordinates leave while sample takes them in.

    job, sizes: as of phase_cycles. latency: of the memory, cycles; as long as several reads
    outstanding hide it, it counts once for the first read and once for the answer to the last
    write.
    """
    return sum(phase_cycles(*job, **sizes).values()) + 16 + 2 * latency
