# SPDX-License-Identifier: Apache-2.0
"""hw.sgmac.importance and hw.sgmac.ranking against the golden model, in the Amaranth simulator."""

import random

import numpy as np
import pytest
from amaranth.sim import Simulator

from golden.sgmac.importance import importance, ranking
from golden.sgmac.layout import pack_weights
from hw.config import Configuration
from hw.sgmac.importance import Importance
from hw.sgmac.ranking import Ranking
from verif.cocotb.streams import stalls
from verif.unit.streams import receive, send


def configuration(data_width):
    return Configuration(
        name="a",
        samples=8,
        features=4,
        rows=1,
        lanes=1,
        neighbours=2,
        dimensions=4,
        outputs=32,
        plane=64,
        kernel=3,
        channels=21,
        data_width=data_width,
    )


def layers(rng):
    """(weights, depthwise): ties, extremes, all equal, one channel, as many as there may be."""
    random_layer = rng.integers(-128, 128, (11, 21, 3, 3), np.int8)
    few = rng.choice(np.array([-1, 0, 1], np.int8), (2, 21, 1, 1))
    lowest = np.full((9, 5, 1, 1), -128, np.int8)
    lowest[0, 2] = 127
    return [
        (random_layer, False),
        (few, False),
        (lowest, False),
        (np.zeros((1, 7, 2, 2), np.int8), False),
        (np.full((3, 1, 1, 1), 5, np.int8), False),
        (rng.integers(-128, 128, (20, 1, 3, 3), np.int8), True),
    ]


@pytest.mark.parametrize("data_width", [64, 256])
@pytest.mark.parametrize("pauses", ["none", "random"])
def test_layers(data_width, pauses, seed):
    rng, pause = np.random.default_rng(seed), random.Random(seed)
    dut = Importance(configuration(data_width))
    assert dut.latency == {64: 399, 256: 400}[data_width]

    async def layer(ctx, weights, depthwise):
        size = data_width // 8
        memory = pack_weights(weights, size, depthwise=depthwise)
        row_bytes = weights[0].size if depthwise else len(weights)
        memory[..., row_bytes:] = rng.integers(0, 256, memory[..., row_bytes:].shape)
        scores = importance(weights, depthwise=depthwise)
        order = ranking(scores).tolist()
        ctx.set(dut.count, len(scores))
        ctx.set(dut.rows, memory.shape[1])
        ctx.set(dut.row_bytes, row_bytes)
        ctx.set(dut.start, 1)
        await ctx.tick()
        ctx.set(dut.start, 0)
        beats = [int.from_bytes(beat.tobytes(), "little") for beat in memory.reshape(-1, size)]
        cycles = []
        await send(ctx, dut.beats, beats, stalls(pauses, pause), cycles)
        assert pauses == "random" or cycles[-1] == len(beats)
        assert not ctx.get(dut.beats.ready)
        cycles = []
        got = await receive(ctx, dut.ranking, len(order), stalls(pauses, pause), cycles)
        assert got == order, f"seed {seed}"
        if pauses == "none":
            first = dut.latency + 16 * len(order)
            assert cycles == list(range(first, first + len(order)))
        await ctx.tick().repeat(10)
        assert not ctx.get(dut.ranking.valid)

    async def testbench(ctx):
        for weights, depthwise in layers(rng):
            await layer(ctx, weights, depthwise)

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(testbench)
    simulator.run()


@pytest.mark.parametrize("kind", ["any", "few", "falling", "rising"])
def test_ranking(kind, seed):
    """All 32 bits count, and what an earlier sort left behind does not."""
    rng = np.random.default_rng(seed)
    dut = Ranking(33)
    ladder = np.arange(33) << 27
    scores = {
        "any": lambda: rng.integers(0, 1 << 32, 33),
        "few": lambda: rng.choice([0, 1, 1 << 31, (1 << 32) - 1], 33),
        "falling": lambda: ladder[::-1],
        "rising": lambda: ladder,
    }[kind]() & 0xFFFFFFFF

    async def testbench(ctx):
        for count in (33, 1, 20):
            ctx.set(dut.write, 1)
            for channel in range(count):
                ctx.set(dut.channel, channel)
                ctx.set(dut.importance, int(scores[channel]))
                await ctx.tick()
            ctx.set(dut.write, 0)
            ctx.set(dut.count, count)
            ctx.set(dut.sort, 1)
            await ctx.tick()
            ctx.set(dut.sort, 0)
            waited = 1
            while ctx.get(dut.busy):
                await ctx.tick()
                waited += 1
            assert waited == 8 * (2 * (count + dut.drain) + 32) + 1 == 16 * count + 385
            order = ranking(scores[:count]).tolist()
            for cycle in range(count + dut.latency):
                if cycle >= dut.latency:
                    rank = order[cycle - dut.latency]
                    assert ctx.get(dut.ranked) == rank, f"seed {seed}"
                ctx.set(dut.position, min(cycle, count - 1))
                await ctx.tick()

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(testbench)
    simulator.run()


def test_no_channels():
    with pytest.raises(ValueError, match="channels is 0: it must be at least 1"):
        Ranking(0)
