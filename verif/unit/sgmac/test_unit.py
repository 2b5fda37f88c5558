# SPDX-License-Identifier: Apache-2.0
"""The whole sparse-gradient unit before a memory, in the Amaranth simulator, against golden."""

import dataclasses
import random
from collections.abc import Sequence

import numpy as np
import pytest
from amaranth.sim import Simulator

from golden.sgmac.engine import JobResult, run_job
from hw.config import PRESETS
from hw.sgmac.unit import BURST, OUTSTANDING, SparseGradient
from verif.axi_rules import ReadRules, WriteRules
from verif.cocotb.streams import stalls
from verif.unit.bus.memory import ReadMemory, WriteMemory
from verif.vectors.gradient_memory import ADDRESSES, MemoryJob
from verif.vectors.sgmac import CASES, convolution, draw, draw_update

CONFIG = dataclasses.replace(PRESETS["tiny"], outputs=8, plane=256, kernel=7, channels=64)
BEAT = CONFIG.beat_bytes
LARGE = (13, 15)
"""Cases that take more than ten seconds each here."""
COMMON = 16
"""Of the cases from here on every fourth is in each run; the tests of the Verilog have them all."""


def marks(number):
    return pytest.mark.slow if number in LARGE or (number >= COMMON and number % 4) else ()


NUMBERS = [pytest.param(number, marks=marks(number)) for number in range(len(CASES))]


class Run:
    """Jobs one after the other on one unit and its memory."""

    def __init__(self, seed: int, pattern: str = "none", latency: int = 3, config=CONFIG):
        self.dut, self.beat = SparseGradient(config), config.beat_bytes
        self.seed, self.pattern = seed, pattern
        self.memory: dict[int, int] = {}
        none = self.pause
        rules = ReadRules(config.data_width, BURST, OUTSTANDING)
        self.reads = ReadMemory(self.dut.read, rules, self.bytes_at, latency, none(0), none(1))
        rules = WriteRules(config.data_width, BURST, OUTSTANDING)
        self.writes = WriteMemory(self.dut.write, rules, latency, none(2), none(3), none(4))
        self.writes.contents = self.memory
        self.counts: list[dict[str, int]] = []

    def pause(self, index: int):
        return stalls(self.pattern, random.Random(f"{self.seed} {index}"))

    def bytes_at(self, address: int) -> bytes:
        return bytes(self.memory.get(address + i, 0xA5) for i in range(self.beat))

    def bytes_of(self, name: str, count: int) -> bytes:
        base = ADDRESSES[f"{name}_address"]
        return bytes(self.memory.get(base + i, 0xA5) for i in range(count))

    def load(self, job: MemoryJob) -> None:
        for name, content in job.contents(self.beat).items():
            base = ADDRESSES[f"{name}_address"]
            self.memory.update(enumerate(content, base))

    def count(self, ctx) -> None:
        """Notes the counters of the last job."""
        names = ("cycles", "multiply", "lanes", "saturated")
        self.counts.append({name: ctx.get(getattr(self.dut, f"count_{name}")) for name in names})

    def go(self, jobs: Sequence[MemoryJob], after=lambda number: None) -> None:
        """All jobs; after(number) is called when one has ended."""
        dut = self.dut

        async def testbench(ctx):
            for number, job in enumerate(jobs):
                self.load(job)
                ctx.set(dut.asked, job.numbers())
                ctx.set(dut.seed, job.seed)
                ctx.set(dut.stochastic, job.stochastic)
                ctx.set(dut.start, 1)
                answered = False
                while not answered:
                    *_, started, refused = await ctx.tick().sample(dut.started, dut.refused)
                    answered = started or refused
                ctx.set(dut.start, 0)
                assert started, f"refused: {ctx.get(dut.refusal)}"
                await ctx.tick()
                done = False
                while not done:
                    *_, done = await ctx.tick().sample(dut.done)
                self.count(ctx)
                after(number)

        simulator = Simulator(dut)
        simulator.add_clock(1e-6)
        simulator.add_testbench(self.reads.run, background=True)
        simulator.add_testbench(self.writes.run, background=True)
        simulator.add_testbench(testbench)
        simulator.run()


def check(run: Run, job: MemoryJob, expected: JobResult) -> None:
    """The last job's results in memory."""
    where = f"seed {run.seed}"
    if job.update:
        assert expected.weights is not None
        size = len(job.contents(BEAT)["weights"])
        got = job.weights(run.bytes_of("weights", size), BEAT)
        np.testing.assert_array_equal(got, expected.weights, where)
        assert run.counts[-1]["saturated"] == expected.saturated
    else:
        got = job.gradient(run.bytes_of("result", 1 << 16), BEAT)
        np.testing.assert_array_equal(got, expected.weight_gradient, where)
    positions = job.sizes.out_height * job.sizes.out_width
    work = job.sizes.multiply_accumulates(1, len(job.channels))
    assert run.counts[-1]["lanes"] == work, "every product once, and no other"
    assert run.counts[-1]["multiply"] % positions == 0
    if job.bias:
        count = len(expected.bias_gradient)
        got = np.frombuffer(run.bytes_of("bias", 4 * count), "<i4")
        np.testing.assert_array_equal(got, expected.bias_gradient, where)


