# SPDX-License-Identifier: Apache-2.0
"""The embedding as Verilog against the golden model."""

import cocotb
import pytest
from cocotb.triggers import RisingEdge

from golden.cycles import embed_cycles
from hw.config import PRESETS
from rtl_gen.blocks import generate_block
from verif.cocotb.bench import Bench
from verif.cocotb.runner import simulate
from verif.cocotb.streams import PATTERNS
from verif.vectors import embed as vectors

MODULE = "verif.cocotb.test_embed"
pytestmark = pytest.mark.verilator


def expected_cycles(config, job: vectors.Job) -> int:
    settings = job.settings(config)
    return embed_cycles(
        job.samples,
        settings["neighbours"],
        settings["iterations"],
        beats=settings["beats"],
        rows=config.rows,
        byte_lanes=config.lanes,
        points=config.points,
        most_samples=config.samples,
    )


class Beats:
    """A job's streams as payloads."""

    def __init__(self, bench: Bench, config, job: vectors.Job) -> None:
        index, weight, last = job.edge_arrays(config)
        coordinates = job.coordinates()
        self.features = bench.pack("features", job.feature_beats(config))
        edges = {"edge": {"index": index, "weight": weight}, "last": last}
        self.edges = bench.pack("edges", edges)
        self.coordinates = bench.pack(
            "coordinates", {"x": coordinates[:, 0], "y": coordinates[:, 1]}
        )
        self.neighbours = job.neighbours.ravel().tolist()


class Traffic:
    """The streams of the block, and jobs on it."""

    def __init__(self, bench: Bench, idle: str = "none", backpressure: str = "none") -> None:
        self.bench = bench
        self.unstalled = idle == backpressure == "none"
        self.sources = {name: bench.source(name, idle) for name in ("features", "edges")}
        self.sink = bench.sink("coordinates", backpressure)
        self.watch = {name: bench.monitor(name) for name in ("coordinates", "neighbour")}

    async def job(self, name: str, config, job: vectors.Job) -> None:
        """One tile from start to not busy."""
        bench, dut = self.bench, self.bench.dut
        beats = Beats(bench, config, job)
        expected = expected_cycles(config, job)
        counts = {name: len(watch.beats) for name, watch in self.watch.items()}
        settings = job.settings(config)
        for setting, value in settings.items():
            dut[setting].value = value
        dut.start.value = 1
        began = bench.clock.cycle
        await bench.clock.edges(1)
        for setting in settings:
            dut[setting].value = 1  # they were latched
        for stream, source in self.sources.items():
            source.send(getattr(beats, stream))
        await bench.clock.edges(3)  # start while busy changes nothing
        dut.start.value = 0
        before = counts["coordinates"]
        limit = 5 * expected + 100 * (len(beats.features) + len(beats.edges) + job.samples)
        received = (await self.sink.receive(before + job.samples, limit))[before:]
        bench.compare(name, received, beats.coordinates)
        if self.unstalled:
            last = self.watch["coordinates"].cycles[-1] - began
            bench.compare(f"{name}, cycle of the last beat", [last], [expected - 1])
        await bench.clock.edges(3)
        assert dut.busy.value == 0, f"busy after {name}"
        for source in self.sources.values():
            await source.drained(1)
        neighbours = self.watch["neighbour"].beats[counts["neighbour"] :]
        bench.compare(f"{name}, neighbours", neighbours, beats.neighbours)
        assert len(self.sink.beats) == before + job.samples, f"a beat too many after {name}"


@cocotb.test()
@cocotb.parametrize(idle=PATTERNS[:2], backpressure=PATTERNS)
async def named_cases(dut, idle, backpressure):
    """Named jobs, one after the other."""
    bench = Bench(dut)
    await bench.start()
    traffic = Traffic(bench, idle, backpressure)
    cases = vectors.cases(PRESETS["tiny"], bench.seed)
    for name in bench.parameters or cases:
        await traffic.job(name, PRESETS["tiny"], cases[name])
    bench.finish(f"{idle}/{backpressure}")


