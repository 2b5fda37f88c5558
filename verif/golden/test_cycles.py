# SPDX-License-Identifier: Apache-2.0
"""The cycle models: slopes, bounds, order. Tests of the hardware hold it to their exact figures."""

from math import ceil

import numpy as np
import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st

from golden import cycles
from golden.cycles.blocks import multiply_latency
from golden.desne.sample import RULES, candidates, grid
from golden.sgmac.cycles import array_cycles, job_cycles, rank_cycles, schedule_cycles
from verif.golden import plain_sample
from verif.vectors.sgmac import CASES as LAYERS

FEW = settings(max_examples=40)
TILE = st.integers(2, 1024)
ROWS = st.sampled_from([4, 8, 16, 32])
SIZES = {"beats": 8, "rows": 32, "byte_lanes": 8, "points": 16, "most_samples": 1024}
CALIBRATE = {"lanes": 4, "distance_width": 22, "most_neighbours": 64}
JOB = {
    **SIZES,
    **CALIBRATE,
    "drop_quarters": 1,
    "data_width": 64,
    "most_features": 64,
}


# blocks and multipliers


@seed(1)
@FEW
@given(TILE, st.integers(1, 64))
def test_blocks_just_hold_the_tile(n, rows):
    assert (cycles.blocks(n, rows) - 1) * rows < n <= cycles.blocks(n, rows) * rows


