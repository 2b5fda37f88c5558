# SPDX-License-Identifier: Apache-2.0
"""hw.stream: a pipeline of registers behind credits, whatever its reader does."""

import random

import pytest
from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.sim import Simulator

from hw.stream import CreditQueue
from verif.cocotb.streams import stalls
from verif.unit.streams import receive, send


class Pipeline(wiring.Component):
    """`stages` registers that always run, made a stream by a CreditQueue."""

    def __init__(self, stages, places):
        self.stages = stages
        self.queue = CreditQueue(8, places)
        word = stream.Signature(8)
        super().__init__({"words": In(word), "results": Out(word)})

    def elaborate(self, platform):
        m = Module()
        m.submodules.queue = queue = self.queue
        words = [self.words.payload, *(Signal(8, name=f"word_{k}") for k in range(self.stages))]
        valid = Signal(self.stages)
        m.d.comb += [
            self.words.ready.eq(queue.available),
            queue.reserve.eq(self.words.valid & self.words.ready),
            queue.write.eq(valid[-1]),
            queue.result.eq(words[-1]),
        ]
        m.d.sync += valid.eq(Cat(queue.reserve, valid))
        m.d.sync += [words[k + 1].eq(words[k]) for k in range(self.stages)]
        wiring.connect(m, queue.output, wiring.flipped(self.results))
        return m


def run(stages, places, idle, backpressure, seed, count=150):
    """(payloads received, cycles of the inputs, cycles of the outputs, the queue empty after)."""
    pipeline = Pipeline(stages, places)
    received, sent, empty, cycles_in, cycles_out = [], [], [], [], []

    async def sender(ctx):
        sent.extend(random.Random(seed).choices(range(256), k=count))
        pauses = stalls(idle, random.Random(f"{seed} in"))
        await send(ctx, pipeline.words, sent, pauses, cycles_in)

    async def receiver(ctx):
        pauses = stalls(backpressure, random.Random(f"{seed} out"))
        received.extend(await receive(ctx, pipeline.results, count, pauses, cycles_out))
        empty.append(ctx.get(pipeline.queue.empty))

    simulator = Simulator(pipeline)
    simulator.add_clock(1e-6)
    simulator.add_testbench(sender)
    simulator.add_testbench(receiver)
    simulator.run()
    assert received == sent, f"seed {seed}"
    assert empty == [1]
    return cycles_in, cycles_out


@pytest.mark.parametrize("idle", ["none", "random"])
@pytest.mark.parametrize("backpressure", ["none", "random", "long"])
@pytest.mark.parametrize(("stages", "places"), [(1, 3), (5, 3), (5, 8), (2, 20)])
def test_nothing_is_lost(stages, places, idle, backpressure, seed):
    run(stages, places, idle, backpressure, seed)


@pytest.mark.parametrize("stages", [1, 2, 7])
def test_throughput_and_latency(stages, seed):
    """The places the docstring asks for give one result a cycle, and one place fewer does not."""
    places = stages + CreditQueue.round_trip
    cycles_in, cycles_out = run(stages, places, "none", "none", seed)
    assert cycles_in == list(range(cycles_in[0], cycles_in[0] + len(cycles_in)))
    latency = stages + CreditQueue.latency
    assert [b - a for a, b in zip(cycles_in, cycles_out, strict=True)] == [latency] * len(cycles_in)
    cycles_in, _ = run(stages, places - 1, "none", "none", seed)
    assert cycles_in[-1] - cycles_in[0] > len(cycles_in) - 1


def test_illegal_places():
    with pytest.raises(ValueError, match=r"^places is 2: it must be at least 3$"):
        CreditQueue(8, 2)
