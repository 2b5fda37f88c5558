# SPDX-License-Identifier: Apache-2.0
"""hw.desne.sample against the golden model, in the Amaranth simulator.

The jobs here are small; the tests of the Verilog (verif/cocotb/test_sample.py) run all of them.
"""

import pytest

from golden.desne.sample import RULES
from hw.config import PRESETS
from hw.desne.sample import Rule
from verif.unit.desne.sample_run import SampleRun
from verif.unit.desne.sample_units import ODD
from verif.vectors import sample as vectors

TINY = PRESETS["tiny"]


def test_rules_are_numbered_as_in_golden():
    assert [Rule[name.upper()] for name in RULES] == list(range(3)) == list(Rule)


def test_branches_are_hit(seed):
    """The named jobs reach a surplus, an exact fit and a shortfall of cells, and every drop."""
    jobs = [job for some in vectors.jobs(TINY, seed).values() for job in some]
    surplus = [job.cells - job.budget for job in jobs if job.rule == "grid"]
    assert min(surplus) < 0 < max(surplus) and 0 in surplus
    assert {(job.rule, job.drop) for job in jobs} == {(r, d) for r in RULES for d in range(3)}


@pytest.mark.parametrize("name", ["random", "identical"])
def test_small_jobs(name, seed):
    """All rules one after the other in one unit whose sizes are no powers of two."""
    jobs = vectors.jobs(ODD, seed, most=10)[name]
    run = SampleRun(ODD, jobs, seed=seed).go().check()
    assert run.cycles == [job.cycles(ODD) for job in jobs]


@pytest.mark.parametrize(("idle", "backpressure"), [("random", "random"), ("none", "long")])
def test_stalls(idle, backpressure, seed):
    jobs = vectors.jobs(ODD, seed, most=8)["digits"][:2]
    SampleRun(ODD, jobs, idle=idle, backpressure=backpressure, seed=seed).go().check()


@pytest.mark.parametrize("interrupt", [20, 150])
def test_reset(interrupt, seed):
    """A job after a reset in its middle is right."""
    jobs = vectors.jobs(ODD, seed, most=8)["many ties"][:1]
    SampleRun(ODD, jobs, seed=seed, interrupt=interrupt).go().check()


@pytest.mark.slow
@pytest.mark.parametrize("name", vectors.tiles(TINY, 1))
def test_all_jobs(name, seed):
    jobs = vectors.jobs(TINY, seed)[name]
    run = SampleRun(TINY, jobs, seed=seed).go().check()
    assert run.cycles == [job.cycles(TINY) for job in jobs]
