# SPDX-License-Identifier: Apache-2.0
"""Directed jobs on the compiled `tiny` accelerator."""

import pytest

from hw.config import PRESETS
from verif.sim import directed_gradient
from verif.sim.top import SimulatedPort

pytestmark = pytest.mark.verilator


@pytest.mark.parametrize("directed", directed_gradient.DIRECTED, ids=lambda job: job.__name__)
def test_gradients(directed, seed):
    with SimulatedPort(PRESETS["tiny"], seed=seed) as port:
        directed(port)
