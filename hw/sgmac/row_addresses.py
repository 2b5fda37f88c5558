# SPDX-License-Identifier: Apache-2.0
"""Where the rows of a job's weights and gradients are, in the order in which they are computed."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hw.arith.multiply import Multiply
from hw.config import Configuration, width_for
from hw.sgmac.channel_list import ChannelList
from hw.sgmac.job import ADDRESS_WIDTH, STRIDE_WIDTH, memory_job_layout

GRADIENT_BYTES = 4


def row_layout(config: Configuration) -> data.StructLayout:
    """A row: its addresses as gradients and as weights, how many values it has, and whether it is
    the last of its channel, and of the job."""
    return data.StructLayout(
        {
            "gradient": ADDRESS_WIDTH,
            "weights": ADDRESS_WIDTH,
            "values": range(config.outputs + 1),
            "channel_ends": 1,
            "last": 1,
        }
    )


class RowAddresses(wiring.Component):
    """Goes through the rows of a job.

    Equation, P = config.outputs, c_j the channel at position j of the list: for each block b of P
    outputs, each j, each tap t a row of min(P, C_out - b P) values, at gradient_address + 4 b P +
    (j taps + t) gradient_row and at weights_address + b P + c_j weights_piece + t weights_row.
    Depthwise: for each j, each block b of P taps a row of min(P, taps - b P) values, at
    gradient_address + 4 b P + j gradient_row and at weights_address + b P + c_j weights_piece.

    Flow control: `rows` is a stream. The channel list must not change while busy.

    Latency: `latency` cycles from ``start`` to the first row. Throughput: a row a cycle; first rows
    of consecutive channels are `latency` - 1 cycles apart at least, and one more than the channel
    before has rows: its product is made meanwhile.

    Parameters
    ----------
    config: outputs, channels, kernel and plane are used.

    Members
    -------
    start: In(1). job: In(memory_job_layout), stable from start to the last row.
    position: Out(range(channels)), of the list. channel: In(range(channels)), what is there,
    ChannelList.latency cycles later.
    rows: Out(stream of row_layout).
    """

    def __init__(self, config: Configuration):
        self.config = config
        width = width_for(config.channels - 1)
        self._multiply = Multiply(width, STRIDE_WIDTH)
        self.latency = ChannelList.latency + self._multiply.latency + 2
        super().__init__(
            {
                "start": In(1),
                "job": In(memory_job_layout(config)),
                "position": Out(width),
                "channel": In(width),
                "rows": Out(stream.Signature(row_layout(config))),
            }
        )

    def elaborate(self, platform):
        m = Module()
        config, job, row = self.config, self.job, self.rows.payload
        lanes = config.outputs
        m.submodules.multiply = multiply = self._multiply
        m.d.comb += [multiply.left.eq(self.channel), multiply.right.eq(job.weights_piece)]

        outputs_left = Signal.like(job.outputs)  # from this block on
        taps_left = Signal.like(job.taps)  # from this row on
        depthwise, alone = Signal(), Signal()  # alone: the channel has but one row
        in_first = Signal.like(row.values)  # depthwise, of a channel's first row
        gradient_block, weights_block = Signal(ADDRESS_WIDTH), Signal(ADDRESS_WIDTH)
        gradient_channel = Signal(ADDRESS_WIDTH)
        wait = Signal(range(self.latency))
        # of the channel behind the one whose rows are given
        last_channel, last_block = Signal(), Signal()
        last_position = Signal.like(self.position)
        in_block = Signal.like(row.values)
        block_ends, job_ends = Signal(), Signal()  # with the channel whose rows are given
        m.d.sync += [
            last_position.eq(job.selected - 1),
            last_channel.eq(self.position == last_position),
            last_block.eq(depthwise | (outputs_left <= lanes)),
            in_block.eq(Mux(outputs_left < lanes, outputs_left, lanes)),
            depthwise.eq(job.depthwise),
            alone.eq(Mux(depthwise, job.taps <= lanes, job.taps == 1)),
            in_first.eq(Mux(job.taps < lanes, job.taps, lanes)),
        ]
        m.d.comb += row.last.eq(row.channel_ends & job_ends)
        next_gradient = Signal(ADDRESS_WIDTH)  # the next row in the same channel
        m.d.comb += next_gradient.eq(
            row.gradient + Mux(depthwise, GRADIENT_BYTES * lanes, job.gradient_row)
        )
        with m.FSM():
            with m.State("IDLE"):
                m.d.sync += [
                    outputs_left.eq(job.outputs),
                    self.position.eq(0),
                    gradient_block.eq(job.gradient_address),
                    gradient_channel.eq(job.gradient_address),
                    row.gradient.eq(job.gradient_address),
                    weights_block.eq(job.weights_address),
                    wait.eq(0),
                ]
                with m.If(self.start):
                    m.next = "CHANNEL"
            with m.State("CHANNEL"):
                # the list, then the product
                m.d.sync += [
                    taps_left.eq(job.taps),
                    row.channel_ends.eq(alone),
                    row.values.eq(Mux(depthwise, in_first, in_block)),
                    row.weights.eq(weights_block + multiply.product),
                    block_ends.eq(last_channel),
                    job_ends.eq(last_channel & last_block),
                ]
                with m.If(wait != self.latency - 2):
                    m.d.sync += wait.eq(wait + 1)
                with m.Else():
                    m.d.sync += [
                        self.rows.valid.eq(1),
                        self.position.eq(self.position + 1),
                        wait.eq(0),
                    ]
                    with m.If(last_channel):
                        m.d.sync += [
                            self.position.eq(0),
                            outputs_left.eq(outputs_left - lanes),
                            gradient_block.eq(gradient_block + GRADIENT_BYTES * lanes),
                            weights_block.eq(weights_block + lanes),
                        ]
                    m.next = "ROW"
            with m.State("ROW"):
                with m.If(wait != self.latency - 2):
                    m.d.sync += wait.eq(wait + 1)
                with m.If(self.rows.ready):
                    m.d.sync += [
                        row.gradient.eq(next_gradient),
                        row.weights.eq(row.weights + Mux(depthwise, lanes, job.weights_row)),
                        taps_left.eq(taps_left - Mux(depthwise, lanes, 1)),
                        row.channel_ends.eq(Mux(depthwise, taps_left <= 2 * lanes, taps_left == 2)),
                    ]
                    with m.If(depthwise & (taps_left < 2 * lanes)):
                        m.d.sync += row.values.eq(taps_left % lanes)
                    with m.If(row.channel_ends):
                        m.d.sync += self.rows.valid.eq(0)
                        with m.If(depthwise):
                            m.d.sync += [
                                row.gradient.eq(gradient_channel + job.gradient_row),
                                gradient_channel.eq(gradient_channel + job.gradient_row),
                            ]
                        with m.Elif(block_ends):
                            m.d.sync += row.gradient.eq(gradient_block)
                        m.next = "CHANNEL"
                        with m.If(job_ends):
                            m.next = "IDLE"
        return m
