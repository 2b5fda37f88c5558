# SPDX-License-Identifier: Apache-2.0
"""The calibration as Verilog against the golden model."""

import cocotb
import pytest
from cocotb.triggers import FallingEdge, RisingEdge

from golden import cycles
from hw.config import PRESETS
from hw.desne.beta_search import default_lanes
from hw.desne.calibrate import Calibrate
from rtl_gen.verilog import generate
from verif.cocotb.bench import Bench
from verif.cocotb.runner import simulate
from verif.cocotb.streams import PATTERNS
from verif.vectors import calibrate as vectors

MODULE = "verif.cocotb.test_calibrate"
CLEARED = 300
"""Cycles after reset until no start is held up by the clearing of histograms; other tests start at
once."""
pytestmark = pytest.mark.verilator


class Traffic:
    """The three streams of a calibration, and jobs on it."""

    def __init__(self, bench: Bench, idle: str = "none", backpressure: str = "none") -> None:
        self.bench = bench
        self.distances = bench.source("distances", idle)
        self.outputs = {name: bench.sink(name, backpressure) for name in ("edges", "rows")}
        self.watch = [bench.monitor(name) for name in ("edges", "rows")]

    async def job(self, name: str, job: vectors.Job) -> int:
        """One tile from start to not busy; the cycles it was busy."""
        bench, dut = self.bench, self.bench.dut
        before = {stream: len(sink.beats) for stream, sink in self.outputs.items()}
        dut.samples.value = job.samples
        dut.neighbours.value = job.neighbours
        dut.target.value = job.target
        dut.start.value = 1
        await bench.clock.edges(1)
        start = bench.clock.cycle - 1  # the cycle of start counts
        dut.start.value = 0
        dut.samples.value = dut.neighbours.value = dut.target.value = 2  # they were latched
        self.distances.send(bench.pack("distances", job.distances))
        limit = 3000 + job.blocks * (2000 + 20 * job.samples + 200 * job.neighbours)
        await bench.clock.edges(1)
        await bench.clock.within(FallingEdge(dut.busy), limit, lambda: f"{name} is busy for ever")
        busy = bench.clock.cycle - start
        for stream, sink in self.outputs.items():
            expected = bench.pack(stream, getattr(job, stream))
            bench.compare(f"{name}, {stream}", sink.beats[before[stream] :], expected)
        await RisingEdge(bench.clock.handle)
        return busy


@cocotb.test()
@cocotb.parametrize(idle=PATTERNS[:2], backpressure=PATTERNS)
async def named_cases(dut, idle, backpressure):
    """Every named tile, one job after the other: n and k change from job to job."""
    bench = Bench(dut)
    await bench.start()
    traffic = Traffic(bench, idle, backpressure)
    if idle == backpressure == "none":
        await bench.clock.edges(CLEARED)
    config = PRESETS["tiny"]
    for name, case in vectors.cases(config, bench.seed).items():
        job = vectors.job(config, case, bench.seed)
        busy = await traffic.job(name, job)
        if idle == backpressure == "none":
            expected = expected_cycles(config, job)
            assert busy == expected, f"{name}: {busy} cycles instead of {expected}"
    bench.finish(f"{idle}/{backpressure}")


def expected_cycles(config, job: vectors.Job) -> int:
    return cycles.calibrate_cycles(
        job.samples,
        job.neighbours,
        config.rows,
        lanes=default_lanes(config.rows),
        distance_width=config.distance_width,
        most_neighbours=config.neighbours,
    )


@cocotb.test()
async def real_samples(dut):
    """Tiles of digits and, where it is at hand, of Fashion-MNIST, at several perplexities."""
    bench = Bench(dut)
    await bench.start()
    await bench.clock.edges(CLEARED)
    config = PRESETS[bench.parameters["preset"]]
    traffic = Traffic(bench)
    for name, case in vectors.tiles(config, **bench.parameters["tiles"]).items():
        job = vectors.job(config, case, bench.seed)
        busy = await traffic.job(name, job)
        assert busy == expected_cycles(config, job)
    bench.finish()


