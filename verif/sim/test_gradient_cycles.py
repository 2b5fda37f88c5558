# SPDX-License-Identifier: Apache-2.0
"""golden.sgmac.cycles.job_cycles against the counters of the compiled accelerator."""

import numpy as np
import pytest

from hw.config import PRESETS
from verif.records import record
from verif.sim.gradient_jobs import TimedDriver
from verif.sim.top import SimulatedPort
from verif.vectors.sgmac import CASES, convolution, draw, draw_update

pytestmark = [pytest.mark.verilator]

THREE = {"kernel": 3, "padding": 1}
SAME = THREE | {"depthwise": True}
LAYERS = [  # selected channels, convolution
    (96, convolution(96, 96, (8, 8))),
    (1, convolution(384, 64, (8, 8))),
    (8, convolution(384, 64, (8, 8))),
    (48, convolution(64, 384, (8, 8))),
    (3, convolution(960, 160, (4, 4))),
    (20, convolution(960, 160, (4, 4))),
    (19, convolution(160, 960, (4, 4))),
    (6, convolution(1280, 320, (4, 4))),
    (2, convolution(576, 96, (8, 8))),
    (7, convolution(24, 144, (32, 32))),
    (12, convolution(96, 16, (32, 32))),
    (64, convolution(1000, 1280, (1, 1))),
    (12, convolution(576, 576, (8, 8), **SAME)),
    (12, convolution(576, 576, (8, 8), stride=2, **SAME)),
    (40, convolution(960, 960, (4, 4), **SAME)),
    (32, convolution(32, 32, (32, 32), **SAME)),
    (10, convolution(10, 10, (7, 7), kernel=5, padding=2, depthwise=True)),
    (8, convolution(32, 32, (16, 16), **THREE)),
    (3, convolution(3, 3, (16, 16), kernel=7, padding=3)),
    # ragged
    (17, convolution(5, 17, (8, 4))),
    (1, convolution(31, 1, (8, 4))),
    (32, convolution(3, 32, (11, 1))),
    (5, convolution(33, 7, (7, 5))),
    (9, convolution(1, 9, (3, 3))),
    (30, convolution(9, 30, (1, 19))),
    (16, convolution(16, 16, (13, 13))),
    (100, convolution(17, 100, (1, 1))),
    (30, convolution(4, 60, (2, 2))),
]


def hold(port, jobs, seed, test):
    """Two images and an update of each: a first job, one that adds to it, one that takes a step."""
    rng = np.random.default_rng(seed)
    driver = TimedDriver(port)
    for selected, sizes in jobs:
        x, error = draw(rng, 2, sizes)
        channels = np.sort(rng.choice(sizes.in_channels, selected, replace=False))
        driver.run_job(x, error, channels, sizes, draw_update(rng, sizes, "nearest"))
    most = len(driver.jobs)
    assert most >= 3 * len(jobs)
    cycles = driver.check_cycles(port.config)
    record(test, seed=seed, vectors=most, mismatches=0, cycles=cycles)


def test_tiny(seed, request):
    config = PRESETS["tiny"]
    jobs = [
        (len(channels), sizes)
        for _, channels, sizes in CASES
        if sizes.kernel <= config.kernel
        and max(sizes.in_channels, sizes.out_channels) <= config.channels
        and max(sizes.height * sizes.width, sizes.out_height * sizes.out_width) <= config.plane
    ]
    assert len(jobs) >= 15
    with SimulatedPort(config) as port:
        hold(port, jobs, seed, request.node.name)


@pytest.mark.slow
def test_train(seed, request):
    with SimulatedPort(PRESETS["train"]) as port:
        hold(port, LAYERS, seed, request.node.name)
