# SPDX-License-Identifier: Apache-2.0
"""hw.desne.accumulator: no addition is lost, however soon its place comes again."""

import itertools
import random

import pytest
from amaranth.hdl import signed

from hw.desne.accumulator import Accumulator
from hw.desne.map_widths import vector as vector_of
from verif.unit.desne.map_units import pair, simulate, vector

PLACES = 5


def play(sequences):
    """Each sequence of places (None: a pause), from zero; sums compared after each."""
    dut = Accumulator(vector_of(signed(12)), vector_of(signed(6)), PLACES)

    async def sums(ctx):
        """Read and clear."""
        found = []
        for cycle in range(PLACES + dut.read_latency):
            if cycle >= dut.read_latency:
                found.append(pair(ctx.get(dut.total)))
            ctx.set(dut.address, min(cycle, PLACES - 1))
            ctx.set(dut.clear, cycle < PLACES)
            await ctx.tick()
        ctx.set(dut.clear, 0)
        return found

    async def testbench(ctx):
        await sums(ctx)
        for sequence in sequences:
            expected = [[0, 0] for _ in range(PLACES)]
            for number, place in enumerate(sequence):
                ctx.set(dut.add, place is not None)
                if place is not None:
                    value = (1 << number % 5, -32 if number % 2 else 31)
                    ctx.set(dut.index, place)
                    ctx.set(dut.value, vector(value))
                    expected[place] = [a + b for a, b in zip(expected[place], value, strict=True)]
                await ctx.tick()
            ctx.set(dut.add, 0)
            await ctx.tick().repeat(dut.latency - 1)
            assert await sums(ctx) == [tuple(e) for e in expected], sequence

    simulate(dut, testbench)


def test_every_sequence_of_two_places_and_pauses():
    play(itertools.product((0, 1, None), repeat=5))


@pytest.mark.parametrize("places", [1, 2, 3, 5])
def test_random_sequences(places, seed):
    rng = random.Random(seed)
    play([[rng.choice((*range(places), None)) for _ in range(40)] for _ in range(20)])


def test_the_latency_is_no_shorter():
    """One cycle earlier, a read does not see the addition."""
    dut = Accumulator(vector_of(signed(12)), vector_of(signed(6)), PLACES)
    seen = {}

    async def testbench(ctx):
        for wait in (dut.latency - 1, dut.latency):
            ctx.set(dut.index, wait)
            ctx.set(dut.value, {"x": 3, "y": -3})
            ctx.set(dut.add, 1)
            await ctx.tick()
            ctx.set(dut.add, 0)
            ctx.set(dut.address, wait)
            await ctx.tick().repeat(wait - 1)
            ctx.set(dut.address, wait)
            await ctx.tick()
            ctx.set(dut.address, 0)
            await ctx.tick().repeat(dut.read_latency - 1)
            seen[wait] = pair(ctx.get(dut.total))
            await ctx.tick().repeat(8)

    simulate(dut, testbench)
    assert seen == {dut.latency - 1: (0, 0), dut.latency: (3, -3)}
