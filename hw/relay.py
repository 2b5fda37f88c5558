# SPDX-License-Identifier: Apache-2.0
"""A stage of registers in a stream, in both directions."""

from amaranth.hdl import Module, Mux, ShapeLike, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

__all__ = ["Relay"]


class Relay(wiring.Component):
    """What comes in goes out, in order; no path leads through, neither of payload nor of ready.

    Flow control: two streams; the valid of `output` and the ready of `input` come from registers,
    the payload of `output` from one of two. There are two places, so that a payload that comes when
    the reader stops has one, and a payload goes into its place with no logic before the register:
    the slow output of a block RAM gets there in time.

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
        places = [Signal(len(given), name=f"place_{n}", reset_less=True) for n in range(2)]
        arriving, leaving = Signal(), Signal()
        full = Signal()
        taken, left = Signal(), Signal()
        m.d.comb += [
            self.input.ready.eq(~full),
            taken.eq(self.input.valid & ~full),
            left.eq(self.output.valid & self.output.ready),
            kept.eq(Mux(leaving, places[1], places[0])),
        ]
        m.d.sync += [arriving.eq(arriving ^ taken), leaving.eq(leaving ^ left)]
        # written before it is known whether something came: a free place has nothing to lose
        for n, place in enumerate(places):
            with m.If(~full & (arriving == n)):
                m.d.sync += place.eq(given)
        with m.If(taken & ~left):
            m.d.sync += [self.output.valid.eq(1), full.eq(self.output.valid)]
        with m.Elif(left & ~taken):
            m.d.sync += [self.output.valid.eq(full), full.eq(0)]
        return m
