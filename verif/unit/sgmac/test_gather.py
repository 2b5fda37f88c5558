# SPDX-License-Identifier: Apache-2.0
"""hw.sgmac.gather: the order and the places of all reads, and where their beats go."""

import random

import numpy as np
import pytest
from amaranth.sim import Simulator

from hw.sgmac.array_job import Target
from hw.sgmac.gather import Gather
from verif.cocotb.streams import stalls
from verif.unit.sgmac.gather_jobs import BEAT, CONFIG, JOBS, PATTERNS
from verif.unit.streams import receive, send


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
