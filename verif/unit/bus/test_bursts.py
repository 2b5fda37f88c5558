# SPDX-License-Identifier: Apache-2.0
"""hw.bus.bursts, in the Amaranth simulator, against AXI4's rules said in plain integers."""

import random

import pytest
from amaranth.sim import Simulator

from hw.bus.bursts import Bursts, most_beats
from verif.cocotb.streams import PATTERNS, stalls
from verif.unit.streams import receive, send

PAGE = 4096
WIDTH = 20  # bits of an address


def cut(address: int, length: int, beat: int, burst: int) -> list[tuple[int, int, int, int]]:
    """(address, beats, final, tail) of every burst, beat by beat."""
    total = -(-length // beat)
    bursts, first = [], 0
    while first < total:
        beats = 1
        while first + beats < total and beats < burst:
            if (address + (first + beats) * beat) % PAGE == 0:
                break
            beats += 1
        final = first + beats == total
        tail = (length - 1) % beat if final else beat - 1
        bursts.append((address + first * beat, beats, int(final), tail))
        first += beats
    return bursts


def transfers(rng: random.Random, beat: int) -> list[dict[str, int]]:
    """Anywhere, around the end of a page, of no bytes, of one, of many pages."""
    places = [rng.randrange(1 << WIDTH - 1) for _ in range(20)]
    places += [PAGE * rng.randrange(1, 64) + beat * near for near in range(-3, 3)]
    lengths = [0, 1, beat, beat + 1, 3 * beat - 1, PAGE, 3 * PAGE + 5]
    lengths += [rng.randrange(1, 5000) for _ in range(20)]
    return [{"address": at // beat * beat, "bytes": rng.choice(lengths)} for at in places]


@pytest.mark.parametrize("backpressure", PATTERNS)
@pytest.mark.parametrize("width, burst", [(64, 1), (64, 7), (64, 256), (128, 16), (256, 128)])
def test_bursts_and_their_cycles(width, burst, backpressure, seed):
    beat, rng = width // 8, random.Random(seed)
    dut = Bursts(WIDTH, width, 16, burst)
    given = transfers(rng, beat)
    expected = [cut(one["address"], one["bytes"], beat, burst) for one in given]
    got, begun, offered = [], [], []

    async def source(ctx):
        await send(ctx, dut.transfers, given, stalls("none", rng), begun)

    async def testbench(ctx):
        count = sum(map(len, expected))
        pattern = stalls(backpressure, random.Random(f"{seed} out"))
        for one in await receive(ctx, dut.bursts, count, pattern, offered):
            got.append((one.address, one.beats, one.final, one.tail))
        await ctx.tick().repeat(2 * len(given))
        assert ctx.get(dut.idle)

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(source, background=True)
    simulator.add_testbench(testbench)
    simulator.run()
    assert got == [one for bursts in expected for one in bursts], f"seed {seed}"
    if backpressure == "none":
        cycles = []
        for at, bursts in zip(begun, expected, strict=True):
            cycles += [at + 2 + 2 * number for number in range(len(bursts))]
        assert offered == cycles
        for (at, bursts), following in zip(
            zip(begun, expected, strict=True), begun[1:], strict=False
        ):
            assert following == at + 2 * len(bursts) + 1


def test_dropped_transfers_give_nothing():
    """Drop ends what is under way, takes what comes, and leaves nothing behind."""
    dut = Bursts(WIDTH, 64, 16, 4)

    async def testbench(ctx):
        ctx.set(dut.bursts.ready, 1)
        ctx.set(dut.transfers.payload, {"address": 64, "bytes": 800})
        ctx.set(dut.transfers.valid, 1)
        await ctx.tick().repeat(4)
        ctx.set(dut.drop, 1)
        for _ in range(12):
            assert not ctx.get(dut.bursts.valid)
            await ctx.tick()
        assert ctx.get(dut.idle) and ctx.get(dut.transfers.ready)
        ctx.set(dut.drop, 0)
        ctx.set(dut.transfers.payload, {"address": 4088, "bytes": 16})
        await ctx.tick()
        ctx.set(dut.transfers.valid, 0)
        first, second = await receive(ctx, dut.bursts, 2, stalls("none", random.Random(1)))
        assert (first.address, first.beats, first.final) == (4088, 1, 0)
        assert (second.address, second.beats, second.final, second.tail) == (4096, 1, 1, 7)

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(testbench)
    simulator.run()


@pytest.mark.parametrize(
    "arguments, said",
    [
        ((WIDTH, 32, 16, 4), "data_width is 32"),
        ((WIDTH, 64, 3, 4), "length_width is 3"),
        ((WIDTH, 64, 33, 4), "length_width is 33"),
        ((WIDTH, 64, 16, 0), "burst is 0"),
        ((WIDTH, 256, 16, most_beats(256) + 1), "burst is 129"),
    ],
)
def test_illegal_parameters(arguments, said):
    with pytest.raises(ValueError, match=said):
        Bursts(*arguments)
