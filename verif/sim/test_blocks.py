# SPDX-License-Identifier: Apache-2.0
"""The generated blocks in the compiled simulator against the golden model, bit for bit."""

import numpy as np
import pytest

from golden.arith.exp2 import exp2
from golden.arith.log2 import log2
from golden.arith.reciprocal import reciprocal
from hw.config import PRESETS
from rtl_gen.blocks import BLOCKS
from rtl_gen.verilog import generate, top_name
from verif.records import record
from verif.sim.simulator import StreamSimulator
from verif.vectors import arith, calibrate, distance

pytestmark = pytest.mark.verilator

PULSE = np.array([[1], [0]], dtype=np.uint8)
"""start: one cycle."""
PAUSES = {"flowing": (0.0, 0.0), "stalling": (0.4, 0.4), "slow reader": (0.0, 0.9)}


@pytest.fixture(scope="module")
def simulator():
    """Compiled once for each (block, preset) in this module."""
    built = {}

    def get(block: str, preset: str):
        if (block, preset) not in built:
            component = BLOCKS[block](PRESETS[preset])
            verilog = generate(component, top_name(PRESETS[preset], block))
            built[block, preset] = StreamSimulator(verilog), getattr(component, "latency", 0)
        return built[block, preset]

    return get


def leaves(values):
    """The arrays of a nested dictionary."""
    if isinstance(values, dict):
        return [leaf for item in values.values() for leaf in leaves(item)]
    return [np.asarray(values)]


def differing(got, expected) -> int:
    """Beats in which anything differs; dictionaries are compared by their keys."""
    if isinstance(expected, dict):
        assert set(got) == set(expected)
        got = {key: got[key] for key in expected}
        if any(isinstance(item, dict) for item in expected.values()):
            return sum(differing(got[key], expected[key]) for key in expected)
    wrong = np.zeros(len(leaves(expected)[0]), dtype=bool)
    for a, b in zip(leaves(got), leaves(expected), strict=True):
        assert a.shape == b.shape
        wrong |= (a != b).reshape(len(b), -1).any(axis=1)
    return int(wrong.sum())


class Tally:
    """Sums up the comparisons of one test and records them when it ends."""

    def __init__(self, name: str, seed: int) -> None:
        self.name, self.seed = name, seed
        self.vectors = self.mismatches = self.cycles = 0
        self.wrong: list[str] = []

    def add(self, what: str, got, expected, cycles: int) -> None:
        wrong = differing(got, expected)
        self.vectors += len(leaves(expected)[0])
        self.mismatches += wrong
        self.cycles += cycles
        if wrong:
            self.wrong.append(f"{what}: {wrong} beats differ")

    def finish(self) -> None:
        record(
            self.name,
            seed=self.seed,
            vectors=self.vectors,
            mismatches=self.mismatches,
            cycles=self.cycles,
        )
        assert not self.wrong, f"seed {self.seed}: " + "; ".join(self.wrong)


@pytest.fixture
def tally(request, seed):
    return Tally(request.node.name, seed)


def kernel(simulator, latency, seed, inputs, outputs):
    """A pipeline without flow control: all inputs, one a cycle, and the results they give."""
    ((_, values),) = inputs.items()
    count = len(values) + latency
    run = simulator.run(
        {name: simulator.pack(name, column) for name, column in inputs.items()},
        expect={name: count for name in outputs},
        seed=seed,
    )
    got = {name: simulator.unpack(name, run.outputs[name])[latency:] for name in outputs}
    return got, run.cycles


def test_exp2_exhaustively(simulator, tally):
    block, latency = simulator("exp2", "tiny")
    t = arith.EXP2_INPUTS
    got, cycles = kernel(block, latency, tally.seed, {"t": t}, ["w"])
    tally.add("w", got["w"], exp2(t), cycles)
    tally.finish()


@pytest.mark.parametrize("preset", ["tiny", "edge"])
def test_log2(simulator, tally, preset):
    block, latency = simulator("log2", preset)
    x = arith.integers(block.plain["x"]["width"], 100_000, tally.seed)
    got, cycles = kernel(block, latency, tally.seed, {"x": x}, ["log2"])
    tally.add("log2", got["log2"], log2(x), cycles)
    tally.finish()


@pytest.mark.parametrize("preset", ["tiny", "edge"])
def test_reciprocal(simulator, tally, preset):
    block, latency = simulator("reciprocal", preset)
    x = arith.integers(block.plain["x"]["width"], 100_000, tally.seed)
    fraction_bits = block.plain["mantissa"]["width"] - 1
    got, cycles = kernel(block, latency, tally.seed, {"x": x}, ["mantissa", "exponent"])
    mantissa, exponent = reciprocal(x, fraction_bits)
    tally.add("mantissa, exponent", got, {"mantissa": mantissa, "exponent": exponent}, cycles)
    tally.finish()


def play_distance(simulator, tally, name, job, pauses):
    idle, backpressure = PAUSES[pauses]
    run = simulator.run(
        {"start": PULSE, "held": job.held, "passing": job.passing},
        expect={"distances": len(job.last)},
        constants={"samples": job.samples, "beats": job.beats},
        idle=idle,
        backpressure=backpressure,
        seed=tally.seed,
    )
    got = simulator.unpack("distances", run.outputs["distances"])
    tally.add(name, got, {"distance": job.distance, "last": job.last}, run.cycles)


def play_calibrate(simulator, tally, name, job, pauses):
    idle, backpressure = PAUSES[pauses]
    run = simulator.run(
        {"start": PULSE, "distances": simulator.pack("distances", job.distances)},
        expect={"edges": len(job.edges["last"]), "rows": job.blocks},
        constants={"samples": job.samples, "neighbours": job.neighbours, "target": job.target},
        idle=idle,
        backpressure=backpressure,
        seed=tally.seed,
    )
    for stream in ("edges", "rows"):
        got = simulator.unpack(stream, run.outputs[stream])
        cycles = run.cycles if stream == "edges" else 0
        tally.add(f"{name}, {stream}", got, getattr(job, stream), cycles)


PLAY = {"distance": (distance, play_distance), "calibrate": (calibrate, play_calibrate)}


@pytest.mark.parametrize("pauses", PAUSES)
@pytest.mark.parametrize("block", PLAY)
def test_every_case_of_preset_tiny(simulator, tally, block, pauses):
    vectors, play = PLAY[block]
    config = PRESETS["tiny"]
    for name, case in vectors.cases(config, tally.seed).items():
        play(simulator(block, "tiny")[0], tally, name, vectors.job(config, case), pauses)
    tally.finish()


@pytest.mark.slow
@pytest.mark.parametrize("pauses", ["flowing", "stalling"])
@pytest.mark.parametrize("block", PLAY)
def test_every_case_and_a_full_tile_of_preset_edge(simulator, tally, block, pauses):
    vectors, play = PLAY[block]
    config = PRESETS["edge"]
    cases = vectors.cases(config, tally.seed)
    cases["full tile"] = vectors.full_tile(config, tally.seed)
    for name, case in cases.items():
        play(simulator(block, "edge")[0], tally, name, vectors.job(config, case), pauses)
    tally.finish()