@seed(2)
@FEW
@given(st.integers(1, 72), st.integers(1, 72))
def test_products_of_more_pieces_take_longer(left, right):
    pieces = -(-left // 18) * -(-right // 18)
    latency = multiply_latency(left, right)
    assert latency == multiply_latency(right, left)
    assert pieces <= 2 ** (latency - 1) < 2 * pieces


# affinity


@seed(3)
@FEW
@given(TILE, st.integers(3, 30))
def test_a_cut_takes_three_passes_and_the_smallest_three_histograms(n, width):
    splits = (
        2**a + 2**b + 2 ** (width - a - b) for a in range(1, width) for b in range(1, width - a)
    )
    assert cycles.cut_block_cycles(n, width) == 3 * n + 10 + min(splits)
    assert cycles.lane_latency(width + 18) - cycles.lane_latency(width) == 1


@seed(4)
@FEW
@given(st.integers(1, 100), ROWS, st.sampled_from([1, 2, 4]), st.integers(8, 28))
def test_a_search_takes_fourteen_passes_and_one(k, rows, lanes, width):
    def search(k, lanes=lanes):
        return cycles.search_block_cycles(k, rows, lanes, width, 128)

    groups = rows // lanes
    assert search(k) >= 15 * groups * k
    assert search(k) < search(k + 1)
    if lanes > 1:
        assert search(1000, lanes // 2) > 1.9 * search(1000)
    if groups > 1:  # rows enough to hide the wait for a decision
        assert search(1001) - search(1000) == 15 * groups
    latency = cycles.lane_latency(width) + cycles.entropy_latency(128)
    assert search(k) >= 14 * latency
    assert cycles.entropy_latency(128) <= cycles.entropy_latency(1024)


@seed(5)
@FEW
@given(TILE, st.integers(1, 64), ROWS)
def test_the_slowest_stage_of_affinity_counts_for_every_block(n, k, rows):
    def tile(n, **more):
        return cycles.calibrate_cycles(n, k, rows, **(CALIBRATE | more))

    passes = cycles.blocks(n, rows)
    slow = 10_000
    assert tile(n, cycles_per_sample=slow + 1) - tile(n, cycles_per_sample=slow) == passes * n
    cut = cycles.cut_block_cycles(n, 22)
    search = cycles.search_block_cycles(k, rows, 4, 22, 64)
    assert tile(n) >= (passes - 1) * max(cut, search, n) + cut + search + n
    assert tile(n) < tile(n + 1)
    more = cycles.affinity_cycles(n, k, rows, beats=3, byte_lanes=8, **CALIBRATE)
    loaded = 3 * rows + cycles.distance_latency(rows, 8)
    assert more == tile(n, cycles_per_sample=3) + loaded + 1
    assert cycles.distance_latency(rows + 2, 8) == cycles.distance_latency(rows, 8) + 1
    assert cycles.distance_latency(rows, 16) == cycles.distance_latency(rows, 8) + 1


# embed


@seed(6)
@FEW
@given(TILE, st.integers(1, 64), st.sampled_from([4, 8, 16, 32]))
def test_an_iteration_meets_every_pair_and_every_edge(n, k, points):
    pairs = cycles.repulsion_cycles(n, points)
    met = cycles.blocks(n, points)
    assert pairs > n * met + points
    assert cycles.repulsion_cycles(n + points, points) - pairs == n + (met + 1) * points
    assert cycles.attraction_cycles(n, k + 1) - cycles.attraction_cycles(n, k) == n
    whole = cycles.iteration_cycles(n, k, points, 1024)
    assert whole > max(pairs, cycles.attraction_cycles(n, k)) + n
    assert cycles.iteration_cycles(n, k, points, 2047) == whole
    assert cycles.iteration_cycles(n, k, points, 2048) == whole + 3
    assert cycles.division_cycles(1024) == 11 + 32 + 2


@seed(7)
@FEW
@given(TILE, st.integers(1, 64), st.integers(0, 99))
def test_embedding_is_a_start_iterations_and_the_map(n, k, iterations):
    def whole(iterations, **more):
        return cycles.embed_cycles(n, k, iterations, **(SIZES | more))

    one = cycles.iteration_cycles(n, k, 16, 1024)
    assert whole(iterations + 2) - whole(iterations + 1) == one
    assert whole(1) - whole(0) == one - cycles.attraction_cycles(n, k) - 1
    assert whole(0) >= n * 8 + 3 * n + 3 * cycles.division_cycles(1024)
    assert whole(0) >= cycles.blocks(n, 32) * k + cycles.attraction_cycles(n, k) + n
    assert whole(0, beats=9) - whole(0) in range(n + 1)


# read and sample


@seed(8)
@FEW
@given(TILE, st.integers(1, 3000), st.sampled_from([64, 128, 256]), st.sampled_from([8, 16, 32]))
def test_reading_is_no_quicker_than_memory_or_lanes(n, dimensions, data_width, byte_lanes):
    settings = {"byte_lanes": byte_lanes, "data_width": data_width, "most_features": 1024}
    got = cycles.read_cycles(n, dimensions, beats=4, **settings)
    assert got >= n * dimensions * 8 / data_width
    assert got >= n * ceil(dimensions / min(byte_lanes, data_width // 8))
    assert got <= cycles.read_cycles(n + 1, dimensions, beats=4, **settings)
    assert got <= cycles.read_cycles(n, dimensions + 1, beats=4, **settings)
    assert got <= cycles.read_cycles(n, dimensions, beats=5, **settings)


@seed(9)
@FEW
@given(st.sampled_from([8, 16, 32, 64, 128]), st.sampled_from([16, 64, 256, 1024]))
def test_sums_are_read_as_wide_as_memory_or_lanes_allow(lanes, most):
    banks = max(most // 16, 1)
    assert cycles.sums_cycles(most, lanes, most) == most // min(banks, lanes)


@pytest.mark.parametrize("rule", RULES)
@seed(10)
@FEW
@given(TILE, st.integers(1, 1000), st.integers(1, 16))
def test_a_choice_takes_passes_over_tile_and_candidates(rule, n, m, beats):
    m = min(m, n)

    def choice(n, m, **more):
        settings = {"beats": beats, "byte_lanes": 8, "most_samples": 1024, "most_features": 64}
        return cycles.sample_cycles(n, m, rule, **(settings | {"budget": 1, "cells": 1} | more))

    assert choice(n + 1, m) - choice(n, m) == 4
    slope = choice(n, m + 1) - choice(n, m)
    key = (1024 * 64 * 255**2).bit_length() + 1 + 10
    passes = {"curve": 3 + 1, "medoid": 3 + 2 * beats + ceil(key / 2) + 1, "grid": 12 + 3 + 2}
    assert slope == passes[rule]
    if rule == "grid":
        assert choice(n, m, cells=7, budget=3) - choice(n, m, cells=6, budget=3) == 1
        short = choice(n, m + 9, cells=3, budget=9) - choice(n, m + 8, cells=3, budget=9)
        assert short == slope + 1 + 3 + 1  # the rest is drawn by the curve rule
        assert choice(n, m + 9, cells=8, budget=9) > choice(n, m + 9, cells=9, budget=9)


@seed(11)
@FEW
@given(st.integers(0, 1 << 30), st.integers(2, 40), st.floats(0, 1), st.integers(0, 2))
def test_counts_are_those_of_the_rules(case, n, share, quarters):
    rng = np.random.default_rng(case)
    budget = 1 + round(share * (n - 1))
    neighbours = rng.integers(0, n, (n, 3))
    assert cycles.candidate_count(n, budget, quarters) == len(
        candidates(neighbours, budget, quarters)
    )
    points = rng.integers(-50, 50, (n, 2))
    cells = cycles.occupied_cells(points, budget)
    enough = [g for g in range(1, 65) if len(plain_sample.grid_cells(points.tolist(), g)) == cells]
    assert enough
    if cells < budget:
        assert 64 in enough
    else:
        assert len(np.unique(grid(points, cells, 0))) == cells


# a job


@pytest.mark.parametrize("rule", RULES)
@seed(12)
@FEW
@given(st.integers(8, 1024), st.integers(1, 60), st.integers(1, 800), st.integers(0, 60))
def test_a_job_is_its_phases(rule, n, k, dimensions, iterations):
    def whole(n=n, iterations=iterations, **more):
        return cycles.job_cycles(
            n, dimensions, k, n // 2, iterations, rule, **(JOB | {"cells": 3} | more)
        )

    assert whole(latency=10) - whole() == 20
    one = cycles.iteration_cycles(n, k, 16, 1024)
    assert whole(iterations=iterations + 2) - whole(iterations=iterations + 1) == one
    read = cycles.read_cycles(n, dimensions, beats=8, byte_lanes=8, data_width=64, most_features=64)
    affinity = cycles.affinity_cycles(n, k, 32, beats=8, byte_lanes=8, **CALIBRATE)
    sizes = {"beats": 8, "byte_lanes": 8, "most_samples": 1024, "most_features": 64}
    m = cycles.candidate_count(n, n // 2, 1)
    chosen = cycles.sample_cycles(n, m, rule, **sizes, budget=n // 2, cells=3)
    descent = iterations * one if iterations else cycles.attraction_cycles(n, k)
    rest = whole() - read - affinity - chosen - descent
    assert 0 < rest < 20
    assert whole(drop_quarters=2) <= whole(drop_quarters=0)


# the sparse-gradient unit


@seed(13)
@FEW
@given(st.integers(1, 5000), st.integers(1, 2000), st.sampled_from([8, 16, 32]), st.integers(0, 99))
def test_ranking_and_schedule_grow_by_their_slopes(beats, channels, beat, latency):
    got = rank_cycles(beats, channels, beat=beat, latency=latency)
    assert rank_cycles(beats + 1, channels, beat=beat, latency=latency) == got + 1
    assert rank_cycles(beats, channels + 1, beat=beat, latency=latency) == got + 17
    assert rank_cycles(beats, channels, beat=beat, latency=latency + 1) == got + 2
    assert got - rank_cycles(beats, channels, beat=8, latency=latency) == (beat == 32)
    listed = schedule_cycles(channels, beats, latency=latency)
    assert schedule_cycles(channels + 1, beats, latency=latency) == listed + 1
    assert schedule_cycles(channels, beats + 1, latency=latency) == listed + 1
    assert schedule_cycles(channels, beats, latency=latency + 1) == listed + 2


@pytest.mark.parametrize("case", range(len(LAYERS)))
def test_a_gradient_job_takes_its_positions_and_its_words(case):
    _, channels, layer = LAYERS[case]
    selected, positions = len(channels), layer.out_height * layer.out_width
    sizes = {"outputs": 8, "plane": 256, "beat": 8}
    if layer.depthwise:
        rows = selected * ceil(layer.taps / 8)
        words = selected * (ceil(layer.height * layer.width / 8) + ceil(positions / 8))
    else:
        rows = selected * layer.taps * ceil(layer.out_channels / 8)
        words = selected * ceil(layer.height * layer.width / 8)
        words += layer.out_channels * ceil(positions / 8)
    array = array_cycles(layer, selected, **sizes)
    job = job_cycles(layer, selected, **sizes)
    assert max(rows * positions, words) < array < job
    accumulated = job_cycles(layer, selected, **sizes, accumulate=True)
    updated = job_cycles(layer, selected, **sizes, update=True)
    assert job <= accumulated and job <= updated
    bare = job_cycles(layer, selected, **sizes, bias=False)
    assert bare < job
    assert bare < job_cycles(layer, selected, **sizes, bias=False, update=True)
    assert job_cycles(layer, selected, **sizes, accumulate=True, update=True) >= updated
    if selected > 1:
        assert array_cycles(layer, selected - 1, **sizes) < array
