# SPDX-License-Identifier: Apache-2.0
"""The update of weights as Verilog, alone and with the rows around it, against the golden model."""

import cocotb
import numpy as np
import pytest
from cocotb.triggers import RisingEdge

from hw.config import PRESETS
from hw.sgmac.rows import Rows
from hw.sgmac.update import Update
from rtl_gen import packing
from rtl_gen.blocks import generate_block
from verif.cocotb.bench import Bench, beats_to_ints
from verif.cocotb.pipelines import feed
from verif.cocotb.runner import simulate
from verif.cocotb.streams import PATTERNS
from verif.vectors import sgmac_rows, sgmac_update

MODULE = "verif.cocotb.test_update"
TINY = PRESETS["tiny"]
pytestmark = pytest.mark.verilator


@cocotb.test()
@cocotb.parametrize(rounding=["nearest", "stochastic"])
async def many_weights(dut, rounding):
    """Jobs of all sizes up to `weights` in all, a weight a cycle, each weight to the cycle."""
    bench = Bench(dut)
    await bench.start()
    edge = RisingEdge(bench.clock.handle)
    left, number = bench.parameters["weights"], 0
    while left > 0:
        outputs = int(bench.rng.integers(1, 8 * TINY.outputs))
        rows = int(bench.rng.integers(1, min(left // outputs, 600) + 2))
        job = sgmac_update.draw(bench.seed + number, outputs, rows, rounding)
        fields, order = sgmac_update.operands(job, TINY.outputs)
        operands = beats_to_ints(packing.pack(bench.entry["ports"]["operand"], fields))
        dut.start.value, dut.seed.value = 1, job.register
        dut.stochastic.value = rounding == "stochastic"
        await edge
        dut.start.value, dut.valid.value = 0, 1
        behind = [0] * (Update.latency + 2)  # weights 0 without a gradient, until all is counted
        results = await feed(bench, "operand", operands + behind, ["weight"], Update.latency)
        dut.valid.value = 0
        label = f"{outputs} outputs, {rows} rows"
        expected = job.updated
        got = results[0][: len(operands)]
        bench.compare(label, got, (expected.weights.ravel()[order].astype(int) & 255).tolist())
        saturated = int(dut.saturated.value)
        bench.compare(f"saturated, {label}", [saturated], [expected.saturated])
        left, number = left - outputs * rows, number + 1
    bench.finish(rounding)


@cocotb.test()
@cocotb.parametrize(idle=PATTERNS[:2], backpressure=PATTERNS)
async def whole_rows(dut, idle, backpressure):
    """Rows to beats: all kinds of jobs, one after the other; without stalls a value a cycle."""
    bench = Bench(dut)
    await bench.start()
    sources = {name: bench.source(name, idle) for name in ("rows", "partials", "weights", "scales")}
    beats, watch = bench.sink("beats", backpressure), bench.monitor("beats")
    for job in sgmac_rows.jobs(TINY, bench.seed):
        before = len(beats.beats)
        for name, value in job.numbers.items():
            dut[name].value = int(value)
        dut.start.value = 1
        await bench.clock.edges(1)
        dut.start.value = 0
        sources["rows"].send(bench.pack("rows", job.rows))
        for name in ("partials", "weights", "scales"):
            sources[name].send(getattr(job, name))
        first = bench.clock.cycle
        count = len(job.beats)
        received = await beats.receive(before + count, 200 + 60 * job.sums.size)
        bench.compare(job.label, received[before:], job.beats)
        if idle == backpressure == "none":
            latency = Rows.latency_updated if job.update else Rows.latency
            # the sources drive their first beats an edge after they were given them: the walk is
            # ready by then, what goes through a queue of its own comes that edge later
            entry = Rows.setup - 2 + bool(job.update or job.accumulate)
            assert watch.cycles[-1] - first - 1 == job.sums.size + latency + entry, job.label
        await bench.clock.edges(1)
        assert dut.idle.value == 1, f"not idle after {job.label}"
        bench.compare(f"saturated, {job.label}", [int(dut.saturated.value)], [job.saturated])
    assert all(source.sent for source in sources.values())
    bench.finish(f"{idle}/{backpressure}")


def test_many_weights(seed):
    block = generate_block(TINY, "update")
    simulate(block, MODULE, "many_weights", seed=seed, parameters={"weights": 51_000})


def test_whole_rows(seed):
    simulate(generate_block(TINY, "rows"), MODULE, "whole_rows", seed=seed)


def test_presets_have_whole_beats():
    """Rows of weights of a block of outputs start at a beat."""
    sizes = np.array([[c.outputs, c.beat_bytes] for c in PRESETS.values()])
    assert (sizes[:, 0] % sizes[:, 1] == 0).all()
