# SPDX-License-Identifier: Apache-2.0
"""engine: takes a gradient job from the registers through memory and the datapath."""

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.job_control import JobControl
from hw.pipeline import delayed
from hw.sgmac.numbers import Numbers
from hw.sgmac.registers import GradientOperation, GradientPhase, GradientRefusal

__all__ = ["GradientEngine"]

_ORDERS = "start abort ready offered read_idle write_idle read_error write_error".split()
_ANSWERS = "started refused abort_taken aborted failed done busy begin flush stop clear".split()
_FROM_DATAPATH = ("illegal", "listed", "computed", "finished", "misranked")


class GradientEngine(wiring.Component):
    """The sequence of a job: the channel list, all rows, the bias gradients. rank and schedule are
    one phase each: they have ended when the masters have nothing to do any more.

    Flow control: orders, refusals and early ends are those of hw/job_control.py. A channel list or
    a ranking that is illegal ends the job before anything is written.

    Latency: a job begins `checking` + 2 cycles after ``start`` when ``ready``, and ends a cycle
    after nothing is left to do.

    Members
    -------
    start, abort, ready, offered, read_idle, write_idle, read_error, write_error: In(1); started,
    refused, abort_taken, aborted, failed, done, busy, begin, flush, stop, clear: Out(1): as of
    JobControl.
    unlisted: Out(1), with failed: the channel list or the ranking was illegal.
    operation: In(GradientOperation), holds still from start to the end of busy.
    verdict: In(GradientRefusal), `checking` cycles old. refusal: Out, of the last start.
    phase: Out(GradientPhase).
    illegal, listed, computed, finished: In(1), of the datapath; misranked: In(1), of the channel
    choice, its illegal.
    """

    checking = Numbers.latency

    def __init__(self):
        super().__init__(
            {name: In(1) for name in (*_ORDERS, *_FROM_DATAPATH)}
            | {name: Out(1) for name in (*_ANSWERS, "unlisted")}
            | {
                "operation": In(GradientOperation),
                "verdict": In(GradientRefusal),
                "refusal": Out(GradientRefusal),
                "phase": Out(GradientPhase),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.control = control = JobControl(self.checking)
        for name in _ORDERS:
            told = getattr(self, name)
            if name == "offered":  # as late as idle, which the masters tell from a register
                told = delayed(m, told, 1, name, reset_less=False)
            m.d.comb += getattr(control, name).eq(told)
        for name in _ANSWERS:
            m.d.comb += getattr(self, name).eq(getattr(control, name))
        m.d.comb += [
            control.legal.eq(self.verdict == GradientRefusal.NONE),
            control.failing.eq(
                (self.illegal & (self.phase == GradientPhase.LIST))
                | (self.misranked & (self.phase == GradientPhase.SCHEDULE))
            ),
            self.unlisted.eq(control.failed & control.failing),
        ]
        idle = Signal()
        m.d.sync += idle.eq(control.running & self.write_idle & ~self.offered)
        with m.If(control.occupied):
            m.d.sync += self.refusal.eq(GradientRefusal.BUSY)
        with m.Elif(control.started | control.refused):
            m.d.sync += self.refusal.eq(self.verdict)
        with m.If(control.begin):
            with m.Switch(self.operation):
                with m.Case(GradientOperation.RANK):
                    m.d.sync += self.phase.eq(GradientPhase.RANK)
                with m.Case(GradientOperation.SCHEDULE):
                    m.d.sync += self.phase.eq(GradientPhase.SCHEDULE)
                with m.Default():
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
                    m.d.comb += control.finished.eq(self.finished & idle)
                with m.Case(GradientPhase.RANK, GradientPhase.SCHEDULE):
                    m.d.comb += control.finished.eq(idle)
        return m
