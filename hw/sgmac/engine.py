# SPDX-License-Identifier: Apache-2.0
"""engine: takes a gradient job from the registers through memory and the datapath."""

from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.job_control import JobControl
from hw.sgmac.numbers import Numbers
from hw.sgmac.registers import GradientPhase, GradientRefusal

__all__ = ["GradientEngine"]

_ORDERS = "start abort offered read_idle write_idle read_error write_error".split()
_ANSWERS = "started refused abort_taken aborted failed done busy begin flush stop clear".split()
_FROM_DATAPATH = ("illegal", "listed", "computed", "finished")


class GradientEngine(wiring.Component):
    """The sequence of a job: the channel list, all rows, the bias gradients.

    Flow control: orders, refusals and early ends are those of hw/job_control.py. A channel list
    that is illegal ends the job before anything is written.

    Latency: a job begins `checking` + 2 cycles after ``start``.

    Members
    -------
    start, abort, offered, read_idle, write_idle, read_error, write_error: In(1); started, refused,
    abort_taken, aborted, failed, done, busy, begin, flush, stop, clear: Out(1): as of JobControl.
    unlisted: Out(1), with failed: the channel list was illegal.
    verdict: In(GradientRefusal), `checking` cycles old. refusal: Out, of the last start.
    phase: Out(GradientPhase).
    illegal, listed, computed, finished: In(1), of the datapath.
    """

    checking = Numbers.latency

    def __init__(self):
        super().__init__(
            {name: In(1) for name in (*_ORDERS, *_FROM_DATAPATH)}
            | {name: Out(1) for name in (*_ANSWERS, "unlisted")}
            | {
                "verdict": In(GradientRefusal),
                "refusal": Out(GradientRefusal),
                "phase": Out(GradientPhase),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.control = control = JobControl(self.checking)
        for name in _ORDERS:
            m.d.comb += getattr(control, name).eq(getattr(self, name))
        for name in _ANSWERS:
            m.d.comb += getattr(self, name).eq(getattr(control, name))
        m.d.comb += [
            control.ready.eq(1),
            control.legal.eq(self.verdict == GradientRefusal.NONE),
            control.failing.eq(self.illegal & (self.phase == GradientPhase.LIST)),
            self.unlisted.eq(control.failed & self.illegal),
        ]
        with m.If(control.occupied):
            m.d.sync += self.refusal.eq(GradientRefusal.BUSY)
        with m.Elif(control.started | control.refused):
            m.d.sync += self.refusal.eq(self.verdict)
        with m.If(control.begin):
            m.d.sync += self.phase.eq(GradientPhase.LIST)
        with m.Elif(~control.busy):
            m.d.sync += self.phase.eq(GradientPhase.IDLE)
        with m.Elif(control.running):
            with m.Switch(self.phase):
                with m.Case(GradientPhase.LIST):
                    with m.If(self.listed):
                        m.d.sync += self.phase.eq(GradientPhase.COMPUTE)
                with m.Case(GradientPhase.COMPUTE):
                    with m.If(self.computed):
                        m.d.sync += self.phase.eq(GradientPhase.BIAS)
                with m.Case(GradientPhase.BIAS):
                    idle = self.finished & self.write_idle & ~self.offered
                    m.d.comb += control.finished.eq(idle)
        return m
