# SPDX-License-Identifier: Apache-2.0
"""How a job begins and ends: orders, refusals, errors of the bus. Every engine has one."""

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out


class JobControl(wiring.Component):
    """Takes the orders of the registers and sees a job through.

    A job begins with ``begin`` and lasts until ``finished``. An error response, or ``abort`` from
    ``start`` on, ends it early: both masters are stopped, what is under way on the bus is waited
    for, and ``flush`` resets the datapath. A job that is refused has touched nothing.

    Flow control: ``start`` and ``abort`` are held by their register until ``started``, ``refused``
    or ``abort_taken``.

    Latency: ``begin`` comes `checking` + 2 cycles after ``start`` when ``ready``; a refusal after
    `checking` + 1, when the engine is busy at once. Throughput: one job at a time.

    Parameters
    ----------
    checking: cycles from the numbers of a job to ``legal``, at least 1.

    Members
    -------
    start, abort: In(1), orders. started, refused, abort_taken: Out(1), pulses that answer them.
    occupied: Out(1), with refused: because a job is under way.
    ready: In(1), the datapath can begin. legal: In(1), of the numbers in the job registers.
    begin: Out(1), a pulse. running: Out(1), from the cycle after it to the end.
    finished: In(1), the job has done its work; while running.
    failing: In(1), the datapath cannot go on; while running, until ``flush``.
    busy: Out(1). aborted, failed, done: Out(1), pulses: how a job ended.
    offered: In(1), a transfer is on offer to a master. read_idle, write_idle, read_error,
    write_error: In(1), of the masters. stop, clear: Out(1), to both. flush: Out(1).
    """

    def __init__(self, checking: int):
        if checking < 1:
            raise ValueError(f"checking is {checking}: it must be at least 1")
        self.checking = checking
        flags_in = (
            "start abort ready legal finished failing offered "
            "read_idle write_idle read_error write_error"
        )
        flags_out = (
            "started refused occupied abort_taken begin running busy aborted failed done "
            "stop clear flush"
        )
        super().__init__(
            {name: In(1) for name in flags_in.split()}
            | {name: Out(1) for name in flags_out.split()}
        )

    def elaborate(self, platform):
        m = Module()
        idle, trouble = Signal(), Signal()
        settle = 3  # cycles from a stop until the masters' idle tells
        wait = Signal(range(max(self.checking, settle) + 1))
        m.d.comb += [
            self.busy.eq(~idle),
            self.clear.eq(self.begin),
            trouble.eq(self.abort | self.read_error | self.write_error | self.failing),
        ]
        # a start while a job is under way is refused and disturbs nothing
        with m.If(self.start & ~idle):
            m.d.comb += [self.refused.eq(1), self.occupied.eq(1)]
        with m.FSM():
            with m.State("IDLE"):
                m.d.comb += idle.eq(1)
                m.d.sync += wait.eq(0)
                with m.If(self.start):  # an abort behind it waits, and ends the job
                    with m.If(self.ready):
                        m.next = "CHECK"
                with m.Elif(self.abort):
                    m.d.comb += self.abort_taken.eq(1)  # there is nothing to end
            with m.State("CHECK"):
                m.d.comb += idle.eq(1)
                m.d.sync += wait.eq(wait + 1)
                with m.If(wait == self.checking):
                    m.d.comb += [self.started.eq(self.legal), self.refused.eq(~self.legal)]
                    m.next = "IDLE"
                    with m.If(self.legal):
                        m.next = "BEGIN"
            with m.State("BEGIN"):
                m.d.comb += self.begin.eq(1)
                m.next = "RUN"
            with m.State("RUN"):
                m.d.comb += self.running.eq(1)
                with m.If(trouble):
                    m.next = "STOP"
                with m.Elif(self.finished):
                    m.d.comb += self.done.eq(1)
                    m.next = "IDLE"
            with m.State("STOP"):
                # the masters drop what they are still offered, so that offers end
                m.d.comb += self.stop.eq(1)
                m.d.sync += wait.eq(0)
                m.next = "DRAIN"
            with m.State("DRAIN"):
                with m.If(wait != settle):
                    m.d.sync += wait.eq(wait + 1)
                with m.Elif(self.read_idle & self.write_idle & ~self.offered):
                    m.d.comb += [
                        self.flush.eq(1),
                        self.abort_taken.eq(1),
                        self.aborted.eq(self.abort),
                        self.failed.eq(self.read_error | self.write_error | self.failing),
                    ]
                    m.next = "IDLE"
        return m