def jobs_of(x, error, channels, sizes, update=None) -> list[MemoryJob]:
    """An image a job; the second and later add to the first, the last one updates."""
    last = len(x) - 1
    return [
        MemoryJob(
            x=x[n],
            error=error[n],
            channels=channels,
            sizes=sizes,
            update=update if n == last else None,
            accumulate=n > 0,
        )
        for n in range(len(x))
    ]


@pytest.mark.parametrize("pattern", ["none", pytest.param("random", marks=pytest.mark.slow)])
@pytest.mark.parametrize("number", NUMBERS)
def test_gradients(number, pattern, seed):
    images, channels, sizes = CASES[number]
    x, error = draw(np.random.default_rng([seed, number]), images, sizes)
    run = Run(seed, pattern)
    jobs = jobs_of(x, error, channels, sizes)
    run.go(jobs)
    check(run, jobs[-1], run_job(x, error, channels, sizes))


@pytest.mark.parametrize(
    "number, rounding",
    [
        pytest.param(number, ("nearest", "stochastic")[number // 2 % 2], marks=marks(number))
        for number in range(1, len(CASES), 2)
    ],
)
def test_updates(number, rounding, seed):
    images, channels, sizes = CASES[number]
    rng = np.random.default_rng([seed, number])
    x, error = draw(rng, images, sizes)
    update = draw_update(rng, sizes, rounding, images)
    run = Run(seed, "random")
    jobs = jobs_of(x, error, channels, sizes, update)
    run.go(jobs)
    check(run, jobs[-1], run_job(x, error, channels, sizes, update))


def test_jobs_of_all_kinds_one_after_the_other(seed):
    """What one job leaves behind must not reach the next."""
    run = Run(seed)
    rng = np.random.default_rng(seed)
    kinds = [
        (4, True, True),
        (1, True, False),
        (3, False, True),
        (28, True, False),
        (4, False, False),
    ]
    jobs, expected = [], []
    for number, updates, bias in kinds:
        _, channels, sizes = CASES[number]
        x, error = draw(rng, 1, sizes)
        update = draw_update(rng, sizes, "stochastic") if updates else None
        (job,) = jobs_of(x, error, channels, sizes, update)
        jobs.append(dataclasses.replace(job, bias=bias))
        expected.append(run_job(x, error, channels, sizes, update))
    run.go(jobs, lambda number: check(run, jobs[number], expected[number]))
    assert len(run.counts) == len(jobs)


@pytest.mark.parametrize("value", [-128, 127])
def test_largest_sums(value, seed):
    sizes = convolution(9, 3, (16, 16))
    x = np.full((1, 3, 16, 16), -128, np.int8)
    error = np.full((1, 9, 16, 16), value, np.int8)
    run = Run(seed)
    jobs = jobs_of(x, error, (0, 1, 2), sizes)
    run.go(jobs)
    check(run, jobs[-1], run_job(x, error, (0, 1, 2), sizes))


@pytest.mark.parametrize("listed", [(3, 3), (4, 2), (0, 9)])
def test_an_illegal_list_ends_the_job(listed, seed):
    """Nothing is written, and the next job is right."""
    sizes = convolution(9, 9, (4, 4))
    x, error = draw(np.random.default_rng(seed), 1, sizes)
    run = Run(seed)
    dut = run.dut
    wrong = MemoryJob(x=x[0], error=error[0], channels=listed, sizes=sizes)
    right = MemoryJob(x=x[0], error=error[0], channels=(1, 8), sizes=sizes)
    ends = []

    async def testbench(ctx):
        for job in (wrong, right):
            run.load(job)
            before = dict(run.memory)
            ctx.set(dut.asked, job.numbers())
            ctx.set(dut.start, 1)
            started = False
            while not started:
                *_, started = await ctx.tick().sample(dut.started)
            ctx.set(dut.start, 0)
            ended = False
            while not ended:
                *_, unlisted, done = await ctx.tick().sample(dut.unlisted, dut.done)
                ended = unlisted or done
            ends.append((unlisted, done))
            assert done or run.memory == before
            await ctx.tick().repeat(20)
            assert not ctx.get(dut.busy)
        run.count(ctx)

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(run.reads.run, background=True)
    simulator.add_testbench(run.writes.run, background=True)
    simulator.add_testbench(testbench)
    simulator.run()
    assert ends == [(1, 0), (0, 1)]
    check(run, right, run_job(x, error, (1, 8), sizes))
