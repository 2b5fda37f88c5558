# SPDX-License-Identifier: Apache-2.0
"""The random state of each weight, as weights come by."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from hw.arith.lfsr import WIDTH, lfsr_advance

__all__ = ["ROW_LIMIT", "RandomStates"]

ROW_LIMIT = 1 << 16
"""Steps between the states of neighbouring outputs, and so the most rows of a job."""


class RandomStates(wiring.Component):
    """Gives weight (row, o) the shift register after row + 65536 * o steps from ``seed``.

    Equation, with s() one step and s^n() n of them:

        fresh       state = first; first = s^65536(first); states[place] = s(state)
        not fresh   state = states[place];                 states[place] = s(state)

    A fresh weight is row 0 of an output. Outputs are fresh in ascending order, each once, so that
    ``first`` is always the state of the next one; no larger jump is needed, also where the outputs
    of a job are worked on in blocks. The other rows of an output follow in order, each at its
    output's place; a place is free again when its output has no more rows.

    Flow control: none.

    Latency: `latency` cycles. Throughput: a weight a cycle; the memory is read without a clock, so
    rows of one place need no distance.

    Parameters
    ----------
    places: outputs under way at a time, at least 1.

    Members
    -------
    start: In(1), with seed: In(32), not 0. No weight comes in that cycle.
    valid: In(1), a weight is here; with fresh: In(1) and place: In(range(places)).
    state: Out(32), of that weight.
    """

    latency = 1

    def __init__(self, places: int):
        if places < 1:
            raise ValueError(f"places is {places}: it must be at least 1")
        self.places = places
        super().__init__(
            {
                "start": In(1),
                "seed": In(WIDTH),
                "valid": In(1),
                "fresh": In(1),
                "place": In(range(places)),
                "state": Out(WIDTH),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.states = states = Memory(shape=WIDTH, depth=self.places, init=[])
        read, write = states.read_port(domain="comb"), states.write_port()
        first, state = Signal(WIDTH), Signal(WIDTH)
        m.d.comb += [
            read.addr.eq(self.place),
            state.eq(Mux(self.fresh, first, read.data)),
            write.addr.eq(self.place),
            write.data.eq(lfsr_advance(state, 1)),
            write.en.eq(self.valid),
        ]
        m.d.sync += self.state.eq(state)
        with m.If(self.start):
            m.d.sync += first.eq(self.seed)
        with m.Elif(self.valid & self.fresh):
            m.d.sync += first.eq(lfsr_advance(first, ROW_LIMIT))
        return m
