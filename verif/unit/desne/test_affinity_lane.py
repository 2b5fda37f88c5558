# SPDX-License-Identifier: Apache-2.0
"""hw.desne.affinity_lane against golden: sums of rows, and weights."""

import numpy as np
import pytest
from amaranth.sim import Simulator

from golden import cycles
from golden.arith.exp2 import exp2, mantissa
from golden.arith.reciprocal import reciprocal
from golden.desne.calibrate import exponent
from hw.config import PRESETS, distance_maximum
from hw.desne.affinity_lane import AffinityLane, largest_product, moment_width, total_width

CONFIG = PRESETS["edge"]


@pytest.mark.parametrize("groups", [1, 2])
def test_sums_and_weights(groups, seed):
    """Rows of 1 to 9 neighbours at all sorts of codes; then each is weighed."""
    rng = np.random.default_rng(seed)
    dut = AffinityLane(CONFIG, groups)
    top = distance_maximum(CONFIG.features)
    rows = []
    for code in [0, 8191, 4096, *rng.integers(0, 8192, 40)]:
        delta = rng.integers(0, top + 1, rng.integers(1, 10)) >> rng.integers(0, 22)
        delta[rng.integers(len(delta))] = 0
        rows.append((int(code), delta, int(rng.integers(groups))))
    sums, weights = [], []

    async def drive(ctx):
        for code, delta, group in rows:
            t = np.array([exponent(int(value), code) for value in delta])
            w = exp2(t)
            v, e = reciprocal(int(w.sum()), 16)
            for g in range(groups):  # the other rows of the lane hold something else
                other = g != group
                ctx.set(dut.mantissa[g], int(mantissa((code + 77 * other) & 255)))
                ctx.set(dut.octave[g], (31 - (code >> 8)) ^ (5 * other))
                ctx.set(dut.scale[g], int(v) ^ (3 * other))
                ctx.set(dut.excess[g], int(e) - 16 + other)
            for weigh in (0, 1):
                for number, value in enumerate(delta):
                    for g in range(groups):
                        ctx.set(dut.delta[g], int(value) if g == group else 12345)
                    last = number == len(delta) - 1
                    tag = {"valid": 1, "first": number == 0, "last": last, "weigh": weigh}
                    ctx.set(dut.tag, {**tag, "group": group})
                    await ctx.tick()
                ctx.set(dut.tag, {"valid": 0})
                await ctx.tick().repeat(dut.latency)

    async def watch(ctx):
        since = 0
        async for *_, ready, total, moment, weighed, weight, group, tag in ctx.tick().sample(
            dut.sums, dut.total, dut.moment, dut.weighed, dut.weight, dut.group, dut.tag
        ):
            since = 0 if tag.valid and tag.last else since + 1
            if ready:
                assert since == dut.latency == cycles.lane_latency(CONFIG.distance_width)
                sums.append((total, moment))
            if weighed:
                weights.append((weight, group))

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(drive)
    simulator.add_testbench(watch, background=True)
    simulator.run()

    expected_sums, expected_weights = [], []
    for code, delta, group in rows:
        t = [int(exponent(int(value), code)) for value in delta]
        w = [int(exp2(value)) for value in t]
        v, e = (int(part) for part in reciprocal(sum(w), 16))
        expected_sums.append((sum(w), sum(a * b for a, b in zip(w, t, strict=True))))
        expected_weights += [(min(value * v + (1 << 7 + e) >> 8 + e, 255), group) for value in w]
    assert sums == expected_sums, f"seed {seed}"
    assert weights == expected_weights, f"seed {seed}"


def test_widths():
    """w * t is largest near t = 1 / ln 2, where it is 2^24 / (e ln 2), give or take a rounding."""
    t = np.arange(4609)
    assert largest_product() == (exp2(t) * t).max()
    assert abs(largest_product() - 2**24 / (np.e * np.log(2))) < 400
    assert total_width(CONFIG) == (64 * 65536).bit_length()
    assert moment_width(CONFIG) == int(64 * largest_product()).bit_length()
