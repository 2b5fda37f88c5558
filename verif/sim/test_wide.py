# SPDX-License-Identifier: Apache-2.0
"""Jobs on the compiled `wide` accelerator: the largest widths, and 32 rows in step.

Most of the time goes into generating and compiling it, once.
"""

import pytest

from host.driver import Driver
from hw.config import PRESETS
from verif.sim.jobs import check, random_tile
from verif.sim.top import SimulatedPort

pytestmark = [pytest.mark.verilator, pytest.mark.slow]

WIDE = PRESETS["wide"]
SIZES = [(2048, 784, 1), (257, 8192, 2), (31, 33, 5)]
"""n, D, iterations."""


@pytest.fixture(scope="module")
def port():
    with SimulatedPort(WIDE) as port:
        yield port


@pytest.mark.parametrize("n, dimensions, iterations", SIZES)
def test_sizes(port, n, dimensions, iterations, seed, request):
    tile = random_tile(seed, n, dimensions, n // 3, config=WIDE, iterations=iterations)
    check(Driver(port), port, tile, request.node.name, timed=True)
