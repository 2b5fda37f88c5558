# SPDX-License-Identifier: Apache-2.0
"""hw.desne.coordinates in the Amaranth simulator."""

import random

import pytest

from hw.config import Configuration
from hw.desne.coordinates import Coordinates
from hw.desne.map_widths import stored_shape
from verif.unit.desne.map_units import HIGH, LOW, pair, saturate, simulate, vector

CONFIG = Configuration(name="a", samples=11, features=8, rows=1, lanes=1, neighbours=1)


def test_reads_are_recentred(seed):
    rng = random.Random(seed)
    dut = Coordinates(CONFIG, ports=2)
    most = (1 << stored_shape(CONFIG).width - 1) - 1
    n = CONFIG.samples
    assert (dut.latency, stored_shape(CONFIG).width) == (4, 16)

    def random_vector():
        return tuple(rng.choice((-most - 1, most, rng.randint(-most, most))) for _ in range(2))

    async def testbench(ctx):
        for mean in ((0, 0), (-most - 1, most), (most, -most - 1), (1, -1), random_vector()):
            stored = [random_vector() for _ in range(n)]
            ctx.set(dut.write, 1)
            for index, value in enumerate(stored):
                ctx.set(dut.write_address, index)
                ctx.set(dut.write_data, vector(value))
                await ctx.tick()
            ctx.set(dut.write, 0)
            ctx.set(dut.write_data, vector((0, 0)))
            ctx.set(dut.mean, vector(mean))
            expected = [tuple(a - b for a, b in zip(v, mean, strict=True)) for v in stored]
            orders = [list(range(n)), rng.sample(range(n), n)]
            for cycle in range(n + dut.latency):
                for port, order in zip(dut.read, orders, strict=True):
                    ctx.set(port.address, order[min(cycle, n - 1)])
                    if cycle >= dut.latency:
                        centred = expected[order[cycle - dut.latency]]
                        position = tuple(saturate(value, LOW, HIGH) for value in centred)
                        assert pair(ctx.get(port.position)) == position
                if 0 <= cycle - dut.latency + 1 < n:
                    assert pair(ctx.get(dut.centred)) == expected[cycle - dut.latency + 1]
                await ctx.tick()

    simulate(dut, testbench)


def test_no_port():
    with pytest.raises(ValueError, match=r"^ports is 0: it must be at least 1$"):
        Coordinates(CONFIG, ports=0)
