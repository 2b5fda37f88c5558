# SPDX-License-Identifier: Apache-2.0
"""Flow control around pipelines that cannot be stopped."""

from amaranth.hdl import Module, ShapeLike, Signal, Value
from amaranth.lib import fifo, stream, wiring
from amaranth.lib.wiring import In, Out

from hw.check import check


class CreditQueue(wiring.Component):
    """Output queue of a free-running pipeline, with credits: a result's place is reserved first.

    The pipeline's stages have no clock-enable; they always run. Whoever feeds it takes an input
    only while `available`, sets `reserve` in that cycle, and lets a valid bit run along with the
    data; where that bit arrives it sets `write`. So every result finds a place, however long the
    reader waits, and `available` depends on registers alone: no path from reader to feeder.

    Flow control: `output` is a stream; `reserve` and `write` are as above.

    Latency: `latency` cycles from `write` to `output`. Throughput: one result a cycle, when
    `places` is at least the cycles from `reserve` to `write` plus `round_trip`.

    Parameters
    ----------
    shape: of a result.
    places: results in the pipeline and in the queue together, at least 3.

    Members
    -------
    available: Out(1), a place is free.
    reserve: In(1), take a place; only while available.
    write: In(1), the result of the oldest place that has none yet arrives.
    result: In(shape), that result.
    output: Out(stream of shape), results in order.
    empty: Out(1), no place is taken: nothing in the pipeline, nothing in the queue.
    """

    latency = 2
    round_trip = latency + 1

    def __init__(self, shape: ShapeLike, places: int):
        if places < 3:
            raise ValueError(f"places is {places}: it must be at least 3")
        self.shape = shape
        self.places = places
        super().__init__(
            {
                "available": Out(1, init=1),
                "reserve": In(1),
                "write": In(1),
                "result": In(shape),
                "output": Out(stream.Signature(shape)),
                "empty": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        payload = Value.cast(self.result)
        m.submodules.queue = queue = fifo.SyncFIFOBuffered(width=len(payload), depth=self.places)
        m.d.comb += [
            queue.w_data.eq(payload),
            queue.w_en.eq(self.write),
            Value.cast(self.output.payload).eq(queue.r_data),
            self.output.valid.eq(queue.r_rdy),
            queue.r_en.eq(self.output.ready),
        ]
        free = Signal(range(self.places + 1), init=self.places)
        release = Signal()
        m.d.comb += [
            release.eq(self.output.valid & self.output.ready),
            self.empty.eq(free == self.places),
        ]
        with m.If(self.reserve & ~release):
            m.d.sync += [free.eq(free - 1), self.available.eq(free != 1)]
        with m.If(release & ~self.reserve):
            m.d.sync += [free.eq(free + 1), self.available.eq(1)]
        check(m, ~self.reserve | self.available, "a place was reserved while none was free")
        check(m, ~self.write | queue.w_rdy, "a result found no place in the queue")
        return m
