# SPDX-License-Identifier: Apache-2.0
"""hw.desne.medoid and hw.desne.stratum_select, in the Amaranth simulator."""

import dataclasses

import numpy as np
import pytest

from hw.config import PRESETS
from hw.desne.medoid import MedoidScore, score_width
from hw.desne.stratum_select import StratumSelect, select_digits
from verif.unit.desne.sample_units import ODD, answers, simulate, until

ONE_LANE = dataclasses.replace(ODD, name="one", features=1, lanes=1, dimensions=1)
SHAPES = {"odd": ODD, "tiny": PRESETS["tiny"], "one lane, one beat": ONE_LANE}


@pytest.mark.parametrize("shape", SHAPES)
def test_scores_and_ranks(shape, seed):
    """Every score and rank against the equations; extreme features; strata of one and of all."""
    config = SHAPES[shape]
    rng = np.random.default_rng(seed)
    dut = MedoidScore(config)
    most = config.samples
    store = np.zeros((most * config.beats, config.lanes), dtype=int)
    samples = [int(s) for s in rng.permutation(most)]
    candidates = [{"map": {"x": 0, "y": 0}, "sample": s} for s in samples]
    order = [int(p) for p in rng.permutation(most)]
    bound = 1 << score_width(config) - 1
    scores, ranks = {}, {}

    async def testbench(ctx):
        for m, budget, beats, spread, phase, values in (
            (most, 1, config.beats, 256, 0xFFFF, (0, 255)),
            (most, most, 1, 256, 0xFFFF, (255,)),
            (most - 1, 4, config.beats, 255, 1, range(256)),
            (1, 1, 1, 0, 0, (255,)),
            (most, 1, config.beats, 128, 77, (255,)),
        ):
            store[:] = rng.choice(values, store.shape)
            scores.clear()
            ranks.clear()
            for name, value in (
                ("candidates", m),
                ("budget", budget),
                ("beats", beats),
                ("spread", spread),
                ("phase", phase),
                ("start", 1),
            ):
                ctx.set(getattr(dut, name), value)
            await ctx.tick()
            ctx.set(dut.start, 0)
            assert await until(ctx, dut.done, 4000) + 1 == 2 * m * beats + dut.drain
            await ctx.tick()
            rows = store.reshape(most, config.beats, config.lanes)[:, :beats].reshape(most, -1)
            for stratum in range(budget):
                steps = [r for r in range(m) if r * budget // m == stratum]
                members = [samples[order[r]] for r in steps]
                f = rows[members].astype(object)
                for step, member, one in zip(steps, members, f, strict=True):
                    score = len(steps) * one.dot(one) - 2 * one.dot(f.sum(axis=0))
                    assert -bound <= score < bound
                    assert scores[step] == (score + bound, member), (seed, m, budget, step)
                h = (40503 * stratum + phase) & 65535
                assert ranks[stratum] == len(steps) * spread * h >> 24
            assert len(scores) == m and len(ranks) == budget

    async def watch(ctx):
        one, two = dut.scored, dut.wanted
        while True:
            *_, valid, step, score, sample, known, stratum, rank = await ctx.tick().sample(
                one.valid, one.step, one.score, one.sample, two.valid, two.stratum, two.rank
            )
            if valid:
                assert step not in scores
                scores[step] = (score, sample)
            if known:
                assert stratum not in ranks
                ranks[stratum] = rank

    async def features(ctx):
        noise = [77] * config.lanes
        while True:
            *_, enable, address = await ctx.tick().sample(dut.feature_enable, dut.feature_address)
            ctx.set(dut.feature_data, store[address].tolist() if enable else noise)

    responder = answers(dut, candidates, [None, order], 4)
    simulate(dut, testbench, watch, features, responder)


def test_select(seed):
    """Few different scores, the largest and smallest; the first, last and random ranks."""
    rng = np.random.default_rng(seed)
    dut = StratumSelect(ODD)
    most, top = ODD.samples, (1 << score_width(ODD)) - 1
    taken = []

    async def testbench(ctx):
        for m, budget, choice in (
            (most, 4, (0, 1, top)),
            (most, most, (5,)),
            (most, 1, (top, top - 1)),
            (most - 1, 7, range(1000)),
            (1, 1, (0,)),
            (2, 2, (3, 3)),
        ):
            taken.clear()
            scores = rng.choice(choice, m).tolist()
            samples = rng.permutation(most)[:m].tolist()
            strata = [[r for r in range(m) if r * budget // m == s] for s in range(budget)]
            ranks = [int(rng.choice([0, len(s) - 1, rng.integers(len(s))])) for s in strata]
            for step in rng.permutation(m).tolist():
                word = {"step": step, "score": scores[step], "sample": samples[step]}
                ctx.set(dut.scored, {"valid": 1, **word})
                await ctx.tick()
            ctx.set(dut.scored.valid, 0)
            for stratum, rank in enumerate(ranks):
                ctx.set(dut.wanted, {"valid": 1, "stratum": stratum, "rank": rank})
                await ctx.tick()
            ctx.set(dut.wanted.valid, 0)
            ctx.set(dut.candidates, m)
            ctx.set(dut.budget, budget)
            ctx.set(dut.start, 1)
            await ctx.tick()
            ctx.set(dut.start, 0)
            cycles = await until(ctx, dut.done, 3000)
            assert cycles + 1 == (select_digits(ODD) + 1) * (m + dut.drain)
            await ctx.tick()
            members = [sorted((scores[r], samples[r]) for r in stratum) for stratum in strata]
            expected = [s[rank][1] for s, rank in zip(members, ranks, strict=True)]
            assert taken == expected, (seed, m, budget)

    async def watch(ctx):
        while True:
            *_, take, sample = await ctx.tick().sample(dut.take, dut.sample)
            if take:
                taken.append(sample)

    simulate(dut, testbench, watch)