@cocotb.test()
async def full_job(dut):
    """As many samples, features and neighbours as there may be, twice."""
    bench = Bench(dut)
    await bench.start()
    config = PRESETS["tiny"]
    traffic = Traffic(bench)
    for seed in (bench.seed, bench.seed + 1):
        await traffic.job(f"seed {seed}", config, vectors.full_job(config, seed, 5))
    bench.finish()


@cocotb.test()
async def digits(dut):
    """A class of the digits, 50 iterations."""
    bench = Bench(dut)
    await bench.start()
    config = PRESETS[bench.parameters]
    await Traffic(bench).job("digits", config, vectors.digits_job(config, bench.seed))
    bench.finish()


@cocotb.test()
async def reset_anywhere(dut):
    """Reset in cycles all over a job, in every phase; the job after it, of another n, is right."""
    bench = Bench(dut)
    await bench.start(coordinates__ready=1)
    config = PRESETS["tiny"]
    cases = vectors.cases(config, bench.seed)
    first, second = cases["one iteration"], cases["n = 3"]
    jobs = {job.samples: (job, Beats(bench, config, job)) for job in (first, second)}
    edge = RisingEdge(bench.clock.handle)

    async def play(n: int, cycles: int) -> list[int]:
        """The job by hand, for at most so many cycles; the coordinates that came out."""
        job, beats = jobs[n]
        for setting, value in job.settings(config).items():
            dut[setting].value = value
        dut.start.value = 1
        await edge
        dut.start.value = 0
        streams = {name: list(getattr(beats, name)) for name in ("features", "edges")}
        sent, received = dict.fromkeys(streams, 0), []
        for _ in range(cycles):
            for name, payloads in streams.items():
                dut[f"{name}__payload"].value = payloads[min(sent[name], len(payloads) - 1)]
                dut[f"{name}__valid"].value = sent[name] < len(payloads)
            await edge
            for name, payloads in streams.items():
                sent[name] += sent[name] < len(payloads) and int(dut[f"{name}__ready"].value)
            if dut.coordinates__valid.value == 1:
                received.append(int(dut.coordinates__payload.value))
            if len(received) == job.samples:
                break
        return received

    length = expected_cycles(config, first)
    for cycles in [*range(1, 40, 3), *range(40, length, 11)]:
        await play(first.samples, cycles)
        dut.rst.value = 1
        await edge
        dut.rst.value = 0
        again = (second, first)[cycles % 2].samples
        received = await play(again, 2000)
        bench.compare(f"after reset in cycle {cycles}", received, jobs[again][1].coordinates)
        await bench.clock.edges(5)
        assert dut.busy.value == 0
    bench.finish()


@pytest.fixture(scope="module")
def tiny():
    return generate_block(PRESETS["tiny"], "embed")


def test_cases_reach_the_border(seed):
    """The named jobs hold coordinates at both ends of their range."""
    for name in ("at the border", "n = max at the border"):
        coordinates = vectors.cases(PRESETS["tiny"], seed)[name].coordinates()
        assert coordinates.min() == -(2**14) and coordinates.max() == 2**14 - 1


def test_short_cases(tiny, seed):
    names = ["n = points", "one iteration", "stray rows", "no iteration", "n = 3"]
    simulate(tiny, MODULE, "named_cases", seed=seed, parameters=names)


@pytest.mark.slow
def test_named_cases(tiny, seed):
    simulate(tiny, MODULE, "named_cases", seed=seed)


def test_full_job(tiny, seed):
    simulate(tiny, MODULE, "full_job", seed=seed)


@pytest.mark.slow
def test_digits_on_tiny(tiny, seed):
    simulate(tiny, MODULE, "digits", seed=seed, parameters="tiny")


def test_reset_anywhere(tiny, seed):
    simulate(tiny, MODULE, "reset_anywhere", seed=seed)


@pytest.mark.slow
def test_digits_on_edge(seed):
    block = generate_block(PRESETS["edge"], "embed")
    simulate(block, MODULE, "digits", seed=seed, parameters="edge")
