# SPDX-License-Identifier: Apache-2.0
"""Clock cycles of the hardware when nothing stalls it; tests hold the hardware to every figure.

Symbols as in docs/numerics.md: n samples, k neighbours, R rows of a block, W bytes a beat. A tile
has ceil(n / R) blocks. The sparse-gradient unit has its own, golden.sgmac.cycles.
"""

from golden.cycles.affinity import (
    affinity_cycles,
    calibrate_cycles,
    cut_block_cycles,
    distance_latency,
    entropy_latency,
    lane_latency,
    search_block_cycles,
)
from golden.cycles.blocks import blocks
from golden.cycles.embed import (
    attraction_cycles,
    division_cycles,
    embed_cycles,
    iteration_cycles,
    repulsion_cycles,
)
from golden.cycles.job import job_cycles, phase_cycles, read_cycles, sums_cycles
from golden.cycles.sample import candidate_count, occupied_cells, sample_cycles

__all__ = [
    "affinity_cycles",
    "attraction_cycles",
    "blocks",
    "calibrate_cycles",
    "candidate_count",
    "cut_block_cycles",
    "distance_latency",
    "division_cycles",
    "embed_cycles",
    "entropy_latency",
    "iteration_cycles",
    "job_cycles",
    "lane_latency",
    "occupied_cells",
    "phase_cycles",
    "read_cycles",
    "repulsion_cycles",
    "sample_cycles",
    "search_block_cycles",
    "sums_cycles",
]
