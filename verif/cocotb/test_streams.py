# SPDX-License-Identifier: Apache-2.0
"""The stream drivers and the sampling rule, on a small component of known latency.

The coroutines run in the simulator (cocotb), the functions called test_ start them (pytest).
"""

import cocotb
import numpy as np
import pytest
from cocotb.triggers import ReadOnly, RisingEdge

from rtl_gen.verilog import generate
from verif.cocotb.bench import Bench
from verif.cocotb.runner import simulate
from verif.cocotb.streams import PATTERNS
from verif.example import Multiples, multiples

MODULE = "verif.cocotb.test_streams"
OFFSET = -700
pytestmark = pytest.mark.verilator


@pytest.fixture(scope="module")
def block():
    return generate(Multiples(), "multiples")


def stimulus(bench: Bench, count: int):
    """Operands and expected products; the extreme operands come first."""
    a = bench.rng.integers(0, 128, count)
    b = bench.rng.integers(-256, 256, count)
    a[:2], b[:2] = 127, (-256, 255)
    expected = bench.pack("products", multiples(a, b, OFFSET))
    return bench.pack("operands", {"a": a, "b": b}), expected


@cocotb.test()
@cocotb.parametrize(idle=PATTERNS, backpressure=PATTERNS)
async def traffic(dut, idle, backpressure):
    """Every beat arrives once, in order and right, whatever the pauses; monitor and sink agree."""
    bench = Bench(dut)
    await bench.start(offset=OFFSET)
    count = bench.parameters
    source, sink = bench.source("operands", idle), bench.sink("products", backpressure)
    watch_in, watch_out = bench.monitor("operands"), bench.monitor("products")
    operands, expected = stimulus(bench, count)
    source.send(operands)
    received = await sink.receive(count, 40 * count + 1000)
    bench.compare("products", received, expected)
    await bench.clock.edges(20)
    assert len(sink.beats) == count and source.sent == count
    assert watch_in.beats == operands and watch_out.beats == received
    if idle == backpressure == "none":
        assert sink.last_cycle - sink.first_cycle == count - 1, "not one beat a cycle"
        assert sink.first_cycle - source.first_cycle == 1, "latency is one cycle"
        assert np.diff(watch_in.cycles).max() == 1
    bench.finish(f"{idle}/{backpressure}")


@cocotb.test()
async def sampling_contract(dut):
    """After RisingEdge the values are those before the edge, after ReadOnly those behind it."""
    bench = Bench(dut)
    await bench.start(offset=0, products__ready=1)
    clock = bench.clock.handle
    operands, _ = stimulus(bench, 2)
    dut.operands__payload.value = operands[0]
    dut.operands__valid.value = 1
    assert dut.operands__valid.value == 0, "a write must not show before the next phase"
    await ReadOnly()
    assert dut.operands__valid.value == 1 and dut.products__valid.value == 0
    await RisingEdge(clock)  # the register loads here
    assert dut.products__valid.value == 0, "RisingEdge must show the value before the edge"
    dut.operands__valid.value = 0
    await ReadOnly()
    assert dut.products__valid.value == 1, "ReadOnly must show the value behind the edge"
    await RisingEdge(clock)
    assert dut.products__valid.value == 1
    await ReadOnly()
    assert dut.products__valid.value == 0
    bench.compare("contract", [1], [1])
    bench.finish()


@cocotb.test()
async def stuck(dut):
    """The error of a timeout names the stream and how far it came."""
    bench = Bench(dut)
    await bench.start()
    source = bench.source("operands")
    operands, _ = stimulus(bench, 4)
    source.send(operands)
    with pytest.raises(AssertionError, match="'operands' waits for ready, 1 beats taken, 3 left"):
        await source.drained(50)
    sink = bench.sink("products")
    with pytest.raises(AssertionError, match="'products' waits for valid, 4 of 5 beats"):
        await sink.receive(5, 50)
    bench.compare("beats", [len(sink.beats)], [4])
    bench.finish()


@cocotb.test()
async def wrong(dut):
    """A comparison that must fail."""
    bench = Bench(dut)
    await bench.start()
    bench.compare("products", [1, 2], [1, 3])
    bench.finish()


def test_traffic(block, seed):
    simulate(block, MODULE, "traffic", seed=seed, parameters=300)


def test_sampling_contract(block, seed):
    simulate(block, MODULE, "sampling_contract", seed=seed)


def test_a_stuck_stream_is_named(block, seed):
    simulate(block, MODULE, "stuck", seed=seed)


def test_a_failure_tells_seed_and_command(block, monkeypatch, tmp_path):
    monkeypatch.setenv("NMS_RECORDS", str(tmp_path))  # keep the wanted failure out of the table
    with pytest.raises(pytest.fail.Exception) as failed:
        simulate(block, MODULE, "wrong", seed=77)
    message = str(failed.value)
    assert "products[1]: 0x2 instead of 0x3" in message
    assert (
        "COCOTB_RANDOM_SEED=77 .venv/bin/python -m pytest verif/cocotb/test_streams.py" in message
    )
    assert '"mismatches": 1' in next(tmp_path.glob("*.jsonl")).read_text()


def test_a_missing_case_is_a_failure(block):
    with pytest.raises(pytest.fail.Exception, match=r"without results|no test ran"):
        simulate(block, MODULE, "no_such_case", seed=1)
