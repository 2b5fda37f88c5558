# SPDX-License-Identifier: Apache-2.0
"""The accelerator: registers, engine, datapath and the memory port."""

from amaranth.hdl import Cat, Const, Module, Mux, ResetInserter, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from hw.bus.arbiter import ReadArbiter, WriteArbiter
from hw.bus.packer import Packer
from hw.bus.read_master import ReadMaster
from hw.bus.signature import Axi4, Axi4Lite
from hw.bus.write_master import WriteMaster
from hw.config import Configuration
from hw.desne.datapath import NUMBERS, Datapath, trace_layout
from hw.desne.engine import LENGTH_WIDTH, Engine
from hw.desne.job_check import CHECKED, JobCheck
from hw.engine_registers import connect_engine
from hw.flush import Flush
from hw.register_block import RegisterBlock
from hw.registers import ADDRESS_WIDTH
from hw.sgmac.attach import attach_unit, without_unit

MEMORY_ADDRESS_WIDTH = 64
COUNTER_WIDTH = 32
SELECTION, GRADIENT = 0, 1
"""Identifiers of the two engines on the memory port, when there are two."""


class Top(wiring.Component):
    """Chooses the samples of a tile worth training on, and computes sparse weight gradients.

    Equation: docs/numerics.md. Selection, from reduce to sample: n samples of D bytes are read from
    the sample address, each byte once; the budget's positions, ascending, 32 bits each, go to the
    result address. Beside it, unless config.outputs is 0, is the sparse-gradient unit
    (hw/sgmac/unit.py); both engines may be at work, and take turns on the memory port.

    Flow control: ``control`` is an AXI4-Lite slave, docs/registers.md; ``memory`` an AXI4 master
    (INCR bursts within 4 KiB). A job that is refused touches no memory; after an error response
    nothing more is written, and the next job finds the hardware as after reset.

    Latency: golden.cycles.job_cycles. Throughput: one job at a time.

    Parameters
    ----------
    config: all sizes.
    trace: adds the output ``observed``, what passes between the blocks, for testbenches.

    Members
    -------
    control: In(Axi4Lite(12)). memory: Out(Axi4(64, data_width)). irq: Out(1), level.
    observed: Out(trace_layout), only if asked for: `trace` is a word of Verilator.
    """

    def __init__(self, config: Configuration, trace: bool = False):
        self.config = config
        self.traced = trace
        members = {
            "control": In(Axi4Lite(ADDRESS_WIDTH)),
            "memory": Out(Axi4(MEMORY_ADDRESS_WIDTH, config.data_width)),
            "irq": Out(1),
        }
        super().__init__(members | ({"observed": Out(trace_layout(config))} if trace else {}))

    def elaborate(self, platform):
        m = Module()
        config = self.config
        m.submodules.registers = registers = RegisterBlock(config)
        m.submodules.check = check = JobCheck(config)
        m.submodules.engine = engine = Engine(config, MEMORY_ADDRESS_WIDTH)
        m.submodules.reader = reader = ReadMaster(
            MEMORY_ADDRESS_WIDTH, config.data_width, length_width=LENGTH_WIDTH
        )
        m.submodules.writer = writer = WriteMaster(
            MEMORY_ADDRESS_WIDTH, config.data_width, length_width=LENGTH_WIDTH
        )
        datapath, packer = Datapath(config), Packer(config.data_width, config.samples)
        m.submodules.flush = flush = Flush(1 + len(datapath.blocks))
        m.submodules.datapath = datapath
        m.submodules.packer = ResetInserter(flush.resets[0])(packer)
        m.d.comb += [flush.pulse.eq(engine.flush), datapath.resets.eq(flush.resets[1:])]

        wiring.connect(m, wiring.flipped(self.control), registers.axi)
        m.d.comb += self.irq.eq(registers.irq)
        ports = reader.axi, writer.axi
        if config.outputs:
            unit = attach_unit(m, config, registers)
            sizes = (2, MEMORY_ADDRESS_WIDTH, config.data_width)
            m.submodules.read_arbiter = read_arbiter = ReadArbiter(*sizes)
            m.submodules.write_arbiter = write_arbiter = WriteArbiter(*sizes)
            wiring.connect(m, reader.axi, read_arbiter.managers[SELECTION])
            wiring.connect(m, writer.axi, write_arbiter.managers[SELECTION])
            wiring.connect(m, unit.read, read_arbiter.managers[GRADIENT])
            wiring.connect(m, unit.write, write_arbiter.managers[GRADIENT])
            ports = read_arbiter.memory, write_arbiter.memory
        else:
            without_unit(m, registers)
        for half in ports:
            for name, member in half.signature.members.items():
                source, target = getattr(half, name), getattr(self.memory, name)
                m.d.comb += target.eq(source) if member.flow is Out else source.eq(target)
        wiring.connect(m, engine.reads, reader.transfers)
        wiring.connect(m, engine.writes, writer.transfers)
        m.d.comb += [
            datapath.words.payload.eq(reader.data.payload.data),
            datapath.words.valid.eq(reader.data.valid),
            reader.data.ready.eq(datapath.words.ready),
        ]
        wiring.connect(m, datapath.chosen, packer.indices)
        wiring.connect(m, packer.words, writer.data)

        # ---- the job
        job = _Job(registers, config)
        m.d.comb += [getattr(check, name).eq(getattr(registers, name).value) for name in CHECKED]
        for target in (check, engine):
            m.d.comb += [
                target.sample_address.eq(job.sample_address),
                target.result_address.eq(job.result_address),
            ]
        for name in ("sample_bytes", "samples", "budget"):
            m.d.comb += getattr(engine, name).eq(getattr(registers, name).value)
        for name in sorted({name for names in NUMBERS.values() for name in names}):
            # a register behind each: they hold still long before a job begins
            number = Signal.like(getattr(datapath, name), name=f"job_{name}", reset_less=True)
            m.d.sync += number.eq(getattr(job, name))
            m.d.comb += getattr(datapath, name).eq(number)
        entry = registers.table_entry
        m.d.comb += [
            packer.start.eq(engine.begin),
            packer.count.eq(registers.budget.value),
        ]
        m.d.sync += [
            datapath.entry_written.eq(entry.written),
            datapath.entry_position.eq(entry.position),
            datapath.entry.bucket.eq(entry.bucket),
            datapath.entry.sign.eq(entry.sign),
        ]

        # ---- the sequence
        connect_engine(m, registers, "", engine)
        m.d.comb += engine.ready.eq(datapath.ready & ~flush.active)
        for name in ("reduced", "calibrated", "embedded", "sampled"):
            m.d.comb += getattr(engine, name).eq(getattr(datapath, name))
        m.d.comb += [
            engine.verdict.eq(check.refusal),
            engine.packed.eq(~packer.words.valid),
            datapath.begin.eq(engine.begin),
            datapath.play.eq(engine.play),
            engine.read_idle.eq(reader.idle),
            engine.write_idle.eq(writer.idle),
            engine.read_error.eq(reader.error),
            engine.write_error.eq(writer.error),
            *(master.stop.eq(engine.stop) for master in (reader, writer)),
            *(master.clear.eq(engine.clear) for master in (reader, writer)),
            registers.busy.eq(engine.busy),
            registers.done.eq(engine.done),
        ]
        for name, master in (("read", reader), ("write", writer)):
            failed = engine.failed & master.error
            m.d.comb += [
                getattr(registers.errors, f"set_{name}_slave").eq(failed & ~master.decode_error),
                getattr(registers.errors, f"set_{name}_decode").eq(failed & master.decode_error),
            ]

        # ---- counters
        m.d.comb += [
            registers.count_bytes_read.value.eq(reader.bytes),
            registers.count_bytes_written.value.eq(writer.bytes),
            registers.count_read_bursts.value.eq(reader.bursts),
            registers.count_write_bursts.value.eq(writer.bursts),
        ]
        activity = Signal.like(datapath.activity)
        m.d.sync += activity.eq(datapath.activity)
        steps = {name: Mux(activity[name], 1, 0) for name in activity.shape().members}
        steps["distance_lanes"] = Mux(activity.distance_lanes, config.rows * config.lanes, 0)
        steps["embed_lanes"] = Mux(activity.embed_lanes, config.points, 0)
        steps["cycles"] = engine.busy
        for name, step in steps.items():
            count = Signal(COUNTER_WIDTH, name=f"count_{name}")
            m.d.sync += count.eq(Mux(engine.begin, 0, count + step))
            m.d.comb += getattr(registers, f"count_{name}").value.eq(count)
        if self.traced:
            m.d.comb += self.observed.eq(datapath.trace)
        return m


class _Job:
    """The numbers of a job as the datapath takes them, by the names of NUMBERS."""

    def __init__(self, registers: RegisterBlock, config: Configuration):

        def beats(value, lanes):
            """ceil(value / lanes), of a value that was checked."""
            return (value + (lanes - 1)) >> exact_log2(lanes)

        for name in ("samples", "sample_bytes", "neighbours", "target", "iterations", "budget"):
            setattr(self, name, getattr(registers, name).value)
        for name in ("rule", "drop", "spread"):
            setattr(self, name, getattr(registers, name).value)
        for name in ("rate", "exaggeration", "early_momentum", "momentum"):
            setattr(self, name, getattr(registers.schedule, name))
        seed = registers.seed.value
        self.seed = seed | (seed == 0)
        self.phase = seed[:16]
        self.shift, self.offset = registers.reduce.shift, registers.reduce.offset
        self.sample_beats = beats(registers.sample_bytes.value, config.raw_lanes)
        self.beats = beats(registers.features.value, config.lanes)
        for name in ("sample_address", "result_address"):
            words = [getattr(registers, f"{name}_{half}").value for half in ("low", "high")]
            setattr(self, name, Cat(*words, Const(0, 0)))
