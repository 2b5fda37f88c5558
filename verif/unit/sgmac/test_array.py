# SPDX-License-Identifier: Apache-2.0
"""hw.sgmac.array against the golden model, in the Amaranth simulator."""

import numpy as np
import pytest

from hw.config import PRESETS, Configuration
from hw.sgmac.array import GradientArray
from verif.unit.sgmac.array_run import Run
from verif.vectors import gradient_array as vectors
from verif.vectors.sgmac import convolution

TINY = PRESETS["tiny"]
BASE = dict(samples=8, features=8, rows=1, lanes=4, neighbours=2)
FOUR = Configuration(name="four", **BASE, outputs=4, plane=64, kernel=3, channels=16)
SHAPES = {
    "four lanes": FOUR,
    "tiny": TINY,
    "one lane": Configuration(name="a", **BASE, outputs=1, plane=32, kernel=2, channels=5),
    "one beat a plane": Configuration(
        name="b", **BASE, outputs=2, plane=16, kernel=3, channels=9, data_width=128
    ),
    "more lanes than taps": Configuration(
        name="c", **BASE, outputs=16, plane=128, kernel=3, channels=16, data_width=256
    ),
    "large kernel": Configuration(name="d", **BASE, outputs=4, plane=128, kernel=7, channels=40),
    "one tap": Configuration(name="e", **BASE, outputs=4, plane=8, kernel=1, channels=1),
}


def without_stalls(config, jobs):
    """The jobs run and hold golden's cycles."""
    run = Run(config, jobs).go().check()
    assert run.busy == [job.cycles(config) for job in jobs]
    return run


def test_needs_a_lane():
    with pytest.raises(ValueError, match="outputs is 0: the array needs at least 1"):
        GradientArray(Configuration(name="z", **BASE))


@pytest.mark.parametrize("shape", ["four lanes", "large kernel"])
def test_cases(shape, seed):
    """The ragged list, each job where it fits first; and the cycles of each."""
    jobs = vectors.cases(SHAPES[shape], seed)
    if shape != "four lanes":
        jobs = [job for job in jobs if not vectors.fits(FOUR, job.sizes, len(job.channels))]
        jobs = [job for job in jobs if job.cycles(SHAPES[shape]) < 4000]  # cocotb has the others
    assert len(jobs) >= 7
    without_stalls(SHAPES[shape], jobs)


@pytest.mark.parametrize("shape", SHAPES)
def test_random_jobs(shape, seed):
    """Any legal job, one after the other; and the cycles of each."""
    config = SHAPES[shape]
    without_stalls(config, [vectors.random_job(config, 100 * seed + n) for n in range(4)])


PATTERNS = [("random", "none"), ("none", "random"), ("long", "random"), ("random", "long")]


@pytest.mark.parametrize(("idle", "backpressure"), PATTERNS)
def test_stalls(idle, backpressure, seed):
    jobs = [vectors.random_job(FOUR, 1000 * seed + n) for n in range(5)]
    Run(FOUR, jobs, idle, backpressure, seed).go().check()


FILLING = {
    "pointwise, planes loaded again": convolution(12, 6, (7, 8)),
    "pointwise, resident": convolution(32, 2, (4, 4)),
    "a plane that is no multiple of the beat": convolution(12, 5, (5, 5)),
    "kernel 3": convolution(8, 2, (5, 6), kernel=3, padding=1),
    "kernel 2, stride 2": convolution(12, 3, (8, 8), kernel=2, stride=2),
}


@pytest.mark.parametrize("name", FILLING)
def test_no_bubble(name, seed):
    """Rows follow every P' cycles, across taps, channels and blocks; all lanes busy."""
    sizes = FILLING[name]
    job = vectors.job(FOUR, sizes, range(sizes.in_channels), seed)
    run = without_stalls(FOUR, [job])
    positions = sizes.out_height * sizes.out_width
    assert (np.diff(run.row_cycles) == positions).all()
    assert run.lanes == run.active * FOUR.outputs
    assert run.active / (run.row_cycles[-1] - run.row_cycles[0] + positions) >= 0.99


def test_no_bubble_depthwise(seed):
    """Where the taps fill the lanes: 4 x 4 of them on 4 lanes."""
    config = Configuration(name="f", **BASE, outputs=4, plane=64, kernel=4, channels=16)
    sizes = convolution(6, 6, (8, 8), kernel=4, padding=1, depthwise=True)
    run = without_stalls(config, [vectors.job(config, sizes, range(6), seed)])
    assert (np.diff(run.row_cycles) == 49).all()
    assert run.lanes == run.active * config.outputs


def test_latency(seed):
    """From start: setup, the words of the error and of x, the positions, the row."""
    sizes = convolution(1, 1, (5, 5))
    run = without_stalls(FOUR, [vectors.job(FOUR, sizes, [0], seed)])
    assert GradientArray.latency == 10
    first_word = 1 + GradientArray.setup
    last_position = first_word + 4 + 4 + 25 - 1
    assert run.busy == [last_position + GradientArray.latency + 1]


@pytest.mark.parametrize("depthwise", [False, True])
def test_extreme_sums(depthwise):
    """Every product at a limit over the largest plane, then nothing left over from it."""
    sizes = convolution(2, 2, (8, 8), depthwise=depthwise)
    limits = [(-128, -128), (-128, 127), (0, -128), (127, -128), (127, 127), (0, 0)]
    jobs = [vectors.extreme(sizes, x, error) for x, error in limits]
    assert jobs[0].rows(FOUR)[0][0] == FOUR.plane << 14 == 1 << (FOUR.sum_width - 2)
    without_stalls(FOUR, jobs)


def test_reset_in_any_state(seed):
    """Reset early, in the middle and late in a job; the next job is right."""
    first = vectors.job(FOUR, convolution(5, 3, (4, 5), kernel=2), [0, 2], seed)
    second = vectors.job(FOUR, convolution(5, 5, (3, 4), kernel=3, depthwise=True), [1, 4], seed)
    for interrupt in (4, 5, 18, 61):
        jobs = [first, second] if interrupt % 2 else [second, first]
        Run(FOUR, jobs, "random", "random", seed, interrupt).go().check()
