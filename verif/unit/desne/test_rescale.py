# SPDX-License-Identifier: Apache-2.0
"""hw.desne.rescale in the Amaranth simulator."""

import random

import pytest

from hw.config import PRESETS, Configuration
from hw.desne.map_widths import centred_shape
from hw.desne.rescale import Rescale
from verif.unit.desne.map_units import (
    HIGH,
    LOW,
    pair,
    round_shift,
    saturate,
    simulate,
    vector,
)

CONFIGS = [
    PRESETS["edge"],
    Configuration(name="widest", samples=64, features=4096, rows=1, lanes=1, neighbours=1),
]


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.name)
def test_rescale(config, seed):
    rng = random.Random(seed)
    dut = Rescale(config)
    most = (1 << centred_shape(config).width - 1) - 1
    assert (dut.latency, dut.magnitude_latency) == (5, 3)
    extremes = [(x, y) for x in (-most - 1, most) for y in (-most - 1, most)]
    values = extremes * (config.samples // 4)  # the largest sum there can be
    values += [
        tuple(rng.randint(-(1 << bits), (1 << bits) - 1) for _ in range(2))
        for bits in range(1, centred_shape(config).width)
        for _ in range(4)
    ]

    async def testbench(ctx):
        for scale in (0, 1, 1 << 16, 65537, (1 << 24) - 1, rng.getrandbits(20)):
            ctx.set(dut.scale, scale)
            ctx.set(dut.clear, 1)
            await ctx.tick()
            ctx.set(dut.clear, 0)
            counted = [rng.random() < 0.5 if scale else True for _ in range(len(values))]
            if not scale:
                counted[config.samples :] = [False] * (len(values) - config.samples)
            for cycle in range(len(values) + dut.latency):
                if cycle >= dut.latency:
                    expected = tuple(
                        saturate(round_shift(value * scale, 16), LOW, HIGH)
                        for value in values[cycle - dut.latency]
                    )
                    assert pair(ctx.get(dut.scaled)) == expected
                ctx.set(dut.measure, cycle < len(values) and counted[cycle])
                ctx.set(dut.centred, vector(values[min(cycle, len(values) - 1)]))
                await ctx.tick()
            if sum(counted) <= config.samples:
                assert ctx.get(dut.magnitude) == sum(
                    abs(x) + abs(y) for (x, y), c in zip(values, counted, strict=True) if c
                )

    simulate(dut, testbench)


def test_latency_of_the_magnitude():
    dut = Rescale(PRESETS["tiny"])

    async def testbench(ctx):
        ctx.set(dut.centred, vector((-5, 7)))
        ctx.set(dut.measure, 1)
        await ctx.tick()
        ctx.set(dut.measure, 0)
        await ctx.tick().repeat(dut.magnitude_latency - 2)
        assert ctx.get(dut.magnitude) == 0
        await ctx.tick()
        assert ctx.get(dut.magnitude) == 12

    simulate(dut, testbench)
