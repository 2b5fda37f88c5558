# SPDX-License-Identifier: Apache-2.0
"""hw.desne.radix_sort in the Amaranth simulator."""

import numpy as np
import pytest

from hw.desne.radix_sort import DigitPlaces, RadixSort
from verif.unit.desne.sample_units import ODD, keys, simulate, until

LATENCY = 5


def test_sort(seed):
    """Random keys, few different ones, all equal, extremes; m = 1, 2 and the most."""
    rng = np.random.default_rng(seed)
    most = ODD.samples
    lists = [rng.integers(0, 4096, most), rng.choice([7, 64, 65, 4095], most), np.full(most, 4095)]
    lists += [np.array([9]), np.array([4095, 0]), np.arange(most)[::-1] * 64, np.arange(most)[::-1]]
    dut = RadixSort(ODD, LATENCY)
    orders = np.zeros((2, most), dtype=int)
    now = []

    async def testbench(ctx):
        for key in lists:
            m = len(key)
            now[:] = key.tolist()
            ctx.set(dut.candidates, m)
            ctx.set(dut.start, 1)
            await ctx.tick()
            ctx.set(dut.start, 0)
            cycles = await until(ctx, dut.done, 1000)
            assert cycles + 1 == 3 * (m + dut.drain) + 128
            await ctx.tick()
            assert orders[1, :m].tolist() == np.argsort(key, kind="stable").tolist()

    async def memories(ctx):
        order = dut.order
        while True:
            *_, valid, second, place, position = await ctx.tick().sample(
                order.valid, order.second, order.place, order.position
            )
            if valid:
                orders[second, place] = position

    def keyed(source, step):
        position = step if source == 0 else int(orders[source - 1, step])
        return {"position": position, "key": now[position], "from_centre": 0}

    simulate(dut, testbench, memories, keys(dut, keyed, LATENCY))


@pytest.mark.parametrize("sizes", [(0, 4), (3, 0)])
def test_illegal_sizes(sizes):
    message = f"^digit_width = {sizes[0]} and limit = {sizes[1]} must be at least 1$"
    with pytest.raises(ValueError, match=message):
        DigitPlaces(*sizes)
