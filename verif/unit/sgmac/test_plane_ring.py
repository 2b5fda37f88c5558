# SPDX-License-Identifier: Apache-2.0
"""hw.sgmac.plane_ring and its memory, in the Amaranth simulator."""

import numpy as np
import pytest
from amaranth.sim import Simulator

from hw.config import PRESETS
from hw.sgmac.plane_ring import PlaneRing

TINY = PRESETS["tiny"]
CAPACITY = 2 * TINY.plane_beats


class Ring:
    """A ring that is filled as fast as it has space, and read when the test says so."""

    def __init__(self, beats, resident, planes, seed):
        self.dut = PlaneRing(TINY)
        self.beats, self.resident = beats, resident
        rng = np.random.default_rng(seed)
        size = beats * TINY.beat_bytes
        self.planes = rng.integers(-128, 128, (planes, size), np.int8)
        self.words = [int.from_bytes(w.tobytes(), "little") for w in self.planes.reshape(-1, 8)]
        self.cycle, self.written = 0, []  # cycles of the words

    def run(self, testbench):
        async def control(ctx):
            ctx.set(self.dut.beats, self.beats)
            ctx.set(self.dut.resident, self.resident)
            ctx.set(self.dut.begin, 1)
            await ctx.tick()
            ctx.set(self.dut.begin, 0)
            await testbench(ctx)

        simulator = Simulator(self.dut)
        simulator.add_clock(1e-6)
        simulator.add_testbench(control)
        simulator.run()

    async def tick(self, ctx):
        """A cycle, with a word if there is space."""
        writes = ctx.get(self.dut.space) and len(self.written) < len(self.words)
        if writes:
            ctx.set(self.dut.word, self.words[len(self.written)])
            self.written.append(self.cycle)
        ctx.set(self.dut.write, writes)
        await ctx.tick()
        ctx.set(self.dut.write, 0)
        self.cycle += 1

    async def read(self, ctx, places):
        """The bytes at (position, offset, inside) of the plane, one a cycle, and follow before the
        last one."""
        seen = []
        for number in range(-1, len(places) + PlaneRing.latency):
            if 0 <= number < len(places):
                ctx.set(self.dut.position, places[number][0])
                ctx.set(self.dut.offset, places[number][1] % (2 * TINY.plane))
            if 1 <= number <= len(places):
                ctx.set(self.dut.inside, places[number - 1][2])
            ctx.set(self.dut.follow, number == len(places) - 2)
            if number >= PlaneRing.latency:
                seen.append(ctx.get(self.dut.byte))
            await self.tick(ctx)
        return seen


@pytest.mark.parametrize("beats", [1, 3, 5, 8])
def test_planes_one_after_the_other(beats, seed):
    """Every byte, the latency, and when a plane's room is there again; planes wrap around."""
    ring = Ring(beats, 0, 3 * CAPACITY // beats, seed)

    async def testbench(ctx):
        rng = np.random.default_rng(seed)
        for plane in ring.planes:
            while not ctx.get(ring.dut.ready):
                await ring.tick(ctx)
            assert ring.written[ring_end(plane)] < ring.cycle
            offsets = rng.integers(-9, 10, len(plane)).tolist()
            places = [(i - o, o, 1) for i, o in enumerate(offsets)]
            places = [(p % (2 * TINY.plane), o, 1) for p, o, _ in places]
            places[len(plane) // 2] = (*places[len(plane) // 2][:2], 0)
            expected = plane.tolist()
            expected[len(plane) // 2] = 0
            assert await ring.read(ctx, places) == expected

    def ring_end(plane):
        number = next(n for n, p in enumerate(ring.planes) if p is plane or (p == plane).all())
        return (number + 1) * beats - 1

    ring.run(testbench)
    assert len(ring.written) == len(ring.words)


def test_times_of_a_full_ring(seed):
    """A word a cycle until it is full; ready behind a plane's last word; room 4 cycles after."""
    ring = Ring(4, 0, 6, seed)

    async def testbench(ctx):
        for cycle in range(CAPACITY):
            assert ctx.get(ring.dut.space) and ctx.get(ring.dut.ready) == (cycle >= 4)
            await ring.tick(ctx)
        assert not ctx.get(ring.dut.space)
        ctx.set(ring.dut.follow, 1)
        await ring.tick(ctx)
        ctx.set(ring.dut.follow, 0)
        for _ in range(PlaneRing.release - 1):
            assert not ctx.get(ring.dut.space)
            await ring.tick(ctx)
        for _ in range(4):
            assert ctx.get(ring.dut.space)
            await ring.tick(ctx)
        assert not ctx.get(ring.dut.space)

    ring.run(testbench)
    again = CAPACITY + PlaneRing.release
    assert PlaneRing.release == 4
    assert ring.written == [*range(CAPACITY), *range(again, again + 4)]


def test_resident_planes_stay(seed):
    """Read three times, written once."""
    ring = Ring(3, 1, 5, seed)

    async def testbench(ctx):
        for _ in range(3):
            for number, plane in enumerate(ring.planes):
                while not ctx.get(ring.dut.ready):
                    await ring.tick(ctx)
                ctx.set(ring.dut.rewind, number == len(ring.planes) - 1)
                places = [(i, 0, 1) for i in range(len(plane))]
                assert await ring.read(ctx, places) == plane.tolist()

    ring.run(testbench)
    assert ring.written == list(range(15))
