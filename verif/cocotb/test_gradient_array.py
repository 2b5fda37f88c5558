# SPDX-License-Identifier: Apache-2.0
"""The array of the sparse-gradient unit as Verilog against the golden model."""

import cocotb
import numpy as np
import pytest
from cocotb.triggers import RisingEdge

from hw.config import PRESETS
from rtl_gen import packing
from rtl_gen.blocks import generate_block
from verif.cocotb.bench import Bench, beats_to_ints
from verif.cocotb.runner import simulate
from verif.cocotb.streams import PATTERNS
from verif.vectors import gradient_array as vectors
from verif.vectors.sgmac import convolution

MODULE = "verif.cocotb.test_gradient_array"
pytestmark = pytest.mark.verilator


class Beats:
    """A job at the ports: its settings and words, and the rows that must come."""

    def __init__(self, bench: Bench, config, job: vectors.Job) -> None:
        settings = {key: [value] for key, value in job.settings(config).items()}
        self.settings = beats_to_ints(packing.pack(bench.entry["ports"]["job"], settings))[0]
        words = job.words(config)
        fields = {key: np.array([word[key] for word in words], object) for key in words[0]}
        self.words = [
            int(data) | int(target) << config.data_width
            for data, target in zip(fields["data"], fields["target"], strict=True)
        ]
        self.rows = job.rows(config)

    def compare(self, bench: Bench, name: str, payloads: list[int]) -> None:
        """Only the sums that exist: those of other lanes may be anything."""
        rows = bench.unpack("rows", payloads)
        for number, row in enumerate(self.rows[: len(payloads)]):
            actual = rows["sums"][number][: len(row)].tolist()
            bench.compare(f"{name}, row {number}", actual, row)
        last = [int(number == len(self.rows) - 1) for number in range(len(self.rows))]
        bench.compare(f"{name}, last", rows["last"].tolist(), last)


class Traffic:
    """The streams of the block, and jobs on it."""

    def __init__(self, bench: Bench, idle: str = "none", backpressure: str = "none") -> None:
        self.bench = bench
        self.unstalled = idle == backpressure == "none"
        self.source = bench.source("words", idle)
        self.sink = bench.sink("rows", backpressure)
        self.watch = bench.monitor("rows")

    async def job(self, name: str, config, job: vectors.Job) -> None:
        """One image from start to not busy; without stalls golden's cycles."""
        bench, dut = self.bench, self.bench.dut
        beats, cycles = Beats(bench, config, job), job.cycles(config)
        before = len(self.sink.beats)
        self.source.send(beats.words)
        dut.job.value = beats.settings
        dut.start.value = 1
        await bench.clock.edges(1)
        began = bench.clock.cycle
        await bench.clock.edges(1)  # start while busy changes nothing
        dut.start.value = 0
        limit = 10 * cycles + 100 * (len(beats.words) + len(beats.rows))
        received = await self.sink.receive(before + len(beats.rows), limit)
        beats.compare(bench, name, received[before:])
        if self.unstalled:
            last = self.watch.cycles[-1] - began
            bench.compare(f"{name}, cycle of the last row", [last], [cycles - 1])
        await bench.clock.edges(3)
        assert dut.busy.value == 0, f"busy after {name}"
        await self.source.drained(1)
        assert len(self.sink.beats) == before + len(beats.rows), f"a row too many after {name}"


@cocotb.test()
@cocotb.parametrize(idle=PATTERNS, backpressure=PATTERNS)
async def jobs(dut, idle, backpressure):
    """The ragged list, then random jobs: bench.parameters is (preset, number of those)."""
    bench = Bench(dut)
    await bench.start()
    preset, count = bench.parameters
    config = PRESETS[preset]
    traffic = Traffic(bench, idle, backpressure)
    listed = vectors.cases(config, bench.seed)
    listed += [vectors.random_job(config, 1000 * bench.seed + number) for number in range(count)]
    for number, job in enumerate(listed):
        await traffic.job(f"job {number}, {job.sizes}", config, job)
    bench.finish(f"{idle}/{backpressure}")


@cocotb.test()
async def largest(dut):
    """Planes of the largest size, all bytes at a limit, pointwise and depthwise."""
    bench = Bench(dut)
    await bench.start()
    config = PRESETS[bench.parameters]
    traffic = Traffic(bench)
    side = 1 << (config.plane.bit_length() - 1) // 2
    for depthwise in (False, True):
        sizes = convolution(2, 2, (config.plane // side, side), depthwise=depthwise)
        for x, error in ((-128, -128), (-128, 127), (127, 127), (0, -128)):
            name = f"{x} * {error}, depthwise {depthwise}"
            await traffic.job(name, config, vectors.extreme(sizes, x, error))
    bench.finish()


@cocotb.test()
async def reset_anywhere(dut):
    """Reset in cycles all over a job; the job after it, of another kind, is right."""
    bench = Bench(dut)
    await bench.start(rows__ready=1)
    config = PRESETS["tiny"]
    shapes = (
        convolution(9, 3, (4, 5), kernel=2),
        convolution(5, 5, (3, 4), kernel=3, padding=1, depthwise=True),
    )
    listed = [vectors.job(config, sizes, [0, 2], bench.seed) for sizes in shapes]
    played = [Beats(bench, config, job) for job in listed]
    edge = RisingEdge(bench.clock.handle)

    async def play(beats: Beats, cycles: int) -> list[int]:
        """The job by hand, for at most so many cycles; the rows that came out."""
        dut.job.value = beats.settings
        dut.start.value = 1
        await edge
        dut.start.value = 0
        sent, received = 0, []
        for _ in range(cycles):
            dut.words__payload.value = beats.words[min(sent, len(beats.words) - 1)]
            dut.words__valid.value = sent < len(beats.words)
            await edge
            sent += sent < len(beats.words) and int(dut.words__ready.value)
            if dut.rows__valid.value == 1:
                received.append(int(dut.rows__payload.value))
            if len(received) == len(beats.rows):
                break
        return received

    for cycles in range(1, listed[0].cycles(config), 7):
        await play(played[cycles % 2], cycles)
        dut.rst.value = 1
        dut.words__valid.value = 0
        await edge
        dut.rst.value = 0
        again = played[cycles // 7 % 2]
        received = await play(again, 3000)
        again.compare(bench, f"after reset in cycle {cycles}", received)
        await bench.clock.edges(5)
        assert dut.busy.value == 0
    bench.finish()


@pytest.fixture(scope="module")
def tiny():
    return generate_block(PRESETS["tiny"], "gradient_array")


def test_jobs(tiny, seed):
    simulate(tiny, MODULE, "jobs", seed=seed, parameters=("tiny", 10))


def test_largest(tiny, seed):
    simulate(tiny, MODULE, "largest", seed=seed, parameters="tiny")


def test_reset_anywhere(tiny, seed):
    simulate(tiny, MODULE, "reset_anywhere", seed=seed)


@pytest.mark.slow
def test_more_jobs(tiny, seed):
    simulate(tiny, MODULE, "jobs", seed=seed, parameters=("tiny", 150))


@pytest.mark.slow
@pytest.mark.parametrize("preset", ["train"])
def test_edge(preset, seed):
    block = generate_block(PRESETS[preset], "gradient_array")
    simulate(block, MODULE, "jobs", seed=seed, parameters=(preset, 40))
    simulate(block, MODULE, "largest", seed=seed, parameters=preset)
