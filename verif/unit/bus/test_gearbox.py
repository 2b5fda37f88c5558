# SPDX-License-Identifier: Apache-2.0
"""hw.bus.gearbox: a run of bytes against numpy's own reshaping."""

import random

import numpy as np
import pytest
from amaranth.sim import Simulator

from hw.bus.gearbox import Gearbox
from hw.config import Configuration
from verif.cocotb.streams import stalls
from verif.unit.streams import receive, send


def config(lanes, data_width):
    return Configuration(
        name="a",
        samples=64,
        features=lanes,
        rows=1,
        lanes=lanes,
        neighbours=2,
        dimensions=64,
        data_width=data_width,
    )


def play(sizes, runs, idle="none", backpressure="none", seed=3):
    """Each run (samples of D bytes) through one gearbox, and the cycles of its output beats."""
    shape = config(*sizes)
    dut = Gearbox(shape)
    word = shape.data_width // 8
    results, cycles = [], []

    def words(samples):
        flat = samples.ravel()
        padded = np.full(-(-len(flat) // word) * word, 0xEE, np.uint8)
        padded[: len(flat)] = flat
        return [int.from_bytes(row.tobytes(), "little") for row in padded.reshape(-1, word)]

    begun = []

    async def main(ctx):
        for samples in runs:
            ctx.set(dut.sample_bytes, samples.shape[1])
            ctx.set(dut.start, 1)
            await ctx.tick()
            ctx.set(dut.start, 0)
            begun.append(samples)
            count = len(samples) * -(-samples.shape[1] // shape.raw_lanes)
            taken = []
            pattern = stalls(backpressure, random.Random(f"{seed} out"))
            results.append(await receive(ctx, dut.bytes, count, pattern, taken))
            cycles.append(taken)

    async def feed(ctx):
        for number, samples in enumerate(runs):
            while len(begun) <= number:
                await ctx.tick()
            pattern = stalls(idle, random.Random(f"{seed} in"))
            await send(ctx, dut.words, words(samples), pattern)

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(main)
    simulator.add_testbench(feed, background=True)
    simulator.run()
    for samples, result in zip(runs, results, strict=True):
        beats = -(-samples.shape[1] // shape.raw_lanes)
        expected = np.zeros((len(samples), beats * shape.raw_lanes), np.uint8)
        expected[:, : samples.shape[1]] = samples
        got = np.array([[int(value) for value in beat] for beat in result])
        assert (got == expected.reshape(-1, shape.raw_lanes)).all(), samples.shape
    return cycles


def random_runs(seed, lengths=(1, 2, 3, 4, 5, 7, 8, 9, 13, 16, 17, 31, 33, 64)):
    rng = np.random.default_rng(seed)
    return [rng.integers(0, 256, (rng.integers(1, 9), d), dtype=np.uint8) for d in lengths]


@pytest.mark.parametrize("sizes", [(4, 64), (8, 64), (16, 64), (16, 128), (4, 256), (1, 64)])
@pytest.mark.parametrize("traffic", [("none", "none"), ("random", "random"), ("none", "long")])
def test_samples_of_any_length(sizes, traffic):
    play(sizes, random_runs(5), *traffic)


@pytest.mark.parametrize(("sizes", "length"), [((8, 64), 64), ((16, 64), 64), ((4, 64), 3)])
def test_throughput(sizes, length):
    """No bubble: as many cycles as the wider side needs, and the stated latency before."""
    samples = np.random.default_rng(1).integers(0, 256, (20, length), dtype=np.uint8)
    (cycles,) = play(sizes, [samples])
    raw_lanes = config(*sizes).raw_lanes
    beats = 20 * -(-length // raw_lanes)
    spacing = 1
    assert cycles[-1] - cycles[0] == (beats - 1) * spacing
    assert cycles[0] == spacing + Gearbox.latency
