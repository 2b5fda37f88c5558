# SPDX-License-Identifier: Apache-2.0
"""engine: takes a job from the registers through memory and the datapath. It only sequences."""

from amaranth.hdl import Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hw.bus.bursts import transfer_layout
from hw.bus.packer import INDEX_BYTES
from hw.config import Configuration, width_for
from hw.registers import Phase, Refusal

LENGTH_WIDTH = 32


class Engine(wiring.Component):
    """The sequence of a job, and of what ends it early.

    Flow control: ``start`` is held by its register until ``started`` or ``refused``. A job that is
    refused has touched nothing. After an error response or ``abort`` both masters are stopped, what
    is under way on the bus is waited for, ``flush`` resets the datapath, and the job has ended.

    Latency: a job begins 4 cycles after ``start`` when ``ready``; a refusal shows after 3. The
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
    verdict: In(Refusal), of the numbers in the job registers, one cycle old.
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
        idle = Signal()
        m.d.sync += [
            self.reads.payload.address.eq(self.sample_address),
            self.reads.payload.bytes.eq(self.samples * self.sample_bytes),
            self.writes.payload.address.eq(self.result_address),
            self.writes.payload.bytes.eq(self.budget * INDEX_BYTES),
        ]
        m.d.comb += [self.busy.eq(~idle), self.clear.eq(self.begin)]
        with m.If(self.reads.ready):
            m.d.sync += self.reads.valid.eq(0)
        with m.If(self.writes.ready):
            m.d.sync += self.writes.valid.eq(0)
        # a start while a job is under way is refused and disturbs nothing
        with m.If(self.start & ~idle):
            m.d.comb += self.refused.eq(1)
            m.d.sync += self.refusal.eq(Refusal.BUSY)

        trouble = Signal()
        m.d.comb += trouble.eq(self.abort | self.read_error | self.write_error)
        wait = Signal(2)
        m.d.sync += wait.eq(wait + 1)
        with m.FSM():
            with m.State("IDLE"):
                m.d.comb += [idle.eq(1), self.phase.eq(Phase.IDLE)]
                m.d.sync += wait.eq(0)
                with m.If(self.abort):
                    m.d.comb += self.abort_taken.eq(1)  # there is nothing to end
                with m.Elif(self.start & self.ready):
                    m.next = "CHECK"
            with m.State("CHECK"):
                # the verdict and the lengths follow the registers by a cycle
                m.d.comb += idle.eq(1)
                with m.If(wait == 1):
                    m.d.sync += self.refusal.eq(self.verdict)
                    with m.If(self.verdict == Refusal.NONE):
                        m.d.comb += self.started.eq(1)
                        m.next = "BEGIN"
                    with m.Else():
                        m.d.comb += self.refused.eq(1)
                        m.next = "IDLE"
            with m.State("BEGIN"):
                m.d.comb += [self.begin.eq(1), self.phase.eq(Phase.REDUCE)]
                m.d.sync += self.reads.valid.eq(1)
                m.next = "REDUCE"
            with m.State("REDUCE"):
                m.d.comb += self.phase.eq(Phase.REDUCE)
                with m.If(trouble):
                    m.next = "STOP"
                with m.Elif(self.reduced):
                    m.d.comb += self.play.eq(1)
                    m.next = "AFFINITY"
            with m.State("AFFINITY"):
                m.d.comb += self.phase.eq(Phase.AFFINITY)
                with m.If(trouble):
                    m.next = "STOP"
                with m.Elif(self.calibrated):
                    m.next = "EMBED"
            with m.State("EMBED"):
                m.d.comb += self.phase.eq(Phase.EMBED)
                with m.If(trouble):
                    m.next = "STOP"
                with m.Elif(self.embedded):
                    m.d.sync += self.writes.valid.eq(1)
                    m.next = "SAMPLE"
            with m.State("SAMPLE"):
                m.d.comb += self.phase.eq(Phase.SAMPLE)
                with m.If(trouble):
                    m.next = "STOP"
                with m.Elif(self.sampled & self.packed):
                    m.next = "WRITE"
            with m.State("WRITE"):
                m.d.comb += self.phase.eq(Phase.WRITE)
                with m.If(trouble):
                    m.next = "STOP"
                with m.Elif(self.write_idle & ~self.writes.valid):
                    m.d.comb += self.done.eq(1)
                    m.next = "IDLE"
            with m.State("STOP"):
                # the masters drop what they are still offered, so that offers end
                m.d.comb += self.stop.eq(1)
                m.d.sync += wait.eq(0)
                m.next = "DRAIN"
            with m.State("DRAIN"):
                offered = self.reads.valid | self.writes.valid
                with m.If((wait == 3) & self.read_idle & self.write_idle & ~offered):
                    m.d.comb += [
                        self.flush.eq(1),
                        self.abort_taken.eq(1),
                        self.aborted.eq(self.abort),
                        self.failed.eq(self.read_error | self.write_error),
                    ]
                    m.next = "IDLE"
                with m.Elif(wait == 3):
                    m.d.sync += wait.eq(3)
        return m
