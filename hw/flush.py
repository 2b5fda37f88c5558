# SPDX-License-Identifier: Apache-2.0
"""Puts the blocks of a datapath back to where they were after reset."""

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.pipeline import delayed

__all__ = ["Flush"]


class Flush(wiring.Component):
    """Resets for several blocks from one pulse, each from a register of its own.

    A reset that all blocks share reaches ten thousand flip-flops and would set the clock. These
    come one cycle after the other, and stay until all blocks have been in reset together.

    Flow control: none. Latency: `latency` = 2 cycles from ``pulse`` to the first of ``resets``; the
    others follow, one a cycle; all is over `settled` cycles after the pulse.

    Parameters
    ----------
    count: of blocks, at least 1.

    Members
    -------
    pulse: In(1), begins; one that comes meanwhile begins anew.
    resets: Out(count), for ResetInserter. active: Out(1), from the cycle after pulse to the last.
    """

    latency = 2

    def __init__(self, count: int):
        if count < 1:
            raise ValueError(f"count is {count}: it must be at least 1")
        self.count = count
        self.settled = 2 * count + 1
        super().__init__({"pulse": In(1), "resets": Out(count), "active": Out(1)})

    def elaborate(self, platform):
        m = Module()
        left = Signal(range(self.settled))
        hold = Signal()
        m.d.comb += self.active.eq(left != 0)
        with m.If(self.pulse):
            m.d.sync += [left.eq(self.settled - 1), hold.eq(1)]
        with m.Elif(self.active):
            m.d.sync += left.eq(left - 1)
            with m.If(left == self.count + 1):
                m.d.sync += hold.eq(0)
        chain = [hold]
        for number in range(self.count):
            chain.append(delayed(m, chain[-1], 1, f"reset_{number}", reset_less=False))
        m.d.comb += self.resets.eq(Cat(*chain[1:]))
        return m
