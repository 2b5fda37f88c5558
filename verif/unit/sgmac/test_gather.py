# SPDX-License-Identifier: Apache-2.0
"""hw.sgmac.gather: the order and the places of all reads, and where their beats go."""

import dataclasses
import random
from dataclasses import dataclass, field

import numpy as np
import pytest
from amaranth.sim import Simulator

from hw.config import PRESETS
from hw.sgmac.array_job import Target
from hw.sgmac.channel_list import ChannelList
from hw.sgmac.gather import Gather
from hw.sgmac.row_addresses import RowAddresses
from verif.cocotb.streams import stalls
from verif.unit.streams import receive, send

CONFIG = dataclasses.replace(PRESETS["tiny"], outputs=8, channels=40, kernel=5)
LANES, BEAT = CONFIG.outputs, CONFIG.data_width // 8
BASES = {
    name: (number + 1) << 32
    for number, name in enumerate(
        ("channels", "x", "error", "gradient", "weights", "scale", "bias")
    )
}


@dataclass(frozen=True, kw_only=True)
class Job:
    """A job as the host describes it, and what has to be read for it, in order."""

    channels: list[int]
    in_channels: int = 40
    outputs: int = 8
    taps: int = 1
    x_beats: int = 2
    error_beats: int = 1
    depthwise: bool = False
    accumulate: bool = False
    update: bool = False
    bias: bool = False
    resident: bool = False
    strides: dict[str, int] = field(init=False)

    def __post_init__(self):
        values = self.taps if self.depthwise else self.outputs
        padded = -(-values // BEAT) * BEAT
        strides = {"gradient_row": -(-4 * values // BEAT) * BEAT, "weights_row": padded}
        strides["weights_piece"] = padded if self.depthwise else self.taps * padded
        object.__setattr__(self, "strides", strides)

    def numbers(self) -> dict[str, int]:
        return {
            **{f"{name}_address": base for name, base in BASES.items()},
            **self.strides,
            "x_stride": self.x_beats * BEAT,
            "error_stride": self.error_beats * BEAT,
            "in_channels": self.in_channels,
            "selected": len(self.channels),
            "outputs": self.outputs,
            "taps": self.taps,
            **{
                name: int(getattr(self, name))
                for name in ("depthwise", "accumulate", "update", "bias", "resident")
            },
        }

    def rows(self) -> list[list[tuple[int, int, int]]]:
        """By channel of each block: (gradient address, weights address, values) of each row."""
        row, piece = self.strides["gradient_row"], self.strides["weights_piece"]
        step = self.strides["weights_row"]
        blocks = range(0, 1 if self.depthwise else self.outputs, LANES)
        found = []
        for first in blocks:
            for j, c in enumerate(self.channels):
                weights = BASES["weights"] + c * piece
                if self.depthwise:
                    found.append(
                        [
                            (
                                BASES["gradient"] + j * row + 4 * tap,
                                weights + tap,
                                min(LANES, self.taps - tap),
                            )
                            for tap in range(0, self.taps, LANES)
                        ]
                    )
                else:
                    found.append(
                        [
                            (
                                BASES["gradient"] + (j * self.taps + t) * row + 4 * first,
                                weights + t * step + first,
                                min(LANES, self.outputs - first),
                            )
                            for t in range(self.taps)
                        ]
                    )
        return found

    def reads(self) -> list[tuple[str, int, int]]:
        """(reader, address, bytes) of every transfer, as the docstring of Gather orders them."""
        x, error = self.x_beats * BEAT, self.error_beats * BEAT
        k = len(self.channels)
        order = [("channels", BASES["channels"], 4 * k)]
        rows = self.rows()

        def owed(number):
            for gradient, weights, values in rows[number]:
                if self.accumulate:
                    order.append(("partials", gradient, 4 * values))
                if self.update:
                    order.append(("weights", weights, values))

        if self.depthwise:
            for j, c in enumerate(self.channels):
                order.append(("lanes", BASES["x"] + c * x, x))
                order.append(("ring", BASES["error"] + c * error, error))
                if j:
                    owed(j - 1)
                if self.update:
                    order.append(("scales", BASES["scale"] + j * BEAT, 4))
            owed(k - 1)
            return order + self.bias_reads(k)
        share = -(-LANES // k)  # planes
        blocks = -(-self.outputs // LANES)
        at = 0  # outputs whose errors were read

        def errors(count):
            nonlocal at
            order.append(("lanes", BASES["error"] + at * error, count * error))
            at += count

        errors(min(LANES, self.outputs))
        number = 0
        for block in range(blocks):
            after = min(max(self.outputs - (block + 1) * LANES, 0), LANES)
            for j, c in enumerate(self.channels):
                if not (self.resident and block):
                    order.append(("ring", BASES["x"] + c * x, x))
                if number:
                    owed(number - 1)
                if self.update and j == 0:
                    valid = min(LANES, self.outputs - block * LANES)
                    order.append(("scales", BASES["scale"] + 4 * block * LANES, 4 * valid))
                if after:
                    count = min(share, after)
                    errors(count)
                    after -= count
                number += 1
        owed(number - 1)
        return order + self.bias_reads(self.outputs)

    def bias_reads(self, planes: int) -> list[tuple[str, int, int]]:
        wanted = self.bias and self.accumulate
        return [("bias", BASES["bias"], 4 * planes)] if wanted else []


JOBS = {
    "one channel": Job(channels=[3]),
    "pointwise": Job(channels=[0, 4, 5, 39], outputs=21),
    "resident": Job(channels=[1, 2, 9], outputs=40, resident=True),
    "all channels": Job(channels=list(range(40)), outputs=17),
    "3 x 3 that accumulates": Job(channels=[7, 8], outputs=9, taps=9, accumulate=True, bias=True),
    "5 x 5 with update": Job(channels=[7, 30], outputs=8, taps=25, update=True, error_beats=3),
    "both": Job(
        channels=[0, 11, 12], outputs=30, taps=4, update=True, accumulate=True, resident=True
    ),
    "one output": Job(channels=[2, 3], outputs=1, update=True, bias=True),
    "depthwise": Job(channels=[1, 17, 18], taps=9, outputs=40, depthwise=True),
    "depthwise with all": Job(
        channels=[0, 1, 39],
        taps=25,
        outputs=40,
        depthwise=True,
        update=True,
        accumulate=True,
        bias=True,
    ),
    "depthwise, one": Job(channels=[5], taps=1, outputs=40, depthwise=True, update=True),
}
PATTERNS = ["none", "random", "long"]


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("name", JOBS)
def test_order_and_beats(name, pattern, seed):
    job = JOBS[name]
    dut = Gather(CONFIG)
    rng = np.random.default_rng([seed, list(JOBS).index(name)])
    expected = job.reads()
    asked, content = [], {}  # content: beats of each reader, in order
    got = {reader: [] for reader in ("words", "partials", "weights", "scales", "bias")}

    def pause(index):
        return stalls(pattern, random.Random(f"{seed} {index}"))

    async def memory(ctx):
        """Takes a transfer, plays its beats; numbers of the list, noise for all else."""
        waits = pause(0)
        for reader, _, count in expected:
            (transfer,) = await receive(ctx, dut.reads, 1, waits)
            asked.append((reader, transfer.address, transfer.bytes))
            beats = -(-count // BEAT)
            if reader == "channels":
                words = np.zeros(beats * BEAT // 4, "<u4")
                words[: len(job.channels)] = job.channels
                values = [int(v) for v in words.view("<u8")]
            else:
                values = [int(v) for v in rng.integers(0, 1 << 63, beats)]
                content.setdefault(reader, []).extend(values)
            payloads = [{"data": v, "last": int(i == beats - 1)} for i, v in enumerate(values)]
            await send(ctx, dut.data, payloads, waits)

    async def take(ctx, reader, index):
        waits = pause(index)
        while True:
            (beat,) = await receive(ctx, getattr(dut, reader), 1, waits)
            got[reader].append((beat.data, beat.target) if reader == "words" else beat)

    async def order(ctx):
        ctx.set(dut.job, job.numbers())
        ctx.set(dut.start, 1)
        await ctx.tick()
        ctx.set(dut.start, 0)
        await ctx.tick()
        cycles = 0
        while ctx.get(dut.busy):
            await ctx.tick()
            cycles += 1
            assert cycles < 20_000, "hangs"
        assert ctx.get(dut.listed) and not ctx.get(dut.illegal)
        await ctx.tick().repeat(3)

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(memory, background=True)
    for index, reader in enumerate(got, 1):

        async def reading(ctx, reader=reader, index=index):
            await take(ctx, reader, index)

        simulator.add_testbench(reading, background=True)
    simulator.add_testbench(order)
    simulator.run()
    assert asked == expected, f"seed {seed}"
    words = {
        "lanes": [data for data, target in got["words"] if target == Target.LANES],
        "ring": [data for data, target in got["words"] if target == Target.RING],
    }
    for reader, beats in (got | words).items():
        if reader != "words":
            assert beats == content.get(reader, []), f"{reader}, seed {seed}"


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

    async def listed(ctx):
        seen = [0] * ChannelList.latency  # of the last cycles
        async for *_, position in ctx.tick().sample(dut.position):
            seen = [*seen[1:], position]
            ctx.set(dut.channel, job.channels[min(seen[0], len(job.channels) - 1)])

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

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(listed, background=True)
    simulator.add_testbench(testbench)
    simulator.run()
    if pattern == "none":
        assert cycles[0] == dut.latency
        steps = np.diff(cycles)
        assert (steps == np.where(ends[:-1], dut.latency, 1)).all()
