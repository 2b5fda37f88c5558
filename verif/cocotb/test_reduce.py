# SPDX-License-Identifier: Apache-2.0
"""Reduce as Verilog against the golden model."""

import cocotb
import pytest

from golden.desne.reduce import make_table
from hw.config import PRESETS, Configuration
from hw.desne.reduce import Reduce
from rtl_gen.verilog import generate
from verif.cocotb.bench import Bench
from verif.cocotb.runner import simulate
from verif.cocotb.streams import PATTERNS
from verif.vectors import reduce as vectors

MODULE = "verif.cocotb.test_reduce"
EIGHT = Configuration(
    name="eight", samples=64, features=64, rows=1, lanes=8, neighbours=2, dimensions=1024
)
SETTINGS = ("samples", "sample_beats", "beats", "shift", "offset")
pytestmark = pytest.mark.verilator


class Traffic:
    """The two streams of the block, and jobs on it."""

    def __init__(self, bench: Bench, idle: str = "none", backpressure: str = "none") -> None:
        self.bench = bench
        self.bytes = bench.source("bytes", idle)
        self.watch = bench.monitor("bytes")
        self.features = bench.sink("features", backpressure)

    async def job(self, name: str, job: vectors.Job) -> None:
        bench, dut = self.bench, self.bench.dut
        before = len(self.features.beats)
        dut.entry_written.value = 1
        for position, (bucket, sign) in enumerate(zip(job.bucket.flat, job.sign.flat, strict=True)):
            dut.entry_position.value = position
            dut.entry.value = int(bucket) | int(sign) << len(dut.entry) - 1
            await bench.clock.edges(1)
        dut.entry_written.value = 0
        for setting in SETTINGS:
            dut[setting].value = getattr(job, setting)
        dut.start.value = 1
        await bench.clock.edges(1)
        dut.start.value = 0
        for setting in SETTINGS:
            dut[setting].value = 1  # they were latched
        self.bytes.send(bench.pack("bytes", job.bytes))
        count = len(job.features)
        limit = 1000 + 20 * (len(job.bytes) + count)
        received = (await self.features.receive(before + count, limit))[before:]
        bench.compare(name, received, bench.pack("features", job.features))
        await bench.clock.edges(3)
        assert dut.busy.value == 0, f"busy after {name}"
        assert len(self.features.beats) == before + count, f"a beat too many after {name}"


@cocotb.test()
@cocotb.parametrize(idle=PATTERNS[:2], backpressure=PATTERNS)
async def named_cases(dut, idle, backpressure):
    """Every named table, one job after the other."""
    bench = Bench(dut)
    await bench.start()
    traffic = Traffic(bench, idle, backpressure)
    for name, job in vectors.cases(PRESETS["tiny"], bench.seed).items():
        await traffic.job(name, job)
    bench.finish(f"{idle}/{backpressure}")


@cocotb.test()
async def images(dut):
    """28 x 28 pixels become 7 x 7 without a bubble between the beats of the samples."""
    bench = Bench(dut)
    await bench.start()
    traffic = Traffic(bench)
    samples = bench.rng.integers(0, 256, (64, 784), dtype="uint8")
    await traffic.job("images", vectors.job(EIGHT, make_table((28, 28), 64), samples))
    cycles = traffic.watch.cycles
    assert cycles[-1] - cycles[0] == len(cycles) - 1 == 64 * 98 - 1
    bench.finish()


def block(config):
    return generate(Reduce(config), "reduce")


def test_named_cases(seed):
    simulate(block(PRESETS["tiny"]), MODULE, "named_cases", seed=seed)


@pytest.mark.slow
def test_images(seed):
    simulate(block(EIGHT), MODULE, "images", seed=seed)
