# SPDX-License-Identifier: Apache-2.0
"""Directed jobs on the compiled `tiny` accelerator."""

import pytest

from hw.config import PRESETS
from verif.sim import directed_counters, directed_gradient, directed_ranking, directed_selection
from verif.sim.top import SimulatedPort

pytestmark = pytest.mark.verilator

DIRECTED = {
    f"{kind}.{job.__name__}": job
    for kind, jobs in (
        ("selection", directed_selection.DIRECTED),
        ("counters", directed_counters.DIRECTED),
        ("gradient", directed_gradient.DIRECTED),
        ("ranking", directed_ranking.DIRECTED),
    )
    for job in jobs
}


@pytest.mark.parametrize("name", DIRECTED)
def test_directed(name, seed):
    with SimulatedPort(PRESETS["tiny"], seed=seed) as port:
        DIRECTED[name](port)
