# SPDX-License-Identifier: Apache-2.0
"""hw.desne.neighbour_cut against a sort of every row."""

import random

import numpy as np
import pytest
from amaranth.sim import Simulator

from golden.cycles import cut_block_cycles
from hw.config import Configuration
from hw.desne.neighbour_cut import NeighbourCut
from hw.desne.row_select import digit_widths
from verif.cocotb.streams import stalls
from verif.unit.streams import send
from verif.vectors import calibrate as vectors

SHAPES = {
    "two rows": Configuration(name="a", samples=16, features=2, rows=2, lanes=1, neighbours=6),
    "three rows": Configuration(name="b", samples=9, features=1, rows=3, lanes=1, neighbours=8),
}
NAMES = ("random", "ties at the cut", "identical", "largest distances", "n = 2", "k = 1")


def neighbours(distances, i, k):
    """[(j, delta)] of row i, ascending by j."""
    others = sorted((d, j) for j, d in enumerate(distances[i]) if j != i)[:k]
    return sorted((j, d - others[0][0]) for d, j in others)


@pytest.mark.parametrize("idle", ["none", "random"])
@pytest.mark.parametrize("shape", SHAPES)
def test_lists(shape, idle, seed):
    config = SHAPES[shape]
    cases = [vectors.cases(config, seed)[name] for name in NAMES]
    jobs = [vectors.job(config, case, seed) for case in cases]
    dut = NeighbourCut(config)
    ends, done = [], []
    clock = [0]

    async def control(ctx):
        ctx.set(dut.open, 1)
        for case, job in zip(cases, jobs, strict=True):
            ctx.set(dut.samples, job.samples)
            ctx.set(dut.neighbours, job.neighbours)
            ctx.set(dut.start, 1)
            await ctx.tick()
            ctx.set(dut.start, 0)
            for block in range(job.blocks):
                await check_block(ctx, case, block, block == job.blocks - 1)

    async def check_block(ctx, case, block, final):
        lists = [[] for _ in range(config.rows)]
        finished = False
        while not finished:
            *_, kept, index, finished, equal, present, last = await ctx.tick().sample(
                dut.kept, dut.index, dut.done, dut.equal, dut.present, dut.final
            )
            for r in range(config.rows):
                if kept[r].write:
                    assert kept[r].position == len(lists[r])
                    lists[r].append((index, kept[r].delta))
        done.append(clock[0])
        assert last == final
        for r in range(config.rows):
            i = block * config.rows + r
            assert (present >> r) & 1 == (i < len(case.distances))
            if i < len(case.distances):
                expected = neighbours(case.distances.tolist(), i, case.neighbours)
                assert lists[r] == expected, f"row {i}, seed {seed}"
                assert (equal >> r) & 1 == (len({delta for _, delta in expected}) == 1)

    async def source(ctx):
        pauses = stalls(idle, random.Random(seed))
        for job in jobs:
            rows = zip(job.distances["distance"], job.distances["last"], strict=True)
            beats = [{"distance": row.tolist(), "last": int(last)} for row, last in rows]
            await send(ctx, dut.distances, beats, pauses)

    async def count(ctx):
        async for *_, valid, ready, payload in ctx.tick().sample(
            dut.distances.valid, dut.distances.ready, dut.distances.payload
        ):
            clock[0] += 1
            if valid and ready and payload.last:
                ends.append(clock[0])

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(count, background=True)
    simulator.add_testbench(source, background=True)
    simulator.add_testbench(control)
    simulator.run()

    first = 0
    for job in jobs:  # the first block of a job waits for nothing, the others for the one before
        taken = cut_block_cycles(job.samples, config.distance_width)
        bins = sum(1 << width for width in digit_widths(config.distance_width))
        assert taken == 3 * job.samples + bins + 10
        assert done[first] - ends[first] == taken + 2
        if idle == "none":
            blocks = np.array(done[first : first + job.blocks])
            assert (np.diff(blocks) == taken).all()
        first += job.blocks
