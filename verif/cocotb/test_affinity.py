# SPDX-License-Identifier: Apache-2.0
"""Distance and calibrate in a row, as Verilog, against the golden model."""

import cocotb
import pytest
from cocotb.triggers import FallingEdge, RisingEdge

from golden import cycles
from hw.config import PRESETS
from hw.desne.affinity import Affinity
from hw.desne.beta_search import default_lanes
from rtl_gen.verilog import generate
from verif.cocotb.bench import Bench
from verif.cocotb.runner import simulate
from verif.cocotb.streams import PATTERNS
from verif.vectors import calibrate as vectors
from verif.vectors import distance as distance_vectors

MODULE = "verif.cocotb.test_affinity"
pytestmark = pytest.mark.verilator


class Traffic:
    """The four streams, and jobs on them."""

    def __init__(self, bench: Bench, config, idle: str = "none", backpressure: str = "none"):
        self.bench = bench
        self.config = config
        self.inputs = {name: bench.source(name, idle) for name in ("held", "passing")}
        self.outputs = {name: bench.sink(name, backpressure) for name in ("edges", "rows")}
        self.watch = [bench.monitor(name) for name in ("held", "passing", "edges", "rows")]

    async def job(self, name: str, features, perplexity: float, neighbours: int) -> None:
        """One tile from start to not busy."""
        bench, dut, config = self.bench, self.bench.dut, self.config
        samples = distance_vectors.job(config, features)
        case = vectors.of_features(config, features, perplexity=perplexity, neighbours=neighbours)
        job = vectors.job(config, case)
        before = {stream: len(sink.beats) for stream, sink in self.outputs.items()}
        for port, value in (
            ("samples", samples.samples),
            ("beats", samples.beats),
            ("neighbours", job.neighbours),
            ("target", job.target),
            ("start", 1),
        ):
            dut[port].value = value
        await bench.clock.edges(1)
        start = bench.clock.cycle - 1  # the cycle of start counts
        dut.start.value = 0
        self.inputs["held"].send(bench.pack("held", samples.held))
        self.inputs["passing"].send(bench.pack("passing", samples.passing))
        limit = (
            3000
            + 8 * len(samples.held)
            + job.blocks * (2000 + 30 * samples.samples * samples.beats + 200 * job.neighbours)
        )
        await bench.clock.edges(1)
        await bench.clock.within(FallingEdge(dut.busy), limit, lambda: f"{name} is busy for ever")
        self.cycles = bench.clock.cycle - start
        for stream, sink in self.outputs.items():
            expected = bench.pack(stream, getattr(job, stream))
            bench.compare(f"{name}, {stream}", sink.beats[before[stream] :], expected)
        await RisingEdge(bench.clock.handle)


@cocotb.test()
@cocotb.parametrize(idle=PATTERNS[:2], backpressure=PATTERNS)
async def named_cases(dut, idle, backpressure):
    """The tiles of the distance tests, all neighbours, one job after the other."""
    bench = Bench(dut)
    await bench.start()
    config = PRESETS["tiny"]
    traffic = Traffic(bench, config, idle, backpressure)
    for name, features in distance_vectors.cases(config, bench.seed).items():
        await traffic.job(name, features, 3, config.neighbours)
    bench.finish(f"{idle}/{backpressure}")


@cocotb.test()
async def real_samples(dut):
    """Tiles of digits and, where it is at hand, of Fashion-MNIST; the time is as stated."""
    bench = Bench(dut)
    await bench.start()
    await bench.clock.edges(300)  # the histograms are cleared after reset
    config = PRESETS[bench.parameters["preset"]]
    n = bench.parameters["samples"]
    traffic = Traffic(bench, config)
    tiles = {
        "digits": distance_vectors.digits()[:n],
        "fashion-mnist": distance_vectors.fashion_mnist(n),
    }
    for name, features in tiles.items():
        if features is None:
            continue
        tile = features[:, : config.features]
        await traffic.job(name, tile, min(30, config.neighbours), config.neighbours)
        expected = cycles.affinity_cycles(
            n,
            min(config.neighbours, n - 1),
            config.rows,
            beats=-(-tile.shape[1] // config.lanes),
            byte_lanes=config.lanes,
            lanes=default_lanes(config.rows),
            distance_width=config.distance_width,
            most_neighbours=config.neighbours,
        )
        assert traffic.cycles == expected, f"{name}: {traffic.cycles} cycles, not {expected}"
    bench.finish()


@pytest.fixture(scope="module")
def tiny():
    return generate(Affinity(PRESETS["tiny"]), "affinity")


@pytest.mark.slow
def test_named_cases(tiny, seed):
    simulate(tiny, MODULE, "named_cases", seed=seed)


@pytest.mark.slow
def test_real_samples_on_tiny(tiny, seed):
    simulate(tiny, MODULE, "real_samples", seed=seed, parameters={"preset": "tiny", "samples": 31})


@pytest.mark.slow
def test_real_samples_on_edge(seed):
    """300 samples; the compiled simulator takes whole tiles (verif/sim)."""
    block = generate(Affinity(PRESETS["edge"]), "affinity")
    parameters = {"preset": "edge", "samples": 300}
    simulate(block, MODULE, "real_samples", seed=seed, parameters=parameters)
