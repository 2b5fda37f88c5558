# SPDX-License-Identifier: Apache-2.0
"""The channel list, and the addresses of planes and rows that are made from it."""

import random

import numpy as np
import pytest
from amaranth.sim import Simulator

from hw.sgmac.channel_list import ChannelList
from hw.sgmac.plane_addresses import PlaneAddresses
from hw.sgmac.row_addresses import RowAddresses
from verif.cocotb.streams import stalls
from verif.unit.sgmac.gather_jobs import BASES, BEAT, CONFIG, JOBS, PATTERNS
from verif.unit.streams import receive, send


def simulate(dut, job, testbench):
    """With the list, as ChannelList answers."""

    async def listed(ctx):
        seen = [0] * ChannelList.latency  # of the last cycles
        async for *_, position in ctx.tick().sample(dut.position):
            seen = [*seen[1:], position]
            ctx.set(dut.channel, job.channels[min(seen[0], len(job.channels) - 1)])

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(listed, background=True)
    simulator.add_testbench(testbench)
    simulator.run()


@pytest.mark.parametrize(
    "channels", [[3, 3], [3, 2], [40], [0, 1, 5, 2], [1 << 31], [0, 39, 40, 41]]
)
def test_illegal_lists(channels):
    dut = ChannelList(CONFIG)
    words = np.zeros(-(-len(channels) // 2) * 2, "<u4")
    words[: len(channels)] = channels

    async def testbench(ctx):
        for attempt in (words, np.array([4, 9], "<u4")):
            ctx.set(dut.count, len(channels) if attempt is words else 2)
            ctx.set(dut.in_channels, 40)
            ctx.set(dut.start, 1)
            await ctx.tick()
            ctx.set(dut.start, 0)
            beats = [int(value) for value in attempt.view("<u8")]
            await send(ctx, dut.beats, beats, stalls("none", random.Random(0)))
            await ctx.tick().repeat(4)
            assert ctx.get(dut.loaded) and ctx.get(dut.illegal) == (attempt is words)
        ctx.set(dut.position[0], 1)
        await ctx.tick().repeat(ChannelList.latency)
        assert ctx.get(dut.channel[0]) == 9

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(testbench)
    simulator.run()


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("name", JOBS)
def test_row_addresses(name, pattern, seed):
    job = JOBS[name]
    dut = RowAddresses(CONFIG)
    rows = [row for channel in job.rows() for row in channel]
    ends = [i == len(channel) - 1 for channel in job.rows() for i in range(len(channel))]
    cycles = []

    async def testbench(ctx):
        ctx.set(dut.job, job.numbers())
        ctx.set(dut.start, 1)
        await ctx.tick()
        ctx.set(dut.start, 0)
        waits = stalls(pattern, random.Random(seed))
        got = await receive(ctx, dut.rows, len(rows), waits, cycles)
        assert [(r.gradient, r.weights, r.values) for r in got] == rows
        assert [r.channel_ends for r in got] == ends
        assert [r.last for r in got] == [0] * (len(rows) - 1) + [1]
        ctx.set(dut.rows.ready, 1)
        await ctx.tick().repeat(dut.latency + 3)
        assert not ctx.get(dut.rows.valid), "a row too many"

    simulate(dut, job, testbench)
    if pattern == "none":
        assert cycles[0] == dut.latency
        counts = [len(channel) for channel in job.rows()]
        begins = np.cumsum([0, *(max(dut.latency - 1, count + 1) for count in counts[:-1])])
        assert cycles == [
            dut.latency + begin + row
            for begin, count in zip(begins, counts, strict=True)
            for row in range(count)
        ]


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("name", JOBS)
def test_plane_addresses(name, pattern, seed):
    """Twice through the list and once more from the start."""
    job = JOBS[name]
    dut = PlaneAddresses(CONFIG)
    last = len(job.channels) - 1
    expected = [
        (
            BASES["x"] + channel * job.x_beats * BEAT,
            BASES["error"] + channel * job.error_beats * BEAT,
            int(j == 0),
            int(j == last),
        )
        for j, channel in enumerate(job.channels)
    ]
    period = dut.latency + job.depthwise

    async def testbench(ctx):
        ctx.set(dut.job, job.numbers())
        await ctx.tick().repeat(2)
        waits = stalls(pattern, random.Random(seed))
        for wanted in (2 * expected, expected[:1]):
            cycles = []
            ctx.set(dut.start, 1)
            await ctx.tick()
            ctx.set(dut.start, 0)
            got = await receive(ctx, dut.planes, len(wanted), waits, cycles)
            for found, (x, error, first, last) in zip(got, wanted, strict=True):
                assert (found.x, found.first, found.last) == (x, first, last), f"seed {seed}"
                assert found.error == error or not job.depthwise, f"seed {seed}"
            if pattern == "none":
                assert cycles == [period * (1 + number) for number in range(len(wanted))]

    simulate(dut, job, testbench)
