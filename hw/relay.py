# SPDX-License-Identifier: Apache-2.0
"""A stage of registers in a stream, in both directions."""

from amaranth.hdl import Module, Mux, ShapeLike, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

__all__ = ["Relay"]


class Relay(wiring.Component):
    """What comes in goes out, in order; no path leads through, neither of payload nor of ready.

    Flow control: two streams; the valid and payload of `output` and the ready of `input` come from
    registers. There are two places, so that a payload that comes when the reader stops has one.

    Latency: `latency` = 1 cycle. Throughput: a payload a cycle.

    Parameters
    ----------
    shape: of a payload.

    Members
    -------
    input: In(stream of shape). output: Out(stream of shape).
    """

    latency = 1

    def __init__(self, shape: ShapeLike):
        self.shape = shape
        super().__init__(
            {"input": In(stream.Signature(shape)), "output": Out(stream.Signature(shape))}
        )

    def elaborate(self, platform):
        m = Module()
        given, kept = Value.cast(self.input.payload), Value.cast(self.output.payload)
        spare, spared = Signal(len(given), reset_less=True), Signal()
        m.d.comb += self.input.ready.eq(~spared)
        with m.If(~self.output.valid | self.output.ready):
            m.d.sync += [
                self.output.valid.eq(spared | self.input.valid),
                kept.eq(Mux(spared, spare, given)),
                spared.eq(0),
            ]
        with m.Elif(self.input.valid & ~spared):
            m.d.sync += spared.eq(1)
        with m.If(~spared):
            m.d.sync += spare.eq(given)
        return m
