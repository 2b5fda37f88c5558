# SPDX-License-Identifier: Apache-2.0
"""hw.desne.calibrate against the golden model, in the Amaranth simulator."""

import numpy as np
import pytest

from golden import cycles
from golden.desne.calibrate import Status
from hw.config import PRESETS, Configuration
from hw.desne.calibrate import Calibrate
from verif.unit.desne.calibrate_run import Run
from verif.vectors import calibrate as vectors

TINY = PRESETS["tiny"]
SHAPES = {
    "one row": Configuration(name="a", samples=6, features=1, rows=1, lanes=1, neighbours=1),
    "five rows": Configuration(name="b", samples=12, features=2, rows=5, lanes=1, neighbours=3),
    "four rows": Configuration(name="c", samples=16, features=2, rows=4, lanes=1, neighbours=6),
    "wide": Configuration(name="d", samples=11, features=64, rows=2, lanes=16, neighbours=5),
}
EXPECTED_STATUS = {
    "identical": Status.DEGENERATE,
    "k = 1": Status.DEGENERATE,
    "perplexity 1": Status.CLAMPED_HIGH,
    "random": Status.CONVERGED,
}


def test_jobs_one_after_the_other(seed):
    """n and k change from job to job; all the other cases run as Verilog (verif/cocotb)."""
    cases = vectors.cases(TINY, seed)
    run = Run(TINY, seed=seed)
    for name, status in EXPECTED_STATUS.items():
        run.add(cases[name])
        found = run.jobs[-1].rows["status"]
        assert (found == status).all(), f"{name} is meant to be {status.name}"
    for name in ("n = 2", "ties at the cut", "n = 3"):
        run.add(cases[name])
    run.go().check()


@pytest.mark.parametrize("idle", ["none", "random"])
@pytest.mark.parametrize("backpressure", ["none", "random", "long"])
def test_stalls(idle, backpressure, seed):
    config = SHAPES["four rows"]
    cases = vectors.cases(config, seed)
    run = Run(config, (idle, backpressure), seed)
    run.add(cases["n not a multiple of rows"]).add(cases["n = 2"]).add(cases["ties at the cut"])
    run.go().check()


@pytest.mark.parametrize("shape", SHAPES)
def test_shapes(shape, seed):
    config = SHAPES[shape]
    cases = vectors.cases(config, seed)
    run = Run(config, seed=seed)
    for name in ("n not a multiple of rows", "largest distances", "perplexity k, far apart"):
        run.add(cases[name])
    run.go().check()


def test_clamped_low(seed):
    """Only distances of 2^20 and more make a difference at the smallest beta."""
    config = SHAPES["wide"]
    run = Run(config, seed=seed).add(vectors.cases(config, seed)["perplexity k, far apart"])
    assert (run.jobs[0].rows["status"] == Status.CLAMPED_LOW).any()
    run.go().check()


@pytest.mark.parametrize(
    ("shape", "lanes", "name"),
    [
        ("four rows", 1, "n not a multiple of rows"),
        ("four rows", 2, "n not a multiple of rows"),
        ("four rows", 2, "k = 1"),
        ("four rows", 4, "n = 2"),
        ("one row", 1, "random"),
        ("five rows", 5, "random"),
        ("wide", 1, "random"),
    ],
)
def test_cycles(shape, lanes, name, seed):
    """Without stalls a tile takes the stated cycles, not one more or less."""
    config = SHAPES[shape]
    run = Run(config, seed=seed, lanes=lanes, settle=True)
    run.add(vectors.cases(config, seed)[name]).go().check()
    job = run.jobs[0]
    expected = cycles.calibrate_cycles(
        job.samples,
        job.neighbours,
        config.rows,
        lanes=lanes,
        distance_width=config.distance_width,
        most_neighbours=config.neighbours,
    )
    assert run.busy_cycles == [expected]


@pytest.mark.parametrize("interrupt", [1, 70, 150, 300, 555, 700, 790])
def test_reset_in_any_state(interrupt, seed):
    """Reset while clearing, arriving, cutting, searching or giving out; the next job is right."""
    config = SHAPES["one row"]
    case = vectors.cases(config, seed)["random"]
    Run(config, ("random", "random"), seed, interrupt=interrupt).add(case).go().check()


def test_lanes_must_divide_rows():
    with pytest.raises(ValueError, match="lanes is 2: it must divide rows, which is 5"):
        Calibrate(SHAPES["five rows"], 2)


def test_cycles_do_not_depend_on_the_data(seed):
    config = SHAPES["four rows"]
    cases = vectors.cases(config, seed)
    run = Run(config, seed=seed, settle=True)
    for name in ("identical", "all 0 against all 255", "largest distances"):
        run.add(cases[name])
    run.go().check()
    assert len({len(job.distances["last"]) for job in run.jobs}) == 1
    assert len(np.unique(run.busy_cycles)) == 1
