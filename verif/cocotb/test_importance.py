# SPDX-License-Identifier: Apache-2.0
"""Importance, ranking and schedule as Verilog against the golden model."""

import cocotb
import numpy as np
import pytest
from cocotb.triggers import RisingEdge

from golden.sgmac.importance import importance, ranking
from golden.sgmac.layout import pack_weights
from golden.sgmac.schedule import Schedule as Golden
from hw.config import PRESETS
from rtl_gen.blocks import generate_block
from verif.cocotb.bench import Bench, beats_to_ints
from verif.cocotb.runner import simulate
from verif.cocotb.streams import PATTERNS

MODULE = "verif.cocotb.test_importance"
TINY = PRESETS["tiny"]
pytestmark = pytest.mark.verilator


def layer(rng: np.random.Generator, number: int) -> tuple[np.ndarray, bool]:
    """(weights, depthwise): any, few different ones, all at one end."""
    depthwise = number % 4 == 3
    kernel = int(rng.integers(1, TINY.kernel + 1))
    channels = TINY.channels if number < 2 else int(rng.integers(1, TINY.channels + 1))
    shape = (int(rng.integers(1, 40)), channels, kernel, kernel)
    if depthwise:
        shape = (channels, 1, kernel, kernel)
    values = [np.arange(-128, 128), np.array([-1, 0, 1]), np.array([-128])][number % 3]
    return rng.choice(values, shape).astype(np.int8), depthwise


@cocotb.test()
@cocotb.parametrize(idle=PATTERNS[:2], backpressure=PATTERNS[:2])
async def layers(dut, idle, backpressure):
    """Random layers, one after the other."""
    bench = Bench(dut)
    await bench.start()
    beats, sink = bench.source("beats", idle), bench.sink("ranking", backpressure)
    bench.monitor("ranking")
    edge = RisingEdge(bench.clock.handle)
    for number in range(bench.parameters["layers"]):
        weights, depthwise = layer(bench.rng, number)
        memory = pack_weights(weights, TINY.beat_bytes, depthwise=depthwise)
        scores = importance(weights, depthwise=depthwise)
        order = ranking(scores)
        dut.count.value, dut.rows.value = len(scores), memory.shape[1]
        dut.row_bytes.value = weights[0].size if depthwise else len(weights)
        before = len(sink.beats)
        dut.start.value = 1
        await edge
        dut.start.value = 0
        given = beats_to_ints(memory.reshape(-1, TINY.beat_bytes))
        beats.send(given)
        limit = 1000 + 20 * len(given) + 30 * len(order)
        received = (await sink.receive(before + len(order), limit))[before:]
        bench.compare(f"layer {number}", received, order.tolist())
        await bench.clock.edges(3)
    bench.finish(f"{idle}/{backpressure}")


@cocotb.test()
@cocotb.parametrize(idle=PATTERNS[:2], backpressure=PATTERNS[:2])
async def steps(dut, idle, backpressure):
    """All steps of random schedules; each stage begins at place 0, `following` leads through it."""
    bench = Bench(dut)
    await bench.start()
    beats, sink = bench.source("beats", idle), bench.sink("chosen", backpressure)
    bench.monitor("chosen")
    edge = RisingEdge(bench.clock.handle)
    order = np.zeros(TINY.channels, int)

    await bench.clock.edges(TINY.channels + 2)
    for number in range(bench.parameters["schedules"]):
        count = int(bench.rng.integers(1, TINY.channels + 1))
        order[:count] = bench.rng.permutation(count)
        window = int(bench.rng.integers(1, count + 1))
        pool = int(bench.rng.integers(window, count + 1))
        plan = Golden(window=window, period=2, pools=((0, pool), (6, count)))
        place = 0
        for t in range(20):
            size = pool if t < 6 else count
            place = 0 if t in (0, 6) else place if t % 2 else int(dut.following.value)
            dut.count.value, dut.window.value = count, window
            dut.pool.value, dut.place.value = size, place
            before = len(sink.beats)
            dut.start.value = 1
            await edge
            dut.start.value = 0
            words = np.zeros(-(-size // 2) * 2, "<u4")
            words[:size] = order[:size]
            beats.send(beats_to_ints(words.view(np.uint8).reshape(-1, TINY.beat_bytes)))
            received = (await sink.receive(before + window, 200 + 20 * count))[before:]
            expected = plan.channels(t, order[:count]).tolist()
            bench.compare(f"schedule {number}, step {t}", received, expected)
            while dut.busy.value == 1:
                await edge
    bench.finish(f"{idle}/{backpressure}")


def test_layers(seed):
    block = generate_block(TINY, "importance")
    simulate(block, MODULE, "layers", seed=seed, parameters={"layers": 24})


def test_steps(seed):
    block = generate_block(TINY, "schedule")
    simulate(block, MODULE, "steps", seed=seed, parameters={"schedules": 12})
