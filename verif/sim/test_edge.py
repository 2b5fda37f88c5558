# SPDX-License-Identifier: Apache-2.0
"""Whole jobs on the compiled `edge` accelerator: extreme tiles, all sizes, and their cycles."""

import pytest

from host.driver import Driver
from hw.config import PRESETS
from verif.sim.jobs import Tile, check, random_tile
from verif.sim.top import SimulatedPort
from verif.vectors.edges import EDGES

pytestmark = [pytest.mark.verilator, pytest.mark.slow]

EDGE = PRESETS["edge"]
RULES = ("curve", "medoid", "grid")


@pytest.fixture(scope="module")
def port():
    with SimulatedPort(EDGE) as port:
        yield port


def test_edge_cases(port, request):
    """Golden's own, by every rule."""
    driver = Driver(port)
    for samples in EDGES.values():
        n = len(samples)
        for rule, budget in zip(RULES, (1, (n + 1) // 2, n), strict=True) if n > 1 else ():
            tile = Tile(1, samples, budget, EDGE, rule=rule)
            check(driver, port, tile, request.node.name, timed=True)


SIZES = [  # n, D, iterations
    (1024, 1, 1),
    (1024, 3, 1),
    (1024, 64, 2),
    (1024, 784, 1),
    (1024, 3072, 1),
    (1023, 65, 1),
    (1017, 784, 2),
    (513, 3072, 0),
    (135, 64, 50),
    (9, 784, 50),
    (7, 4096, 50),
    (2, 1, 3),
]


@pytest.mark.parametrize("n, dimensions, iterations", SIZES)
def test_sizes(port, n, dimensions, iterations, seed, request):
    """Samples that fill the hardware or not, multiples of R and L or not, of few or many bytes."""
    rule, drop = RULES[n % 3], (0.0, 0.25, 0.5)[dimensions % 3]
    tile = random_tile(
        seed,
        n,
        dimensions,
        max(1, n // 3),
        config=EDGE,
        rule=rule,
        drop=drop,
        iterations=iterations,
    )
    check(Driver(port), port, tile, request.node.name, timed=True)
