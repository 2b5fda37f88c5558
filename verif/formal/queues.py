# SPDX-License-Identifier: Apache-2.0
"""Queues lose, double and reorder nothing."""

import itertools

from amaranth.hdl import Cat, Signal

from hw.stream import CreditQueue
from verif.formal.bench import Bench
from verif.formal.broken import Broken
from verif.formal.proof import proof


def credit_queue(bench: Bench, stages: int, places: int) -> None:
    """A CreditQueue behind a pipeline of so many stages that its feeder starts at any time."""
    m = bench.m
    queue = bench.block(CreditQueue(2, places))
    given = bench.sink(queue.output, "output")
    valid, values = Signal(stages), [bench.free(2, "value")]
    values += [Signal(2, name=f"value_{stage}") for stage in range(stages)]
    m.d.comb += [
        queue.reserve.eq(bench.free(1, "start") & queue.available),
        Cat(queue.write, queue.result).eq(Cat(valid[-1], values[-1])),
    ]
    m.d.sync += valid.eq(Cat(queue.reserve, valid))
    m.d.sync += [after.eq(before) for before, after in itertools.pairwise(values)]
    inside = bench.in_order(queue.reserve, values[0], given, queue.output.payload, places)
    bench.claim(queue.available == (inside != places), "available does not tell of a free place")
    bench.claim(queue.empty == (inside == 0), "empty does not tell that nothing is inside")
    waits = Signal(range(stages + queue.latency + 1))
    with m.If((inside == 0) | queue.output.valid):
        m.d.sync += waits.eq(0)
    with m.Else():
        m.d.sync += waits.eq(waits + 1)
    bench.claim(waits < stages + queue.latency, "what is inside does not come out in time")


@proof(
    "CreditQueue, 3 places, 1 stage",
    "in order, none lost; a place for each; out within its latency; stream rules",
    Broken("hw.stream", "self.available.eq(free != 1)", "self.available.eq(free != 0)"),
)
def credit_queue_3(bench: Bench) -> None:
    credit_queue(bench, 1, 3)


@proof(
    "CreditQueue, 5 places, 2 stages",
    "in order, none lost; a place for each; out within its latency; stream rules",
    Broken("hw.stream", "with m.If(release & ~self.reserve):", "with m.If(release):"),
)
def credit_queue_5(bench: Bench) -> None:
    credit_queue(bench, 2, 5)
