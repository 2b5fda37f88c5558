# SPDX-License-Identifier: Apache-2.0
"""hw.sgmac.rows against the golden model, in the Amaranth simulator."""

import random

import numpy as np
import pytest
from amaranth.sim import Simulator

from golden.sgmac.layout import pack_scale
from hw.config import Configuration
from hw.sgmac.rows import Rows
from hw.sgmac.update import Update
from verif.cocotb.streams import PATTERNS, stalls
from verif.unit.streams import receive, send
from verif.vectors import sgmac_update as vectors


def configuration(outputs=8, data_width=64):
    return Configuration(
        name="a",
        samples=8,
        features=4,
        rows=1,
        lanes=1,
        neighbours=2,
        dimensions=4,
        outputs=outputs,
        plane=64,
        kernel=5,
        channels=9,
        data_width=data_width,
    )


class Job:
    """A job as Rows sees it.

    sizes: (C_out, K, k), depthwise (K, K, k). All arrays of values are [output, row], as in the
    golden update; depthwise an output is a channel and a row a tap.
    """

    def __init__(self, config, seed, sizes, *, depthwise=False, accumulate=False, update=None):
        self.config, self.seed = config, seed
        self.outputs, self.selected, kernel = sizes
        self.taps = kernel * kernel
        self.depthwise, self.accumulate, self.update = depthwise, accumulate, update
        rows = self.taps if depthwise else self.selected * self.taps
        drawn = vectors.draw(seed, self.selected if depthwise else self.outputs, rows, "nearest")
        rng = np.random.default_rng(seed)
        limit = 1 << config.sum_width - 1
        ends = [-limit, limit - 1]
        self.sums = rng.integers(-limit, limit, drawn.gradient.shape)
        self.sums.flat[: min(2, self.sums.size)] = ends[: self.sums.size]
        if update:
            self.sums = np.clip(drawn.gradient, *ends).astype(np.int64)
        self.partials = np.zeros_like(self.sums)
        if accumulate:
            low, high = vectors.INT32
            self.partials = rng.integers(low + limit, high - limit, self.sums.shape)
            if update:
                self.partials = np.clip(drawn.gradient, low + limit, high - limit).astype(np.int64)
        self.job = vectors.Job(
            weights=drawn.weights,
            gradient=(self.sums + self.partials).astype(np.int32),
            multiplier=drawn.multiplier,
            shift=drawn.shift,
            register=drawn.register,
            rounding=update or "nearest",
        )

    def parts(self, values):
        """The rows in the array's order, each with the values of its lanes."""
        lanes = self.config.outputs
        if self.depthwise:
            for channel in values:
                yield from (channel[i : i + lanes] for i in range(0, self.taps, lanes))
        else:
            for i in range(0, self.outputs, lanes):
                yield from values[i : i + lanes].T

    def beats(self, values, dtype):
        """The parts in memory, each padded to the beat, as beats."""
        return [
            beat
            for part in self.parts(values)
            for beat in to_beats(part.astype(dtype), self.config.beat_bytes)
        ]

    def scales(self):
        """The beats of scales: a block's outputs, or a channel's alone."""
        size = self.config.beat_bytes
        words = pack_scale(self.job.multiplier, self.job.shift, size, depthwise=self.depthwise)
        pieces = words
        if not self.depthwise:
            lanes = self.config.outputs
            pieces = [words[i : i + lanes] for i in range(0, self.outputs, lanes)]
        return [beat for piece in pieces for beat in to_beats(piece, size)]

    def rows(self):
        """Payloads of the array; lanes without a value hold noise."""
        rng = random.Random(self.seed)
        noise = [rng.randrange(100) for _ in range(self.config.outputs)]
        parts = [part.tolist() for part in self.parts(self.sums)]
        return [
            {"sums": part + noise[len(part) :], "last": int(number == len(parts) - 1)}
            for number, part in enumerate(parts)
        ]

    def expected(self):
        if self.update:
            return self.beats(self.job.updated.weights, np.int8)
        return self.beats(self.job.gradient, np.int32)


def to_beats(values, size):
    content = values.astype(values.dtype.newbyteorder("<")).tobytes()
    return [
        int.from_bytes(content[i : i + size].ljust(size, b"\0"), "little")
        for i in range(0, len(content), size)
    ]


