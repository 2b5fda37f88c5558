# SPDX-License-Identifier: Apache-2.0
"""The compiled stream simulator, on the example component and on ones that break the rules."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from amaranth.hdl import Module, Signal, unsigned
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from rtl_gen.verilog import generate
from verif.example import Multiples, multiples
from verif.records import record
from verif.sim.simulator import SimulationError, StreamSimulator, cpp_name

pytestmark = pytest.mark.verilator
OFFSET = -700


@pytest.fixture(scope="module")
def simulator():
    return StreamSimulator(generate(Multiples(), "multiples"))


def stimulus(seed: int, count: int):
    rng = np.random.default_rng(seed)
    a, b = rng.integers(0, 128, count), rng.integers(-256, 256, count)
    a[:2], b[:2] = 127, (-256, 255)
    return a, b


@pytest.mark.parametrize("idle", [0.0, 0.5, 0.95])
@pytest.mark.parametrize("backpressure", [0.0, 0.5, 0.95])
def test_traffic(simulator, idle, backpressure, seed, request):
    count = 5000
    a, b = stimulus(seed, count)
    operands = simulator.pack("operands", {"a": a, "b": b})
    run = simulator.run(
        {"operands": operands},
        expect={"products": count},
        constants={"offset": OFFSET},
        idle=idle,
        backpressure=backpressure,
        seed=seed,
    )
    expected = multiples(a, b, OFFSET)
    got = simulator.unpack("products", run.outputs["products"])
    differing = int((got != expected).any(axis=1).sum())
    record(request.node.name, seed=seed, vectors=count, mismatches=differing, cycles=run.cycles)
    assert differing == 0
    source, sink = run.streams["operands"], run.streams["products"]
    assert source.beats == sink.beats == count
    if idle == backpressure == 0:
        assert run.cycles == count + 1, "one beat a cycle, latency one"
        assert (sink.stalled, source.stalled) == (0, 0)
    else:
        assert run.cycles > count / (1 - max(idle, backpressure)) * 0.9
        assert (sink.stalled > 0) == (backpressure > 0)


def test_the_same_seed_gives_the_same_run_in_parallel_too(simulator):
    a, b = stimulus(3, 500)
    inputs = {"operands": simulator.pack("operands", {"a": a, "b": b})}

    def run(seed):
        done = simulator.run(
            inputs, expect={"products": 500}, idle=0.5, backpressure=0.5, seed=seed
        )
        return done.cycles, done.streams

    with ThreadPoolExecutor(4) as pool:
        runs = list(pool.map(run, [3, 3, 4, 3]))
    assert runs[0] == runs[1] == runs[3] != runs[2]


def test_stuck_names_the_streams(simulator):
    inputs = {"operands": np.zeros((4, 2), np.uint8)}
    with pytest.raises(SimulationError) as stuck:
        simulator.run(inputs, expect={"products": 5}, timeout=1000)
    message = str(stuck.value)
    assert "multiples, seed 1: no beat moved for 1000 cycles" in message
    assert "output 'products' 4 of 5 beats, valid 0, ready 1" in message
    assert "operands" not in message


def test_surplus_beats_are_an_error(simulator):
    inputs = {"operands": np.zeros((4, 2), np.uint8)}
    with pytest.raises(SimulationError, match="'products' gave more than the expected 3 beats"):
        simulator.run(inputs, expect={"products": 3})


class Broken(wiring.Component):
    """Breaks a stream rule while its output waits: payload changes, or valid falls."""

    x: In(stream.Signature(8))
    y: Out(stream.Signature(8))
    fall: In(unsigned(1))

    def elaborate(self, platform):
        m = Module()
        count = Signal(8)
        m.d.sync += count.eq(count + 1)
        m.d.comb += [
            self.x.ready.eq(self.y.ready & self.y.valid),
            self.y.valid.eq(self.x.valid & ~(self.fall & count[0])),
            self.y.payload.eq(self.x.payload + (~self.fall & count[0])),
        ]
        return m


@pytest.mark.parametrize("fall, message", [(0, "changed the payload"), (1, "took valid back")])
def test_broken_stream_rules_are_errors(fall, message):
    simulator = StreamSimulator(generate(Broken(), "broken"))
    inputs = {"x": np.zeros((100, 1), np.uint8)}
    with pytest.raises(SimulationError, match=f"output 'y' {message}"):
        simulator.run(inputs, expect={"y": 100}, constants={"fall": fall}, backpressure=0.9)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"inputs": {}}, r"input streams \['operands'\] .* \['offset'\]; given are \[\]"),
        ({"expect": {"product": 1}}, r"streams \['products'\] .*; given are \['product'\]"),
        ({"inputs": {"operands": np.zeros((1, 3), np.uint8)}}, r"takes uint8\[beats, 2\]"),
        ({"inputs": {"operands": np.zeros((1, 2), np.int8)}}, r"takes uint8\[beats, 2\]"),
        ({"constants": {"rst": 1}}, "no plain input 'rst'"),
        ({"constants": {"offset": 4096}}, "offset = 4096 does not fit 12 bits"),
        ({"idle": 1.0}, "idle is 1.0"),
    ],
)
def test_wrong_arguments(simulator, change, message):
    arguments = {"inputs": {"operands": np.zeros((1, 2), np.uint8)}, "expect": {"products": 1}}
    with pytest.raises(ValueError, match=message):
        simulator.run(**arguments | change)


class Delayed(wiring.Component):
    """total = 100 + (the sum of x up to three cycles ago): plain ports, latency 3."""

    x: In(unsigned(7))
    base: In(unsigned(12))
    total: Out(unsigned(12))

    def elaborate(self, platform):
        m = Module()
        total, late = Signal(12), Signal(12)
        m.d.sync += [total.eq(total + self.x), late.eq(total), self.total.eq(late + self.base)]
        return m


def test_plain_ports(seed):
    simulator = StreamSimulator(generate(Delayed(), "delayed"))
    x = np.random.default_rng(seed).integers(0, 128, 30)
    run = simulator.run(
        {"x": simulator.pack("x", x)},
        expect={"total": 36},
        constants={"base": 100},
        idle=0.9,
        backpressure=0.9,
        seed=seed,
    )
    got = simulator.unpack("total", run.outputs["total"])
    held = np.append(x, [x[-1]] * 3)  # the last value stays
    assert got[0] == 0 and (got[1:3] == 100).all()
    assert (got[3:] == 100 + np.cumsum(held)[:33]).all()
    assert run.cycles == 36 and run.streams == {}


def test_cpp_names():
    assert cpp_name("x__payload") == "x___05Fpayload"
    assert cpp_name("a_b__0__valid") == "a_b___05F0___05Fvalid"
