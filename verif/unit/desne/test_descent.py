# SPDX-License-Identifier: Apache-2.0
"""hw.desne.descent in the Amaranth simulator: the equation in plain integers beside it."""

import random

import pytest
from amaranth.sim import Simulator

from hw.config import PRESETS
from hw.desne import map_widths as widths
from hw.desne.descent import INPUT_LATENCY, Descent
from verif.unit.desne.map_units import AXES, HIGH, LOW, pair, round_shift, saturate, vector


def moved(position, velocity, attraction, repulsion, settings):
    """Of one axis: the velocity and where it leads."""
    towards = round_shift(settings["exaggeration"] * attraction, 17)
    away = round_shift(settings["ratio"] * repulsion, 31)
    step = 16 * settings["momentum"] * velocity - settings["rate"] * (towards - away)
    velocity = saturate(round_shift(step, 8), -2048, 2047)
    return velocity, position + velocity


@pytest.mark.parametrize("preset", PRESETS)
def test_steps(preset, seed):
    config = PRESETS[preset]
    rng = random.Random(seed)
    pulls, pushes = widths.attraction_maximum(config), widths.repulsion_maximum(config)
    most = {"ratio": widths.RATIO_MAXIMUM, "exaggeration": 15, "momentum": 15, "rate": 255}
    schedules = [most, {"ratio": 9000, "exaggeration": 8, "momentum": 8, "rate": 16}]
    schedules += [{name: rng.randint(0, value) for name, value in most.items()} for _ in range(3)]
    n = 28
    dut = Descent(config)
    velocities = [(0, 0)] * n
    samples = []

    def force(largest):
        bits = rng.randint(0, largest.bit_length())
        value = min(rng.getrandbits(bits) if bits else 0, largest)
        return rng.choice((value, -value, largest, -largest))

    async def feed(ctx, settings):
        """Clear if there are no settings, else one step of all samples."""
        nonlocal velocities
        for name, value in (settings or most).items():
            ctx.set(getattr(dut, name), value)
        samples[:] = [
            {
                "position": tuple(rng.choice((LOW, HIGH, rng.randint(LOW, HIGH))) for _ in AXES),
                "attraction": tuple(force(pulls) for _ in AXES),
                "repulsion": tuple(force(pushes) for _ in AXES),
            }
            for _ in range(n)
        ]
        results = []
        for cycle in range(n + dut.latency):
            ctx.set(dut.index, min(cycle, n - 1))
            ctx.set(dut.step if settings else dut.clear, cycle < n)
            if 0 <= cycle - INPUT_LATENCY < n:
                for name, value in samples[cycle - INPUT_LATENCY].items():
                    ctx.set(getattr(dut, name), vector(value))
            if cycle >= dut.latency:
                assert ctx.get(dut.write) == bool(settings)
                assert ctx.get(dut.write_index) == cycle - dut.latency
                results.append(pair(ctx.get(dut.moved)))
            else:
                assert not ctx.get(dut.write)
            await ctx.tick()
        if not settings:
            velocities = [(0, 0)] * n
            return
        expected = []
        for number, sample in enumerate(samples):
            both = [
                moved(
                    sample["position"][axis],
                    velocities[number][axis],
                    sample["attraction"][axis],
                    sample["repulsion"][axis],
                    settings,
                )
                for axis in range(2)
            ]
            velocities[number] = tuple(velocity for velocity, _ in both)
            expected.append(tuple(position for _, position in both))
        assert results == expected

    async def testbench(ctx):
        await feed(ctx, None)
        for settings in schedules:
            await feed(ctx, settings)
        await feed(ctx, None)
        await feed(ctx, most)

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(testbench)
    simulator.run()


def test_latency():
    assert Descent.latency == 17
