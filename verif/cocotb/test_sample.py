# SPDX-License-Identifier: Apache-2.0
"""The sampling unit as Verilog against the golden model."""

import cocotb
import pytest
from cocotb.triggers import FallingEdge, RisingEdge

from hw.config import PRESETS
from hw.desne.sample import Sample
from rtl_gen.verilog import generate
from verif.cocotb.bench import Bench
from verif.cocotb.runner import simulate
from verif.cocotb.streams import PATTERNS
from verif.vectors import sample as vectors

MODULE = "verif.cocotb.test_sample"
pytestmark = pytest.mark.verilator


class Unit:
    """The streams and the feature memory of a unit, and jobs on it."""

    def __init__(self, bench: Bench, idle: str = "none", backpressure: str = "none") -> None:
        self.bench = bench
        self.config = PRESETS[bench.parameters["preset"]]
        self.neighbour = bench.source("neighbour", idle)
        self.coordinates = bench.source("coordinates", idle)
        self.chosen = bench.sink("chosen", backpressure)
        self.watch = bench.monitor("chosen")
        self.store: list[int] = []
        cocotb.start_soon(self._features())

    async def _features(self) -> None:
        """A synchronous memory: data in the cycle after the address."""
        dut, edge = self.bench.dut, RisingEdge(self.bench.clock.handle)
        await edge
        while True:
            if dut.feature_enable.value == 1:
                dut.feature_data.value = self.store[int(dut.feature_address.value)]
                await edge
            else:
                await RisingEdge(dut.feature_enable)
                await edge

    async def idle(self) -> None:
        """Wait until the unit takes a job."""
        dut = self.bench.dut
        if dut.busy.value == 1:
            await self.bench.clock.within(
                FallingEdge(dut.busy), 4 * self.config.samples + 64, lambda: "busy stays high"
            )
            await self.bench.clock.edges(1)

    async def begin(self, job: vectors.Job) -> None:
        """A pulse of start; the settings change behind it."""
        bench, dut = self.bench, self.bench.dut
        beats = job.store(self.config, padding=job.phase & 255)
        self.store = [int.from_bytes(row.tobytes(), "little") for row in beats]
        settings = job.settings(self.config)
        for name, value in settings.items():
            dut[name].value = value
        dut.start.value = 1
        await bench.clock.edges(1)
        for name in settings:
            dut[name].value = 1
        await bench.clock.edges(1)  # a start while busy changes nothing
        dut.start.value = 0

    async def broken(self, job: vectors.Job, cycles: int) -> None:
        """A job that a reset ends after so many cycles; all inputs are driven by hand."""
        bench, dut = self.bench, self.bench.dut
        await self.idle()
        await self.begin(job)
        edge = RisingEdge(bench.clock.handle)
        for index in job.tile.neighbours[:, 0].tolist()[:cycles]:
            dut.neighbour__payload.value, dut.neighbour__valid.value = index, 1
            await edge
        dut.neighbour__valid.value = 0
        x, y = job.tile.coordinates.T
        points = bench.pack("coordinates", {"x": x, "y": y})
        sent = 0
        for _ in range(max(cycles - job.tile.samples, 0)):
            dut.coordinates__payload.value = points[min(sent, len(points) - 1)]
            dut.coordinates__valid.value = sent < len(points)
            await edge
            sent += sent < len(points) and int(dut.coordinates__ready.value)
        dut.coordinates__valid.value = 0
        dut[bench.entry["reset"]].value = 1
        await edge
        dut[bench.entry["reset"]].value = 0
        await bench.clock.edges(1)
        assert dut.busy.value == 1 and dut.chosen__valid.value == 0

    async def job(self, job: vectors.Job) -> int:
        """One tile from start to not busy; cycles from the first coordinate to the end of busy."""
        bench, dut = self.bench, self.bench.dut
        await self.idle()
        before = len(self.chosen.beats)
        await self.begin(job)
        edges = job.tile.neighbours.ravel()
        self.neighbour.send(bench.pack("neighbour", edges))
        await self.neighbour.drained(64 + 12 * len(edges))
        x, y = job.tile.coordinates.T
        self.coordinates.send(bench.pack("coordinates", {"x": x, "y": y}))
        if dut.coordinates__valid.value == 0:
            await RisingEdge(dut.coordinates__valid)
        first = bench.clock.cycle
        limit = 2000 + 150 * job.tile.samples
        await bench.clock.within(FallingEdge(dut.busy), limit, lambda: f"busy in {job.label}")
        cycles = bench.clock.cycle - first
        await bench.clock.edges(1)
        assert self.coordinates.sent and dut.chosen__valid.value == 0
        received = bench.unpack("chosen", self.chosen.beats[before:])
        bench.compare(job.label, received, job.chosen)
        return cycles


