# SPDX-License-Identifier: Apache-2.0
"""Which channels next: a layer's weights to their ranking, and a ranking to the channel list."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hw.bus.bursts import transfer_layout
from hw.bus.packer import INDEX_BYTES, Packer
from hw.bus.read_master import read_layout
from hw.config import Configuration, width_for
from hw.relay import Relay
from hw.sgmac.importance import Importance
from hw.sgmac.job import ADDRESS_WIDTH, LENGTH_WIDTH, choice_job_layout
from hw.sgmac.schedule import Schedule

__all__ = ["ChannelChoice"]


class ChannelChoice(wiring.Component):
    """The jobs rank and schedule, each one read and one write of consecutive bytes.

    Equation: rank: hw.sgmac.importance, the layer's weights become its channels, most important
    first. schedule: hw.sgmac.schedule, the first ``pool`` of them become a channel list.

    Flow control: streams to and from the masters. Everything is ordered at once; nothing is
    written, though, before all weights, or the pool, were read. A job has ended when both orders
    were taken and the write master is idle. After an illegal ranking, whose order to write stays
    open, the block has to be reset.

    Latency: golden.sgmac.cycles.rank_cycles, schedule_cycles. Throughput: one job at a time.

    Parameters
    ----------
    config: kernel, channels and data_width are used.

    Members
    -------
    rank, schedule: In(1), pulses that begin a job; schedule only while ready: Out(1), which is so
    `channels` + 1 cycles after reset.
    job: In(choice_job_layout), holds still from then on.
    illegal: Out(1), the ranking that was read is none, until the next begin; nothing is written.
    following: Out(range(channels)), (place + K) mod pool, two cycles after the three.
    reads, writes: Out(stream of transfer_layout). read: In(stream of read_layout). written:
    Out(stream of data_width bits).
    """

    def __init__(self, config: Configuration):
        self.config = config
        transfers = stream.Signature(transfer_layout(ADDRESS_WIDTH, LENGTH_WIDTH))
        super().__init__(
            {
                "rank": In(1),
                "schedule": In(1),
                "ready": Out(1),
                "job": In(choice_job_layout(config)),
                "illegal": Out(1),
                "following": Out(width_for(config.channels - 1)),
                "reads": Out(transfers),
                "writes": Out(transfers),
                "read": In(stream.Signature(read_layout(config.data_width))),
                "written": Out(stream.Signature(config.data_width)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        config, job = self.config, self.job
        m.submodules.importance = importance = Importance(config)
        m.submodules.schedule = schedule = Schedule(config.channels, config.data_width)
        m.submodules.packer = packer = Packer(config.data_width, config.channels)
        m.submodules.relay = relay = Relay(width_for(config.channels - 1))
        ranks = Signal()  # this job, not schedules
        begin = self.rank | self.schedule
        with m.If(begin):
            m.d.sync += ranks.eq(self.rank)
        m.d.comb += [
            importance.start.eq(self.rank),
            importance.count.eq(job.in_channels),
            importance.rows.eq(job.rows),
            importance.row_bytes.eq(job.row_bytes),
            schedule.start.eq(self.schedule),
            schedule.count.eq(job.in_channels),
            schedule.window.eq(job.selected),
            schedule.pool.eq(job.pool),
            schedule.place.eq(job.place),
            packer.start.eq(begin),
            packer.count.eq(Mux(self.rank, job.in_channels, job.selected)),
            self.ready.eq(~schedule.busy),
            self.illegal.eq(schedule.illegal),
            self.following.eq(schedule.following),
        ]

        # ---- both transfers at once
        for order in (self.reads, self.writes):
            with m.If(begin):
                m.d.sync += order.valid.eq(1)
            with m.Elif(order.ready):
                m.d.sync += order.valid.eq(0)
        m.d.comb += [
            self.reads.payload.address.eq(Mux(ranks, job.weights_address, job.ranking_address)),
            self.reads.payload.bytes.eq(Mux(ranks, job.layer_bytes, job.pool * INDEX_BYTES)),
            self.writes.payload.address.eq(Mux(ranks, job.ranking_address, job.channels_address)),
            self.writes.payload.bytes.eq(
                Mux(ranks, job.in_channels, job.selected) * INDEX_BYTES,
            ),
        ]

        # ---- beats in, channels out
        m.d.comb += self.read.ready.eq(Mux(ranks, importance.beats.ready, schedule.beats.ready))
        for block, chosen, mine in (
            (importance, importance.ranking, ranks),
            (schedule, schedule.chosen, ~ranks),
        ):
            m.d.comb += [
                block.beats.valid.eq(self.read.valid & mine),
                block.beats.payload.eq(self.read.payload.data),
                chosen.ready.eq(relay.input.ready & mine),
            ]
            with m.If(mine):
                m.d.comb += [
                    relay.input.valid.eq(chosen.valid),
                    relay.input.payload.eq(chosen.payload),
                ]
        wiring.connect(m, relay.output, packer.indices)
        wiring.connect(m, packer.words, wiring.flipped(self.written))
        return m
