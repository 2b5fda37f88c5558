# SPDX-License-Identifier: Apache-2.0
"""hw.desne.candidates in the Amaranth simulator."""

import numpy as np

from hw.desne.candidates import Candidates, Pass, Source
from verif.unit.desne.sample_units import ODD, simulate
from verif.vectors.sample import HIGHEST, LOWEST


def test_every_source(seed):
    """All places through all sources in random turns, one a cycle, while other places change."""
    rng = np.random.default_rng(seed)
    most = ODD.samples
    maps = rng.choice([LOWEST, HIGHEST, -1, 0, 77], (most, 2))
    samples, *orders = (rng.permutation(most) for _ in range(3))
    questions = [(source, step) for source in Source for step in range(most)]
    rng.shuffle(questions)
    dut = Candidates(ODD)
    assert dut.latency == 4

    async def testbench(ctx):
        for place in range(most):
            x, y = maps[place].tolist()
            candidate = {"map": {"x": x, "y": y}, "sample": int(samples[place])}
            ctx.set(dut.write, 1)
            ctx.set(dut.position, place)
            ctx.set(dut.candidate, candidate)
            for second in (0, 1):
                position = int(orders[second][place])
                word = {"valid": 1, "second": second, "place": place, "position": position}
                ctx.set(dut.order, word)
                await ctx.tick()
        ctx.set(dut.write, 0)
        ctx.set(dut.order.valid, 0)
        for cycle in range(len(questions) + dut.latency):
            number = cycle - dut.latency
            if number >= 0:
                source, step = questions[number]
                position = step if source == 0 else int(orders[source - 1][step])
                answer = dut.answer
                assert ctx.get(answer.valid) and ctx.get(answer.step) == step
                assert ctx.get(answer.position) == position
                assert ctx.get(answer.candidate.sample) == samples[position]
                at = answer.candidate.map
                assert [ctx.get(at.x), ctx.get(at.y)] == maps[position].tolist()
            else:
                assert not ctx.get(dut.answer.valid)
            source, step = questions[min(cycle, len(questions) - 1)]
            ctx.set(dut.request, {"valid": 1, "source": source, "step": int(step)})
            await ctx.tick()

    simulate(dut, testbench)


def test_pass():
    """Steps and done in the stated cycles, also when the next pass starts with done."""
    dut = Pass(5, drain=3)
    lengths = [5, 1, 2, 5]

    async def testbench(ctx):
        for length in lengths:
            ctx.set(dut.start, 1)
            ctx.set(dut.length, length)
            assert not ctx.get(dut.valid)
            for cycle in range(1, length + 3 + 1):
                await ctx.tick()
                ctx.set(dut.start, 0)
                assert ctx.get(dut.valid) == (cycle <= length)
                assert cycle > length or ctx.get(dut.step) == cycle - 1
                assert ctx.get(dut.done) == (cycle == length + 3)

    simulate(dut, testbench)
