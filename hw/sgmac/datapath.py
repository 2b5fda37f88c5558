# SPDX-License-Identifier: Apache-2.0
"""The blocks of the sparse-gradient unit, joined."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hw.bus.bursts import transfer_layout
from hw.bus.read_master import read_layout
from hw.config import Configuration
from hw.relay import Relay
from hw.sgmac.array import GradientArray
from hw.sgmac.array_job import Target, array_job_layout
from hw.sgmac.bias import Bias
from hw.sgmac.gather import Gather
from hw.sgmac.job import ADDRESS_WIDTH, LENGTH_WIDTH, memory_job_layout
from hw.sgmac.row_addresses import GRADIENT_BYTES, RowAddresses
from hw.sgmac.rows import Rows

__all__ = ["GradientDatapath"]


class GradientDatapath(wiring.Component):
    """gather -> array -> rows, and the bias beside them: planes in memory become rows in memory.

    Flow control: streams to and from the masters.

    Latency: golden.sgmac.cycles.job_cycles. Throughput: one job at a time.

    Parameters
    ----------
    config: outputs, plane, kernel, channels and data_width are used.

    Members
    -------
    begin: In(1), a pulse; the numbers of the job hold still from then on.
    memory: In(memory_job_layout). array: In(array_job_layout), both of hw/sgmac/numbers.py.
    stochastic: In(1). seed: In(32), not 0.
    listed: Out(1), the channel list is there and legal. illegal: Out(1), it is not.
    computed: Out(1), all rows were given; bias gradients, if asked for, follow.
    finished: Out(1), everything was given to the write master.
    reads, writes: Out(stream of transfer_layout). read: In(stream of read_layout). written:
    Out(stream of data_width bits).
    multiplying: Out(1), the lanes are at work. lanes: Out(range(P_o + 1)), how many of them.
    waiting: Out(1), they have work and wait for it.
    saturated: Out(32), weights of the job that saturated.
    """

    def __init__(self, config: Configuration):
        self.config = config
        transfers = stream.Signature(transfer_layout(ADDRESS_WIDTH, LENGTH_WIDTH))
        flags = "listed illegal computed finished multiplying waiting"
        super().__init__(
            {name: Out(1) for name in flags.split()}
            | {name: In(1) for name in ("begin", "stochastic")}
            | {name: Out(transfers) for name in ("reads", "writes")}
            | {
                "memory": In(memory_job_layout(config)),
                "array": In(array_job_layout(config)),
                "seed": In(32),
                "read": In(stream.Signature(read_layout(config.data_width))),
                "written": Out(stream.Signature(config.data_width)),
                "saturated": Out(32),
                "lanes": Out(range(config.outputs + 1)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        config, job = self.config, self.memory
        m.submodules.gather = gather = Gather(config)
        m.submodules.array = array = GradientArray(config)
        m.submodules.rows = rows = Rows(config)
        m.submodules.bias = bias = Bias(config)
        m.submodules.places = places = RowAddresses(config)

        # the list first; when it is legal, all others
        waiting, go = Signal(), Signal()
        m.d.comb += go.eq(waiting & gather.listed)
        with m.If(self.begin):
            m.d.sync += waiting.eq(1)
        with m.Elif(go):
            m.d.sync += waiting.eq(0)
        m.d.comb += [
            gather.start.eq(self.begin),
            gather.job.eq(job),
            self.listed.eq(gather.listed & ~waiting),
            self.illegal.eq(gather.illegal),
            gather.position.eq(places.position),
            places.channel.eq(gather.channel),
            places.start.eq(go),
            places.job.eq(job),
            array.start.eq(go),
            array.job.eq(self.array),
            rows.start.eq(go),
            rows.seed.eq(self.seed),
            rows.stochastic.eq(self.stochastic),
            bias.start.eq(go),
        ]
        m.d.sync += bias.emit.eq(go & job.bias)
        for name in ("outputs", "taps", "selected", "depthwise", "accumulate", "update"):
            m.d.comb += getattr(rows, name).eq(job[name])
        wiring.connect(m, gather.reads, wiring.flipped(self.reads))
        wiring.connect(m, wiring.flipped(self.read), gather.data)
        wiring.connect(m, gather.words, array.words)
        wiring.connect(m, array.rows, rows.rows)
        for name in ("partials", "weights", "scales"):
            wiring.connect(m, getattr(gather, name), getattr(rows, name))
        wiring.connect(m, gather.bias, bias.partials)

        # the errors go past the bias
        word = gather.words
        of_errors = Mux(job.depthwise, Target.RING, Target.LANES)
        m.d.comb += [
            bias.planes.eq(Mux(job.depthwise, job.selected, job.outputs)),
            bias.plane_bytes.eq(job.error_bytes),
            bias.accumulate.eq(job.accumulate),
        ]
        m.d.sync += [
            # not without bias gradients: the layer may then have more outputs than it holds
            bias.passes.eq(job.bias & word.valid & word.ready & (word.payload.target == of_errors)),
            bias.word.eq(word.payload.data),
        ]

        # ---- rows to memory, then the bias gradients
        m.submodules.to_writes = to_writes = Relay(self.writes.payload.shape())
        m.submodules.to_written = to_written = Relay(config.data_width)
        wiring.connect(m, to_writes.output, wiring.flipped(self.writes))
        wiring.connect(m, to_written.output, wiring.flipped(self.written))
        writes, written = to_writes.input, to_written.input
        row = places.rows.payload
        last_row = Signal()  # ordered
        bias_settled = Signal(init=1)  # its transfer was ordered, or none was asked for
        updates = Signal()  # of the job, near at hand
        m.d.sync += updates.eq(job.update)
        m.d.comb += [
            writes.valid.eq(places.rows.valid),
            writes.payload.address.eq(Mux(updates, row.weights, row.gradient)),
            writes.payload.bytes.eq(Mux(updates, row.values, row.values * GRADIENT_BYTES)),
            places.rows.ready.eq(writes.ready),
        ]
        m.d.sync += [
            self.computed.eq(last_row & rows.idle),
            self.finished.eq(self.computed & bias_settled & bias.idle & ~self.written.valid),
        ]
        with m.If(places.rows.valid & places.rows.ready & row.last):
            m.d.sync += last_row.eq(1)
        with m.If(self.computed):
            m.d.comb += [
                writes.valid.eq(job.bias & ~bias_settled),
                writes.payload.address.eq(job.bias_address),
                writes.payload.bytes.eq(bias.planes * GRADIENT_BYTES),
                written.valid.eq(bias.beats.valid),
                written.payload.eq(bias.beats.payload),
                bias.beats.ready.eq(written.ready),
            ]
            # settled for good, for the numbers of the next job may come at any time after
            with m.If(~job.bias | writes.ready):
                m.d.sync += bias_settled.eq(1)
        with m.Else():
            m.d.comb += [
                written.valid.eq(rows.beats.valid),
                written.payload.eq(rows.beats.payload),
                rows.beats.ready.eq(written.ready),
            ]
        with m.If(self.begin):
            m.d.sync += [Cat(last_row, bias_settled, self.computed, self.finished).eq(0)]
        m.d.comb += [
            self.multiplying.eq(array.active),
            self.lanes.eq(array.lanes),
            self.waiting.eq(array.busy & ~array.active),
            self.saturated.eq(rows.saturated),
        ]
        return m