@cocotb.test()
@cocotb.parametrize(idle=PATTERNS[:2], backpressure=PATTERNS)
async def named_jobs(dut, idle, backpressure):
    """Tiles of all kinds, all rules, one job after the other: without stalls all of them, and to
    the predicted cycle, or those of a share; with stalls a few."""
    bench = Bench(dut)
    await bench.start()
    unit = Unit(bench, idle, backpressure)
    jobs = [job for jobs in vectors.jobs(unit.config, bench.seed).values() for job in jobs]
    smooth = idle == backpressure == "none"
    for job in jobs[:: bench.parameters["share"]] if smooth else jobs[::9]:
        cycles = await unit.job(job)
        assert not smooth or cycles == job.cycles(unit.config), job.label
    bench.finish(f"{idle}/{backpressure}")


@cocotb.test()
async def full_tiles(dut):
    """n = max without stalls, to the predicted cycle."""
    bench = Bench(dut)
    await bench.start()
    unit = Unit(bench)
    for job in vectors.full_jobs(unit.config, bench.seed):
        cycles = await unit.job(job)
        dut._log.info("%s: %d cycles", job.label, cycles)
        assert cycles == job.cycles(unit.config), job.label
    bench.finish()


@cocotb.test()
async def any_state(dut):
    """A reset in a random cycle of a job, over and over; the job after it is right."""
    bench = Bench(dut)
    await bench.start()
    unit = Unit(bench)
    jobs = vectors.jobs(unit.config, bench.seed)
    broken, after = jobs["digits"] + jobs["identical"], jobs["many ties"] + jobs["three"]
    for turn in range(bench.parameters["resets"]):
        job = broken[turn % len(broken)]
        await unit.broken(
            job, int(bench.rng.integers(1, job.tile.samples + job.cycles(unit.config)))
        )
        await unit.job(after[turn % len(after)])
    bench.finish()


@pytest.fixture(scope="module")
def tiny():
    return generate(Sample(PRESETS["tiny"]), "sample")


@pytest.fixture(scope="module")
def edge():
    return generate(Sample(PRESETS["edge"]), "sample")


def test_named_jobs(tiny, seed):
    simulate(tiny, MODULE, "named_jobs", seed=seed, parameters={"preset": "tiny", "share": 2})


@pytest.mark.slow
def test_all_named_jobs(tiny, seed):
    simulate(tiny, MODULE, "named_jobs", seed=seed, parameters={"preset": "tiny", "share": 1})


@pytest.mark.slow
def test_full_tiles_tiny(tiny, seed):
    simulate(tiny, MODULE, "full_tiles", seed=seed, parameters={"preset": "tiny"})


def test_reset_in_any_state(tiny, seed):
    parameters = {"preset": "tiny", "resets": 20}
    simulate(tiny, MODULE, "any_state", seed=seed, parameters=parameters)


@pytest.mark.slow
def test_full_tiles_edge(edge, seed):
    simulate(edge, MODULE, "full_tiles", seed=seed, parameters={"preset": "edge"})
