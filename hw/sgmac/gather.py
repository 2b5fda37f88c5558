# SPDX-License-Identifier: Apache-2.0
"""gather: fetches what a job needs, in the order of use, and nothing of channels not selected."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from hw.bus.bursts import transfer_layout
from hw.bus.read_master import read_layout
from hw.config import Configuration, width_for
from hw.sgmac.array_job import words_layout
from hw.sgmac.channel_list import ChannelList
from hw.sgmac.deal import Deal, Sink
from hw.sgmac.job import ADDRESS_WIDTH, LENGTH_WIDTH, memory_job_layout
from hw.sgmac.plane_addresses import PlaneAddresses
from hw.sgmac.row_addresses import GRADIENT_BYTES, RowAddresses

SCALE_BYTES = 4


class Gather(wiring.Component):
    """Orders the reads of a job and deals their beats out.

    Order: the channel list; the errors of the first block of outputs; then for every block b and
    position j of the list: x_j, unless it is resident and there; the rows of the position before
    (partial sums when accumulating, weights when updating); at j = 0 the scales of b when updating;
    a share of the errors of block b + 1, ceil(P / K) planes, so that they hide behind the
    multiplications of b. The rows of the last position come last, but for the
    partial sums of the bias gradients. Depthwise: for every j: x_j to
    the lanes, the errors of j to the ring; the rows of the position before; the scale of j.

    Flow control: streams. What a reader does not take holds up all that was ordered after it; the
    order above makes sure that this ends.

    Latency: 3 cycles from ``start`` to the first transfer. Throughput: a transfer every 2 cycles, a
    cycle for each that is not needed, and one between a position's planes and its rows; positions
    are no closer than PlaneAddresses and RowAddresses give them. Beats pass as they come.

    Parameters
    ----------
    config: outputs, plane, kernel, channels and data_width are used.

    Members
    -------
    start: In(1). job: In(memory_job_layout), stable while busy. busy: Out(1), transfers are still
    to be ordered, or beats to come.
    listed: Out(1), the list is there and legal. illegal: Out(1), it is not; nothing else is read.
    position: In, channel: Out: a second reader of the list, as of ChannelList.
    reads: Out(stream of transfer_layout). data: In(stream of read_layout).
    words: Out(stream of words_layout), to the array. partials, weights, scales: Out(stream of
    data_width bits), to the rows. bias: likewise, to the bias.
    """

    def __init__(self, config: Configuration):
        self.config = config
        beats = stream.Signature(config.data_width)
        width = width_for(config.channels - 1)
        super().__init__(
            {name: In(1) for name in ("start",)}
            | {name: Out(1) for name in ("busy", "listed", "illegal")}
            | {
                "job": In(memory_job_layout(config)),
                "position": In(width),
                "channel": Out(width),
                "reads": Out(stream.Signature(transfer_layout(ADDRESS_WIDTH, LENGTH_WIDTH))),
                "data": In(stream.Signature(read_layout(config.data_width))),
                "words": Out(stream.Signature(words_layout(config))),
            }
            | {name: Out(beats) for name in ("partials", "weights", "scales", "bias")}
        )

    def elaborate(self, platform):
        m = Module()
        config, job = self.config, self.job
        lanes, lane_bits = config.outputs, exact_log2(config.outputs)
        m.submodules.list = channels = ChannelList(config, readers=3)
        m.submodules.planes = planes = PlaneAddresses(config)
        m.submodules.rows = rows = RowAddresses(config)
        m.submodules.deal = deal = Deal(config)
        plane, row = planes.planes.payload, rows.rows.payload
        with_rows = Signal()
        depthwise, accumulates, updates = Signal(), Signal(), Signal()  # of the job, near at hand
        m.d.comb += [
            with_rows.eq(accumulates | updates),
            channels.position[0].eq(planes.position),
            channels.position[1].eq(rows.position),
            channels.position[2].eq(self.position),
            planes.channel.eq(channels.channel[0]),
            rows.channel.eq(channels.channel[1]),
            self.channel.eq(channels.channel[2]),
            planes.job.eq(job),
            rows.job.eq(job),
            channels.start.eq(self.start),
            channels.count.eq(job.selected),
            channels.in_channels.eq(job.in_channels),
            self.illegal.eq(channels.illegal),
            self.listed.eq(channels.loaded & ~channels.illegal),
        ]

        # ---- one transfer
        address, length, sink = Signal(ADDRESS_WIDTH), Signal(LENGTH_WIDTH), Signal(Sink)
        ordered = Signal()
        taken = Signal()
        m.d.comb += [
            self.reads.payload.address.eq(address),
            self.reads.payload.bytes.eq(length),
            self.reads.valid.eq(ordered & deal.ordered.ready),
            taken.eq(self.reads.valid & self.reads.ready),
            deal.ordered.payload.eq(sink),
            deal.ordered.valid.eq(taken),
        ]
        with m.If(taken):
            m.d.sync += ordered.eq(0)

        def order(at, size, to, when=1):
            """A transfer, while none is ordered; where and of what it is may change until then."""
            m.d.sync += [address.eq(at), length.eq(size), sink.eq(to)]
            with m.If(when):
                m.d.sync += ordered.eq(1)

        # ---- the errors, block after block
        error_address = Signal(ADDRESS_WIDTH)
        share, rest = Signal(LENGTH_WIDTH), Signal(LENGTH_WIDTH)  # bytes
        counted, step = Signal(range(2 * lanes + config.channels)), Signal(range(lanes + 1))
        stepped = Signal()
        unread = Signal.like(job.outputs)  # outputs of blocks whose errors were not yet begun
        missing = Signal(LENGTH_WIDTH)  # bytes of the block begun
        # made of what changed at least two cycles before it counts
        block, size, lacks = Signal(LENGTH_WIDTH), Signal(LENGTH_WIDTH), Signal()
        m.d.sync += [
            block.eq(
                Mux(unread >= lanes, job.error_stride << lane_bits, Mux(unread == 0, 0, rest))
            ),
            size.eq(Mux(missing < share, missing, share)),
            lacks.eq(missing != 0),
        ]

        def begin_block():
            m.d.sync += [
                missing.eq(block),
                unread.eq(Mux(unread >= lanes, unread - lanes, 0)),
            ]

        scale_address = Signal(ADDRESS_WIDTH)
        outputs_left = Signal.like(job.outputs)  # from this block on
        first_block, last_position, last_block = Signal(), Signal(), Signal()
        in_block = Signal(range(lanes + 1))
        ending = Signal()
        # whether x is to be loaded, rows of the position before need anything, scales do
        loads, owes, scaled = Signal(), Signal(), Signal()
        m.d.sync += [
            depthwise.eq(job.depthwise),
            accumulates.eq(job.accumulate),
            updates.eq(job.update),
            loads.eq(first_block | ~job.resident),
            last_block.eq(depthwise | (outputs_left <= lanes)),
            in_block.eq(Mux(outputs_left < lanes, outputs_left, lanes)),
        ]
        with m.FSM() as fsm:
            with m.State("IDLE"):
                m.d.sync += [
                    error_address.eq(job.error_address),
                    scale_address.eq(job.scale_address),
                    outputs_left.eq(job.outputs),
                    unread.eq(job.outputs),
                    first_block.eq(1),
                    ending.eq(0),
                    share.eq(0),
                    rest.eq(0),
                    counted.eq(0),
                    step.eq(0),
                    stepped.eq(0),
                    missing.eq(0),
                ]
                order(job.channels_address, job.selected * (32 // 8), Sink.CHANNELS, self.start)
                with m.If(self.start):
                    m.next = "LIST"
            with m.State("LIST"):
                # meanwhile: a share of ceil(lanes / K) planes, the last block of outputs mod lanes
                with m.If(~stepped):
                    m.d.sync += step.eq(step + 1)
                    with m.If(counted < lanes):
                        m.d.sync += [
                            counted.eq(counted + job.selected),
                            share.eq(share + job.error_stride),
                        ]
                    with m.If(step < job.outputs[:lane_bits]):
                        m.d.sync += rest.eq(rest + job.error_stride)
                    with m.If(step == lanes):
                        m.d.sync += stepped.eq(1)
                        with m.If(~depthwise):
                            begin_block()
                with m.Elif(self.listed):
                    m.d.comb += [planes.start.eq(1), rows.start.eq(with_rows)]
                    m.next = "FIRST"
                    with m.If(depthwise):
                        m.next = "INPUT"
            with m.State("FIRST"):
                # the errors of the first block, at once
                with m.If(~ordered):
                    order(error_address, missing, Sink.LANES)
                    m.d.sync += error_address.eq(error_address + missing)
                    begin_block()
                    m.next = "INPUT"
            with m.State("INPUT"):
                m.d.sync += [
                    owes.eq(with_rows & ~(first_block & plane.first)),
                    scaled.eq(updates & (depthwise | plane.first)),
                    last_position.eq(plane.last),
                ]
                with m.If(~ordered):
                    begun = planes.planes.valid
                    to = Mux(depthwise, Sink.LANES, Sink.RING)
                    order(plane.x, job.x_stride, to, begun & loads)
                    with m.If(begun):
                        m.next = "ERRORS"
                        with m.If(~depthwise):
                            m.d.comb += planes.planes.ready.eq(1)
                            m.next = "OWED"
            with m.State("ERRORS"):
                with m.If(~ordered):
                    order(plane.error, job.error_stride, Sink.RING)
                    m.d.comb += planes.planes.ready.eq(1)
                    m.next = "OWED"
            with m.State("OWED"):
                # the rows of the position before, if there is one and they need anything
                with m.If(owes):
                    m.next = "PARTIAL"
                with m.Elif(ending):
                    m.next = "LAST"
                with m.Else():
                    m.next = "SCALES"
            with m.State("PARTIAL"):
                with m.If(~ordered):
                    begun = rows.rows.valid
                    count = row.values * GRADIENT_BYTES
                    order(row.gradient, count, Sink.PARTIALS, begun & accumulates)
                    with m.If(begun):
                        m.next = "WEIGHTS"
            with m.State("WEIGHTS"):
                with m.If(~ordered):
                    order(row.weights, row.values, Sink.WEIGHTS, updates)
                    m.d.comb += rows.rows.ready.eq(1)
                    m.next = "PARTIAL"
                    with m.If(row.channel_ends):
                        m.next = "SCALES"
                        with m.If(ending):
                            m.next = "LAST"
            with m.State("SCALES"):
                with m.If(~ordered):
                    count = Mux(depthwise, 1, in_block) * SCALE_BYTES
                    order(scale_address, count, Sink.SCALES, scaled)
                    step_to = Mux(depthwise, config.data_width // 8, lanes * SCALE_BYTES)
                    with m.If(scaled):
                        m.d.sync += scale_address.eq(scale_address + step_to)
                    m.next = "SHARE"
            with m.State("SHARE"):
                with m.If(~ordered):
                    order(error_address, size, Sink.LANES, lacks)
                    with m.If(lacks):
                        m.d.sync += [
                            error_address.eq(error_address + size),
                            missing.eq(missing - size),
                        ]
                    m.next = "INPUT"
                    with m.If(last_position):
                        m.d.sync += [
                            first_block.eq(0),
                            outputs_left.eq(outputs_left - lanes),
                            ending.eq(last_block),
                        ]
                        m.next = "BLOCK"
            with m.State("BLOCK"):
                begin_block()
                m.next = "INPUT"
                with m.If(ending):
                    m.d.sync += owes.eq(with_rows)
                    m.next = "OWED"
            with m.State("LAST"):
                with m.If(~ordered):
                    planes = Mux(depthwise, job.selected, job.outputs)
                    count = planes * GRADIENT_BYTES
                    order(job.bias_address, count, Sink.BIAS, accumulates & job.bias)
                    m.next = "END"
            with m.State("END"):
                with m.If(~ordered & deal.idle):
                    m.next = "IDLE"
        m.d.comb += self.busy.eq(~fsm.ongoing("IDLE"))

        # ---- the beats
        wiring.connect(m, wiring.flipped(self.data), deal.data)
        wiring.connect(m, deal.channels, channels.beats)
        for name in ("words", "partials", "weights", "scales", "bias"):
            wiring.connect(m, getattr(deal, name), wiring.flipped(getattr(self, name)))
        return m
