# SPDX-License-Identifier: Apache-2.0
"""hw.bus.packer: indices against numpy's own bytes."""

import random

import numpy as np
import pytest
from amaranth.sim import Simulator

from hw.bus.packer import INDEX_BYTES, Packer
from verif.cocotb.streams import PATTERNS, stalls
from verif.unit.streams import receive, send


def words_of(indices, data_width):
    """What the last word does not fill is zero."""
    places = data_width // (8 * INDEX_BYTES)
    padded = np.zeros(-(-len(indices) // places) * places, "<u4")
    padded[: len(indices)] = indices
    return [int.from_bytes(word.tobytes(), "little") for word in padded.reshape(-1, places)]


def play(runs, data_width, most, idle="none", backpressure="none", seed=3):
    """Every run of indices, one after the other."""
    dut, got, begun = Packer(data_width, most), [], []

    async def main(ctx):
        for indices in runs:
            ctx.set(dut.count, len(indices))
            ctx.set(dut.start, 1)
            await ctx.tick()
            ctx.set(dut.start, 0)
            begun.append(indices)
            pattern = stalls(backpressure, random.Random(f"{seed} out"))
            count = len(words_of(indices, data_width))
            got.append(await receive(ctx, dut.words, count, pattern))

    async def feed(ctx):
        for number, indices in enumerate(runs):
            while len(begun) <= number:
                await ctx.tick()
            pattern = stalls(idle, random.Random(f"{seed} in"))
            await send(ctx, dut.indices, [int(index) for index in indices], pattern)

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(main)
    simulator.add_testbench(feed, background=True)
    simulator.run()
    assert got == [words_of(indices, data_width) for indices in runs]


@pytest.mark.parametrize("data_width", [64, 128, 256])
@pytest.mark.parametrize("idle", PATTERNS)
@pytest.mark.parametrize("backpressure", PATTERNS)
def test_words(data_width, idle, backpressure, seed):
    """Whole words and ragged ones, the largest indices and zeros, each run behind another."""
    rng = np.random.default_rng(seed)
    most = 1 << 16
    runs = [rng.choice([0, most - 1, *rng.integers(0, most, 6)], n) for n in (1, 2, 3, 8, 9, 31)]
    play(runs, data_width, most, idle, backpressure, seed)


@pytest.mark.parametrize("data_width", [64, 128, 256])
def test_cycles(data_width):
    """An index a cycle; its word `latency` cycles behind the index that completes it."""
    dut, count, places = Packer(data_width, 64), 37, data_width // (8 * INDEX_BYTES)
    assert dut.latency == 1

    async def main(ctx):
        ctx.set(dut.count, count)
        ctx.set(dut.start, 1)
        await ctx.tick()
        ctx.set(dut.start, 0)
        ctx.set(dut.indices.valid, 1)
        ctx.set(dut.words.ready, 1)
        for index in range(count):
            ctx.set(dut.indices.payload, index)
            *_, taken = await ctx.tick().sample(dut.indices.ready)
            assert taken, f"index {index} had to wait"
            complete = index % places == places - 1 or index == count - 1
            assert ctx.get(dut.words.valid) == complete, f"behind index {index}"

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(main)
    simulator.run()
