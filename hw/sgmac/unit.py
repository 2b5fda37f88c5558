# SPDX-License-Identifier: Apache-2.0
"""The sparse-gradient unit: engine, numbers, what they start, and two masters."""

from amaranth.hdl import Module, Mux, ResetInserter, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.bus.read_master import COUNTER_WIDTH, ReadMaster
from hw.bus.signature import Axi4Read, Axi4Write
from hw.bus.write_master import WriteMaster
from hw.config import Configuration, width_for
from hw.flush import Flush
from hw.pipeline import delayed
from hw.sgmac.channel_choice import ChannelChoice
from hw.sgmac.datapath import GradientDatapath
from hw.sgmac.engine import GradientEngine
from hw.sgmac.job import ADDRESS_WIDTH, LENGTH_WIDTH
from hw.sgmac.numbers import Numbers, asked_layout
from hw.sgmac.registers import COUNTED, GradientOperation, GradientPhase, GradientRefusal

__all__ = ["SparseGradient"]

BURST, OUTSTANDING = 16, 8
"""Planes of small maps are short transfers, so more of them are under way."""


class SparseGradient(wiring.Component):
    """Weight gradients of the selected channels of a layer, or their updated weights; and which
    channels those are: the layer's ranking, and a window on it. Between jobs everything is in
    memory, so that layers can take turns.

    Equation: golden/sgmac, docs/numerics.md. ``asked.operation`` tells which job it is.

    Flow control: ``start`` and ``abort`` are held by their register until they are answered; the
    numbers of a job hold still from ``start`` to the end of ``busy``. Two AXI4 masters.

    Latency: golden.sgmac.cycles. Throughput: one job at a time. schedule begins `channels` + 1
    cycles after a reset or an early end, at the earliest.

    Parameters
    ----------
    config: outputs, plane, kernel, channels and data_width are used.

    Members
    -------
    asked: In(asked_layout). stochastic: In(1). seed: In(32); 0 counts as 1.
    start, abort: In(1). started, refused, abort_taken, done, aborted, read_failed, write_failed,
    unlisted: Out(1), pulses: how a start or abort was answered, and how a job ended. busy: Out(1).
    read_decode, write_decode: Out(1), with the failed pulses: the error was DECERR.
    refusal: Out(GradientRefusal). phase: Out(GradientPhase).
    following: Out(range(channels)), (place + K) mod pool, of legal numbers.
    count_...: Out(32), one for each of COUNTED, of the last job.
    read: Out(Axi4Read). write: Out(Axi4Write).
    """

    def __init__(self, config: Configuration):
        self.config = config
        flags = (
            "started refused abort_taken done aborted read_failed write_failed unlisted "
            "read_decode write_decode busy"
        )
        super().__init__(
            {name: Out(1) for name in flags.split()}
            | {name: In(1) for name in ("start", "abort", "stochastic")}
            | {f"count_{name}": Out(COUNTER_WIDTH) for name in COUNTED}
            | {
                "asked": In(asked_layout()),
                "seed": In(32),
                "refusal": Out(GradientRefusal),
                "phase": Out(GradientPhase),
                "following": Out(width_for(config.channels - 1)),
                "read": Out(Axi4Read(ADDRESS_WIDTH, config.data_width)),
                "write": Out(Axi4Write(ADDRESS_WIDTH, config.data_width)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        config = self.config
        m.submodules.engine = engine = GradientEngine()
        m.submodules.numbers = numbers = Numbers(config)
        datapath, choice = GradientDatapath(config), ChannelChoice(config)
        m.submodules.flush = flush = Flush(2)
        m.submodules.datapath = ResetInserter(flush.resets[0])(datapath)
        m.submodules.choice = ResetInserter(flush.resets[1])(choice)
        sizes = {"length_width": LENGTH_WIDTH, "burst": BURST, "outstanding": OUTSTANDING}
        m.submodules.reader = reader = ReadMaster(ADDRESS_WIDTH, config.data_width, **sizes)
        m.submodules.writer = writer = WriteMaster(ADDRESS_WIDTH, config.data_width, **sizes)
        wiring.connect(m, reader.axi, wiring.flipped(self.read))
        wiring.connect(m, writer.axi, wiring.flipped(self.write))
        # which job it is, known long before it begins
        gradient, ranks, schedules = (Signal(name=f"is_{each.name}") for each in GradientOperation)
        for flag, operation in zip((gradient, ranks, schedules), GradientOperation, strict=True):
            m.d.sync += flag.eq(self.asked.operation == operation)
        # a register for each stream, so that none of them reaches too far
        others = [delayed(m, ~gradient, number, "others") for number in range(1, 5)]
        m.d.comb += [
            datapath.read.payload.eq(reader.data.payload),
            choice.read.payload.eq(reader.data.payload),
            datapath.read.valid.eq(reader.data.valid & ~others[0]),
            choice.read.valid.eq(reader.data.valid & others[0]),
            reader.data.ready.eq(Mux(others[0], choice.read.ready, datapath.read.ready)),
        ]
        for other, name, target in (
            (others[1], "reads", reader.transfers),
            (others[2], "writes", writer.transfers),
            (others[3], "written", writer.data),
        ):
            first, second = getattr(datapath, name), getattr(choice, name)
            m.d.comb += [
                first.ready.eq(target.ready & ~other),
                second.ready.eq(target.ready & other),
                target.valid.eq(Mux(other, second.valid, first.valid)),
                Value.cast(target.payload).eq(Mux(other, second.payload, first.payload)),
            ]
        m.d.comb += [
            choice.job.eq(numbers.choice),
            choice.rank.eq(engine.begin & ranks),
            choice.schedule.eq(engine.begin & schedules),
            self.following.eq(choice.following),
            engine.operation.eq(self.asked.operation),
            flush.pulse.eq(engine.flush),
            engine.ready.eq((choice.ready | ~schedules) & ~flush.active),
            engine.misranked.eq(choice.illegal),
            numbers.asked.eq(self.asked),
            numbers.check.eq(self.start),
            datapath.memory.eq(numbers.memory),
            datapath.array.eq(numbers.array),
            datapath.stochastic.eq(self.stochastic),
            datapath.seed.eq(self.seed | (self.seed == 0)),
            datapath.begin.eq(engine.begin & gradient),
            engine.start.eq(self.start),
            engine.abort.eq(self.abort),
            engine.verdict.eq(numbers.refusal),
            engine.offered.eq(reader.transfers.valid | writer.transfers.valid),
            engine.read_idle.eq(reader.idle),
            engine.write_idle.eq(writer.idle),
            engine.read_error.eq(reader.error),
            engine.write_error.eq(writer.error),
            *(master.stop.eq(engine.stop) for master in (reader, writer)),
            *(master.clear.eq(engine.clear) for master in (reader, writer)),
            self.read_failed.eq(engine.failed & reader.error),
            self.write_failed.eq(engine.failed & writer.error),
            self.read_decode.eq(reader.decode_error),
            self.write_decode.eq(writer.decode_error),
        ]
        for name in ("illegal", "listed", "computed", "finished"):
            m.d.comb += getattr(engine, name).eq(getattr(datapath, name))
        for name in "started refused abort_taken done aborted unlisted busy refusal phase".split():
            m.d.comb += getattr(self, name).eq(getattr(engine, name))

        m.d.comb += [
            self.count_bytes_read.eq(reader.bytes),
            self.count_bytes_written.eq(writer.bytes),
            self.count_read_bursts.eq(reader.bursts),
            self.count_write_bursts.eq(writer.bursts),
        ]
        saturated = Signal(COUNTER_WIDTH)
        with m.If(engine.busy):
            m.d.sync += saturated.eq(Mux(gradient, datapath.saturated, 0))
        m.d.comb += self.count_saturated.eq(saturated)
        steps = {
            "cycles": engine.busy,
            "multiply": datapath.multiplying,
            "stalled": datapath.waiting,
            "lanes": datapath.lanes,
        }
        for name, step in steps.items():
            count = Signal(COUNTER_WIDTH, name=f"count_of_{name}")
            with m.If(engine.begin):
                m.d.sync += count.eq(step)
            with m.Else():
                m.d.sync += count.eq(count + step)
            m.d.comb += getattr(self, f"count_{name}").eq(count)
        return m
