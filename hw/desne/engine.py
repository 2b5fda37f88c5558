# SPDX-License-Identifier: Apache-2.0
"""engine: takes a job from the registers through memory and the datapath. It only sequences."""

from amaranth.hdl import Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hw.bus.bursts import transfer_layout
from hw.bus.packer import INDEX_BYTES
from hw.config import Configuration, width_for
from hw.desne.job_check import JobCheck
from hw.job_control import JobControl
from hw.registers import Phase, Refusal

LENGTH_WIDTH = 32

_ORDERS = "start abort ready read_idle write_idle read_error write_error".split()
_ANSWERS = "started refused abort_taken aborted failed done busy flush stop".split()


class Engine(wiring.Component):
    """The sequence of a job, and of what ends it early.

    Flow control: orders, refusals and early ends are those of hw/job_control.py.

    Latency: the reads begin 3 cycles after ``start`` when ``ready``, the blocks one later, for
    ``begin`` and ``play`` come from registers; a refusal shows after 3. The
    phases overlap as their blocks allow.

    Parameters
    ----------
    config: the widths of counts and addresses follow from it.
    address_width: of the memory port.

    Members
    -------
    start, abort: In(1). started, refused, abort_taken: Out(1), pulses that answer them.
    aborted, failed, done: Out(1), pulses: how a job ended; failed by an error of the masters.
    busy: Out(1). phase: Out(Phase). refusal: Out(Refusal), of the last start.
    verdict: In(Refusal), of the numbers in the job registers, JobCheck.latency cycles old.
    ready, reduced, calibrated, embedded, sampled, packed: In(1), of the blocks.
    begin, play, flush: Out(1), to them.
    sample_address, result_address: In. sample_bytes, samples, budget: In, of the job, as wide as
        their largest.
    reads, writes: Out(stream of transfer_layout), to the masters.
    read_idle, write_idle, read_error, write_error: In(1). stop, clear: Out(1), to both.
    """

    def __init__(self, config: Configuration, address_width: int):
        self.config = config
        transfers = stream.Signature(transfer_layout(address_width, LENGTH_WIDTH))
        flags_in = (
            "start abort ready reduced calibrated embedded sampled packed "
            "read_idle write_idle read_error write_error"
        )
        flags_out = (
            "started refused abort_taken aborted done failed busy begin play flush stop clear"
        )
        super().__init__(
            {name: In(1) for name in flags_in.split()}
            | {name: Out(1) for name in flags_out.split()}
            | {name: In(config.count_width) for name in ("samples", "budget")}
            | {"sample_bytes": In(width_for(config.dimensions))}
            | {name: In(address_width) for name in ("sample_address", "result_address")}
            | {
                "verdict": In(Refusal),
                "refusal": Out(Refusal),
                "phase": Out(Phase),
                "reads": Out(transfers),
                "writes": Out(transfers),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.control = control = JobControl(JobCheck.latency)
        m.d.sync += [
            self.reads.payload.address.eq(self.sample_address),
            self.reads.payload.bytes.eq(self.samples * self.sample_bytes),
            self.writes.payload.address.eq(self.result_address),
            self.writes.payload.bytes.eq(self.budget * INDEX_BYTES),
        ]
        for name in _ORDERS:
            m.d.comb += getattr(control, name).eq(getattr(self, name))
        for name in _ANSWERS:
            m.d.comb += getattr(self, name).eq(getattr(control, name))
        # orders to all blocks come from registers: the masters are cleared before they read
        m.d.sync += [self.begin.eq(control.begin), self.clear.eq(control.started)]
        m.d.comb += [
            control.legal.eq(self.verdict == Refusal.NONE),
            control.offered.eq(self.reads.valid | self.writes.valid),
        ]
        with m.If(self.reads.ready):
            m.d.sync += self.reads.valid.eq(0)
        with m.If(self.writes.ready):
            m.d.sync += self.writes.valid.eq(0)
        with m.If(control.occupied):
            m.d.sync += self.refusal.eq(Refusal.BUSY)
        with m.Elif(control.started | control.refused):
            m.d.sync += self.refusal.eq(self.verdict)

        with m.If(~control.running & ~control.begin):
            m.d.sync += self.phase.eq(Phase.IDLE)
        with m.If(control.begin):
            m.d.sync += [self.reads.valid.eq(1), self.phase.eq(Phase.REDUCE)]
        m.d.sync += self.play.eq(0)
        with m.If(control.running):
            with m.Switch(self.phase):
                with m.Case(Phase.REDUCE):
                    with m.If(self.reduced & ~self.begin):
                        m.d.sync += [self.play.eq(1), self.phase.eq(Phase.AFFINITY)]
                with m.Case(Phase.AFFINITY):
                    with m.If(self.calibrated & ~self.play):
                        m.d.sync += self.phase.eq(Phase.EMBED)
                with m.Case(Phase.EMBED):
                    with m.If(self.embedded):
                        m.d.sync += [self.writes.valid.eq(1), self.phase.eq(Phase.SAMPLE)]
                with m.Case(Phase.SAMPLE):
                    with m.If(self.sampled & self.packed):
                        m.d.sync += self.phase.eq(Phase.WRITE)
                with m.Case(Phase.WRITE):
                    m.d.comb += control.finished.eq(self.write_idle & ~self.writes.valid)
        return m
