# SPDX-License-Identifier: Apache-2.0
"""Directed jobs on the compiled `tiny` accelerator."""

import pytest

from hw.config import PRESETS
from verif.sim.directed import DIRECTED
from verif.sim.top import SimulatedPort

pytestmark = pytest.mark.verilator


@pytest.mark.parametrize("name", DIRECTED)
def test_directed(name, seed):
    with SimulatedPort(PRESETS["tiny"], seed=seed) as port:
        DIRECTED[name](port)
