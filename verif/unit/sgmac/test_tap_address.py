# SPDX-License-Identifier: Apache-2.0
"""hw.sgmac.tap_address against the places it stands for, in the Amaranth simulator."""

import random

import pytest
from amaranth.sim import Simulator

from hw.config import PRESETS, Configuration
from hw.sgmac.tap_address import PositionWalk, TapWalk
from verif.vectors import gradient_array as vectors
from verif.vectors.sgmac import CASES

LARGE = Configuration(
    name="a", samples=8, features=8, rows=1, lanes=4, neighbours=2, outputs=2, plane=256
)
CONFIGS = {"tiny": PRESETS["tiny"], "large kernel": LARGE}


def walk(dut, jobs, outputs, seed):
    """For each of the jobs (inputs, steps) the values of `outputs` at each step. Between steps are
    pauses, and every job but the last is left behind when it has begun."""
    rng = random.Random(seed)
    seen = []

    async def testbench(ctx):
        for inputs, steps in jobs:
            for port, value in inputs:
                ctx.set(port, value)
            values = []
            for length in (rng.randrange(5), steps):
                values.clear()
                ctx.set(dut.begin, 1)
                await ctx.tick()
                ctx.set(dut.begin, 0)
                for _ in range(length):
                    if rng.randrange(2):
                        await ctx.tick()
                    ctx.set(dut.step, 1)
                    _, _, *sampled = await ctx.tick().sample(*outputs)
                    values.append(tuple(sampled))
                    ctx.set(dut.step, 0)
            seen.append(values)

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(testbench)
    simulator.run()
    return seen


def sizes_for(config):
    return [sizes for _, channels, sizes in CASES if vectors.fits(config, sizes, len(channels))]


@pytest.mark.parametrize("name", CONFIGS)
def test_positions(name, seed):
    """One and a half times around each error map."""
    config = CONFIGS[name]
    dut = PositionWalk(config)
    keys = ("height", "width", "out_height", "out_width", "kernel", "stride", "padding")
    jobs, expected = [], []
    for sizes in sizes_for(config):
        inputs = [(getattr(dut.job, key), getattr(sizes, key)) for key in keys]
        inputs.append((dut.job.padding_above, sizes.above))
        inputs.append((dut.job.line, sizes.stride * sizes.width % (2 * config.plane)))
        count = sizes.out_height * sizes.out_width
        jobs.append((inputs, count + (count + 1) // 2))
        taps = range(config.kernel)
        values = []
        for step in range(jobs[-1][1]):
            position = step % count
            y, z = (place * sizes.stride for place in divmod(position, sizes.out_width))
            rows = [0 <= y + tap - sizes.above < sizes.height for tap in taps]
            columns = [0 <= z + tap - sizes.padding < sizes.width for tap in taps]
            values.append(
                (
                    position,
                    y * sizes.width + z,
                    sum(bit << tap for tap, bit in enumerate(rows)),
                    sum(bit << tap for tap, bit in enumerate(columns)),
                )
            )
        expected.append(values)
    outputs = (dut.position, dut.base, dut.rows, dut.columns)
    assert walk(dut, jobs, outputs, seed) == expected


@pytest.mark.parametrize("name", CONFIGS)
def test_taps(name, seed):
    """Twice through each kernel, and one tap more."""
    config = CONFIGS[name]
    dut = TapWalk(config)
    modulus = 2 * config.plane
    jobs, expected = [], []
    for sizes in sizes_for(config):
        k, width = sizes.kernel, sizes.width
        inputs = [
            (dut.kernel, k),
            (dut.count, k * k),
            (dut.first_offset, -(sizes.above * width + sizes.padding) % modulus),
            (dut.line, (width - k + 1) % modulus),
        ]
        jobs.append((inputs, 2 * k * k + 1))
        values = []
        for step in range(2 * k * k + 1):
            u, v = divmod(step % (k * k), k)
            offset = ((u - sizes.above) * width + v - sizes.padding) % modulus
            values.append((u, v, offset, (u, v) == (k - 1, k - 1)))
        expected.append(values)
    outputs = (dut.tap.u, dut.tap.v, dut.tap.offset, dut.last)
    assert walk(dut, jobs, outputs, seed) == expected
