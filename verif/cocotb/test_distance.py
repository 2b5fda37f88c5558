# SPDX-License-Identifier: Apache-2.0
"""The distance array as Verilog against the golden model."""

import cocotb
import numpy as np
import pytest
from cocotb.triggers import RisingEdge

from hw.config import PRESETS
from hw.desne.distance import Distance
from rtl_gen.verilog import generate
from verif.cocotb.bench import Bench
from verif.cocotb.runner import simulate
from verif.cocotb.streams import PATTERNS
from verif.vectors import distance as vectors

MODULE = "verif.cocotb.test_distance"
pytestmark = pytest.mark.verilator


class Traffic:
    """The three streams of an array, and jobs on it."""

    def __init__(self, bench: Bench, idle: str = "none", backpressure: str = "none") -> None:
        self.bench = bench
        self.held = bench.source("held", idle)
        self.passing = bench.source("passing", idle)
        self.distances = bench.sink("distances", backpressure)

    async def job(self, name: str, job: vectors.Job) -> None:
        """One tile from start to not busy."""
        bench, dut = self.bench, self.bench.dut
        before = len(self.distances.beats)
        dut.samples.value = job.samples
        dut.beats.value = job.beats
        dut.start.value = 1
        await bench.clock.edges(1)
        dut.start.value = 0
        dut.samples.value = dut.beats.value = 1  # they were latched
        self.held.send(bench.pack("held", job.held))
        self.passing.send(bench.pack("passing", job.passing))
        count = len(job.last)
        limit = 1000 + 20 * (len(job.passing) + len(job.held) + count)
        received = (await self.distances.receive(before + count, limit))[before:]
        expected = bench.pack("distances", {"distance": job.distance, "last": job.last})
        bench.compare(name, received, expected)
        await bench.clock.edges(3)
        assert dut.busy.value == 0, f"busy after {name}"
        assert len(self.distances.beats) == before + count, f"a beat too many after {name}"


@cocotb.test()
@cocotb.parametrize(idle=PATTERNS[:2], backpressure=PATTERNS)
async def named_cases(dut, idle, backpressure):
    """Every named tile, one job after the other."""
    bench = Bench(dut)
    await bench.start()
    traffic = Traffic(bench, idle, backpressure)
    bench.monitor("distances")
    for name, features in vectors.cases(PRESETS["tiny"], bench.seed).items():
        await traffic.job(name, vectors.job(PRESETS["tiny"], features))
    bench.finish(f"{idle}/{backpressure}")


@cocotb.test()
async def full_tile(dut):
    """n = max without stalls: not a bubble, the stated latency, 99 % of the lanes busy."""
    bench = Bench(dut)
    await bench.start()
    config = PRESETS[bench.parameters["preset"]]
    traffic = Traffic(bench)
    watch = {name: bench.monitor(name) for name in ("held", "passing", "distances")}
    job = vectors.job(config, vectors.full_tile(config, bench.seed))
    await traffic.job("full tile", job)
    passing = np.array(watch["passing"].cycles)
    assert (np.diff(passing) == 1).all(), "a bubble between passing beats"
    delay = np.array(watch["distances"].cycles) - passing[job.beats - 1 :: job.beats]
    assert (delay == bench.parameters["latency"]).all()
    busy = len(passing) / (passing[-1] - watch["held"].cycles[0] + 1)
    assert busy >= 0.99, f"lanes busy {busy:.2%} of the job"
    bench.finish()


@cocotb.test()
async def real_samples(dut):
    """Tiles of the digits and, where they are at hand, of Fashion-MNIST."""
    bench = Bench(dut)
    await bench.start()
    config = PRESETS[bench.parameters["preset"]]
    n = bench.parameters["samples"]
    tiles = {"digits": vectors.digits()[:n], "Fashion-MNIST": vectors.fashion_mnist(n)}
    traffic = Traffic(bench)
    for name, features in tiles.items():
        if features is not None:
            tile = features[:, : config.features]
            await traffic.job(name, vectors.job(config, tile))
    bench.finish()


@cocotb.test()
async def reset_anywhere(dut):
    """Reset after each of 1..120 cycles of a job; a job after it is right."""
    bench = Bench(dut)
    await bench.start(distances__ready=1)
    config = PRESETS["tiny"]
    tile = vectors.job(config, vectors.full_tile(config, bench.seed)[:5])
    expected = bench.pack("distances", {"distance": tile.distance, "last": tile.last})
    held, passing = bench.pack("held", tile.held), bench.pack("passing", tile.passing)
    edge = RisingEdge(bench.clock.handle)

    async def play(cycles: int) -> list[int]:
        """The job by hand, for at most so many cycles; what came out."""
        dut.samples.value, dut.beats.value, dut.start.value = tile.samples, tile.beats, 1
        await edge
        dut.start.value = 0
        counts, received = {"held": 0, "passing": 0}, []
        for _ in range(cycles):
            for name, beats in (("held", held), ("passing", passing)):
                dut[f"{name}__payload"].value = beats[min(counts[name], len(beats) - 1)]
                dut[f"{name}__valid"].value = counts[name] < len(beats)
            await edge
            for name, beats in (("held", held), ("passing", passing)):
                counts[name] += counts[name] < len(beats) and int(dut[f"{name}__ready"].value)
            if dut.distances__valid.value == 1:
                received.append(int(dut.distances__payload.value))
        return received

    for cycles in range(1, 121):
        await play(cycles)
        dut.rst.value = 1
        await edge
        dut.rst.value = 0
        bench.compare(f"after reset in cycle {cycles}", await play(100), expected)
    bench.finish()


def block(preset: str):
    return generate(Distance(PRESETS[preset]), f"{preset}_distance")


def run(case: str, preset: str, seed: int, **parameters: int) -> None:
    simulate(block(preset), MODULE, case, seed=seed, parameters={"preset": preset, **parameters})


def test_named_cases(seed):
    run("named_cases", "tiny", seed)


def test_full_tile_of_tiny(seed):
    run("full_tile", "tiny", seed, latency=11)


@pytest.mark.slow
def test_real_samples_on_tiny(seed):
    run("real_samples", "tiny", seed, samples=32)


def test_reset_anywhere(seed):
    run("reset_anywhere", "tiny", seed)


@pytest.mark.slow
def test_full_tile_of_edge(seed):
    run("full_tile", "edge", seed, latency=14)


@pytest.mark.slow
def test_a_million_distances(seed):
    """2 x 724 x 724 distances of digits and Fashion-MNIST."""
    if vectors.fashion_mnist(1) is None:
        pytest.skip("no fashion-mnist/t10k-images-idx3-ubyte.gz in NMS_DATA or shared/data")
    run("real_samples", "edge", seed, samples=724)