@cocotb.test()
async def reset_anywhere(dut):
    """Reset in the middle of a job, a step further each time; a job after it is right."""
    bench = Bench(dut)
    await bench.start()
    config = PRESETS["tiny"]
    job = vectors.job(config, vectors.cases(config, bench.seed)["n = 3"], bench.seed)
    interrupted = vectors.job(config, vectors.cases(config, bench.seed)["random"], bench.seed)
    beats = bench.pack("distances", interrupted.distances)
    edge = RisingEdge(bench.clock.handle)
    for cycle in range(1, expected_cycles(config, interrupted), bench.parameters["step"]):
        dut.samples.value = interrupted.samples
        dut.neighbours.value = interrupted.neighbours
        dut.target.value = interrupted.target
        dut.start.value, dut.distances__valid.value = 1, 1
        dut.edges__ready.value = dut.rows__ready.value = cycle % 2
        sent = 0
        dut.distances__payload.value = beats[0]
        for _ in range(cycle):
            await edge
            dut.start.value = 0
            if dut.distances__ready.value == 1 and sent < len(beats) - 1:
                sent += 1
                dut.distances__payload.value = beats[sent]
        dut.distances__valid.value = 0
        dut.rst.value = 1
        await edge
        dut.rst.value = 0
        await play(bench, f"after reset in cycle {cycle}", job)
    bench.finish()


async def play(bench: Bench, name: str, job: vectors.Job) -> None:
    """A job by hand, without pauses."""
    dut, edge = bench.dut, RisingEdge(bench.clock.handle)
    dut.samples.value = job.samples
    dut.neighbours.value = job.neighbours
    dut.target.value = job.target
    dut.start.value = 1
    dut.edges__ready.value = dut.rows__ready.value = 1
    await edge
    dut.start.value = 0
    beats, sent = bench.pack("distances", job.distances), 0
    received = {"edges": [], "rows": []}
    dut.distances__payload.value, dut.distances__valid.value = beats[0], 1
    for _ in range(CLEARED + expected_cycles(PRESETS["tiny"], job)):
        await edge
        if sent < len(beats) and dut.distances__ready.value == 1:
            sent += 1
            dut.distances__payload.value = beats[min(sent, len(beats) - 1)]
            dut.distances__valid.value = sent < len(beats)
        for stream, values in received.items():
            if dut[f"{stream}__valid"].value == 1:
                values.append(int(dut[f"{stream}__payload"].value))
    for stream, values in received.items():
        bench.compare(f"{name}, {stream}", values, bench.pack(stream, getattr(job, stream)))
    assert dut.busy.value == 0, f"busy {name}"


@pytest.fixture(scope="module")
def tiny():
    return generate(Calibrate(PRESETS["tiny"]), "calibrate")


def test_named_cases(tiny, seed):
    simulate(tiny, MODULE, "named_cases", seed=seed)


@pytest.mark.slow
def test_real_samples_on_tiny(tiny, seed):
    tiles = {"samples": 32, "most": 4}
    simulate(tiny, MODULE, "real_samples", seed=seed, parameters={"preset": "tiny", "tiles": tiles})


def test_reset_anywhere(tiny, seed):
    simulate(tiny, MODULE, "reset_anywhere", seed=seed, parameters={"step": 397})


@pytest.mark.slow
def test_reset_in_every_few_cycles(tiny, seed):
    simulate(tiny, MODULE, "reset_anywhere", seed=seed, parameters={"step": 7})


@pytest.mark.slow
@pytest.mark.parametrize("samples", [1024, 400])
def test_ten_thousand_rows(samples, seed):
    """Rows of digits and Fashion-MNIST on the preset edge, some in tiles as large as they get."""
    if vectors.fashion_mnist(1) is None:
        pytest.skip("no fashion-mnist/t10k-images-idx3-ubyte.gz in NMS_DATA or shared/data")
    block = generate(Calibrate(PRESETS["edge"]), "calibrate")
    tiles = {"samples": samples, "most": {1024: 4, 400: 16}[samples]}
    simulate(
        block, MODULE, "real_samples", seed=seed, parameters={"preset": "edge", "tiles": tiles}
    )