def run(config, jobs, idle, backpressure, seed):
    """The beats of each job, the cycles from its first row to its last beat, its count."""
    dut = Rows(config)
    rng = random.Random(seed)
    results = []

    async def testbench(ctx):
        for job in jobs:
            numbers = {
                name: getattr(job, name)
                for name in ("outputs", "taps", "selected", "depthwise", "accumulate")
            }
            numbers["update"] = bool(job.update)
            numbers["stochastic"] = job.update == "stochastic"
            numbers["register"] = job.job.register
            for name, value in numbers.items():
                ctx.set(getattr(dut, name), value)
            assert ctx.get(dut.idle)
            ctx.set(dut.start, 1)
            await ctx.tick()
            ctx.set(dut.start, 0)
            now.append(job)
            cycles = []
            pattern = stalls(backpressure, rng)
            expected = job.expected()
            beats = await receive(ctx, dut.beats, len(expected), pattern, cycles)
            results.append((beats, cycles[-1], ctx.get(dut.saturated)))
            assert ctx.get(dut.idle) and not ctx.get(dut.beats.valid)

    now = []

    def source(name, payloads):
        async def feed(ctx):
            for number, _ in enumerate(jobs):
                while len(now) <= number:
                    await ctx.tick()
                pattern = stalls(idle, rng)
                await send(ctx, getattr(dut, name), payloads(jobs[number]), pattern)

        return feed

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(testbench)
    for name, payloads in {
        "rows": Job.rows,
        "partials": lambda job: job.beats(job.partials, np.int32) if job.accumulate else [],
        "weights": lambda job: job.beats(job.job.weights, np.int8) if job.update else [],
        "scales": lambda job: job.scales() if job.update else [],
    }.items():
        simulator.add_testbench(source(name, payloads), background=True)
    simulator.run()
    return results


KINDS = [
    {},
    {"accumulate": True},
    {"update": "nearest"},
    {"update": "stochastic", "accumulate": True},
]
SIZES = [
    # C_out, K, k
    ((8, 1, 1), False),
    ((19, 3, 2), False),
    ((1, 2, 1), False),
    ((3, 3, 5), True),
    ((4, 4, 3), True),
    ((2, 2, 1), True),
]


@pytest.mark.parametrize("idle, backpressure", [("none", "none"), ("random", "random")])
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: " ".join(map(str, kind.values())))
def test_jobs(kind, idle, backpressure, seed):
    """One job after the other; without stalls to the cycle."""
    config = configuration()
    jobs = [
        Job(config, seed + i, size, depthwise=depthwise, **kind)
        for i, (size, depthwise) in enumerate(SIZES)
    ]
    results = run(config, jobs, idle, backpressure, seed)
    for job, (beats, cycles, saturated) in zip(jobs, results, strict=True):
        assert beats == job.expected(), f"seed {seed}"
        assert saturated == (job.job.updated.saturated if job.update else 0)
        if idle == "none":
            latency = Rows.latency_updated if job.update else Rows.latency
            # a queue's latency before the first value that needs it
            entry = 2 if job.update or job.accumulate else 0
            assert cycles == job.sums.size + latency + entry, (job.outputs, job.depthwise)


@pytest.mark.parametrize("backpressure", PATTERNS[1:])
def test_wide_beats(backpressure, seed):
    """Two groups of lanes and a beat that holds a row of weights."""
    config = configuration(outputs=32, data_width=256)
    jobs = [
        Job(config, seed, (33, 2, 1), accumulate=True, update="stochastic"),
        Job(config, seed, (41, 1, 1), accumulate=True),
    ]
    results = run(config, jobs, "none", backpressure, seed)
    for job, (beats, _, _) in zip(jobs, results, strict=True):
        assert beats == job.expected(), f"seed {seed}"


def test_latency():
    assert Rows.latency == 6 and Rows.latency_updated == 6 + Update.latency == 13


def test_too_few_outputs():
    with pytest.raises(ValueError, match="outputs is 4: it must be at least 8, the bytes of a"):
        Rows(configuration(outputs=4))
