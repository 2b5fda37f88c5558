# SPDX-License-Identifier: Apache-2.0
"""The embedding in the compiled simulator: real tiles on the preset edge, bit for bit.

Preset tiny is in verif/cocotb/test_embed.py.
"""

import numpy as np
import pytest

from golden.cycles import embed_cycles
from hw.config import PRESETS
from rtl_gen.blocks import generate_block
from verif.records import record
from verif.sim.simulator import StreamSimulator
from verif.vectors import embed as vectors

pytestmark = [pytest.mark.verilator, pytest.mark.slow]

PULSE = np.array([[1], [0]], dtype=np.uint8)
TIMEOUT = 20_000_000
"""Cycles; no stream moves while a tile is laid out."""

EDGE = PRESETS["edge"]


@pytest.fixture(scope="module")
def simulator():
    return StreamSimulator(generate_block(EDGE, "embed"))


def play(simulator, name, job, seed, stalls=0.0):
    """Compare all coordinates and all neighbours; without stalls the cycles too."""
    index, weight, last = job.edge_arrays(EDGE)
    settings = job.settings(EDGE)
    run = simulator.run(
        {
            "start": PULSE,
            "features": simulator.pack("features", job.feature_beats(EDGE)),
            "edges": simulator.pack(
                "edges", {"edge": {"index": index, "weight": weight}, "last": last}
            ),
        },
        expect={"coordinates": job.samples, "neighbour": job.neighbours.size},
        constants=settings,
        idle=stalls,
        backpressure=stalls,
        seed=seed,
        timeout=TIMEOUT,
    )
    got = simulator.unpack("coordinates", run.outputs["coordinates"])
    differing = int((np.stack([got["x"], got["y"]], axis=1) != job.coordinates()).sum())
    neighbours = simulator.unpack("neighbour", run.outputs["neighbour"])
    differing += int((neighbours != job.neighbours.ravel()).sum())
    record(
        f"embed: {name}",
        seed=seed,
        vectors=2 * job.samples + job.neighbours.size,
        mismatches=differing,
        cycles=run.cycles,
    )
    assert differing == 0, f"{name}, seed {seed}"
    if not stalls:
        expected = embed_cycles(
            job.samples,
            settings["neighbours"],
            settings["iterations"],
            beats=settings["beats"],
            rows=EDGE.rows,
            byte_lanes=EDGE.lanes,
            points=EDGE.points,
            most_samples=EDGE.samples,
        )
        assert run.cycles == expected - 1, name
    return run.cycles


@pytest.mark.parametrize("stalls", [0.0, 0.4])
def test_named_cases(simulator, seed, stalls):
    for name, job in vectors.cases(EDGE, seed).items():
        play(simulator, name, job, seed, stalls)


def test_classes_of_digits(simulator, seed):
    """50 iterations on some 180 samples each."""
    for digit in range(10):
        play(simulator, f"digit {digit}", vectors.digits_job(EDGE, seed, digit), seed)


def test_tile_of_fashion_mnist(simulator, seed):
    """The most samples and 50 iterations: at least 97 % of the lanes' peak."""
    job = vectors.fashion_job(EDGE, seed)
    if job is None:
        pytest.skip("no fashion-mnist/t10k-images-idx3-ubyte.gz in NMS_DATA or shared/data")
    cycles = play(simulator, "Fashion-MNIST", job, seed)
    pairs = job.samples**2 * job.schedule.iterations
    assert pairs / EDGE.points / cycles >= 0.97
