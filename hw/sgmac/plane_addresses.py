# SPDX-License-Identifier: Apache-2.0
"""Where the planes of the selected channels are, in the order in which they are read."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hw.arith.multiply import Multiply
from hw.config import Configuration, width_for
from hw.sgmac.channel_list import ChannelList
from hw.sgmac.job import ADDRESS_WIDTH, memory_job_layout

__all__ = ["PlaneAddresses"]


def planes_layout() -> data.StructLayout:
    """The planes of a channel: addresses of x and, depthwise, of the error; whether it is the first
    or the last of the list."""
    return data.StructLayout({"x": ADDRESS_WIDTH, "error": ADDRESS_WIDTH, "first": 1, "last": 1})


class PlaneAddresses(wiring.Component):
    """Goes through the channel list again and again.

    Equation, c_j the channel at position j of the list: x = x_address + c_j x_stride, and when
    depthwise error = error_address + c_j error_stride, for j = 0..K - 1, then from 0 on again.

    Flow control: `planes` is a stream from ``start`` to the next ``start``; the channel list must
    not change from the first to the last payload that counts.

    Latency: `latency` cycles from ``start`` to the first payload. Throughput: a payload every
    `latency` cycles, made while its reader is busy with something else. Both are one more when
    depthwise: one multiplier makes both products.

    Parameters
    ----------
    config: outputs, channels, kernel and plane are used.

    Members
    -------
    start: In(1). job: In(memory_job_layout), stable from 2 cycles before start on.
    position: Out(range(channels)), of the list. channel: In(range(channels)), what is there,
    ChannelList.latency cycles later.
    planes: Out(stream of planes_layout).
    """

    def __init__(self, config: Configuration):
        self.config = config
        width = width_for(config.channels - 1)
        self._multiply = Multiply(width, width_for(config.plane))
        self.latency = ChannelList.latency + self._multiply.latency + 2
        super().__init__(
            {
                "start": In(1),
                "job": In(memory_job_layout(config)),
                "position": Out(width),
                "channel": In(width),
                "planes": Out(stream.Signature(planes_layout())),
            }
        )

    def elaborate(self, platform):
        m = Module()
        job, planes, position = self.job, self.planes.payload, self.position
        m.submodules.multiply = multiply = self._multiply
        depthwise, end = Signal(), Signal.like(position)
        wait = Signal(range(self.latency + 1))  # cycles at this position
        stride = Signal.like(multiply.right)
        of_error = wait >= ChannelList.latency  # from the next cycle on
        m.d.comb += [multiply.left.eq(self.channel), multiply.right.eq(stride)]
        m.d.sync += [
            depthwise.eq(job.depthwise),
            end.eq(job.selected - 1),
            stride.eq(Mux(of_error, job.error_stride, job.x_stride)),
        ]
        x_there = wait == self.latency - 2
        error_there = wait == self.latency - 1
        with m.If(~self.planes.valid):
            m.d.sync += wait.eq(wait + 1)
            with m.If(x_there):
                m.d.sync += [
                    planes.x.eq(job.x_address + multiply.product),
                    planes.first.eq(position == 0),
                    planes.last.eq(position == end),
                ]
            with m.If(depthwise & error_there):
                m.d.sync += planes.error.eq(job.error_address + multiply.product)
            with m.If(Mux(depthwise, error_there, x_there)):
                m.d.sync += self.planes.valid.eq(1)
        with m.Elif(self.planes.ready):
            m.d.sync += [
                self.planes.valid.eq(0),
                wait.eq(0),
                position.eq(Mux(planes.last, 0, position + 1)),
            ]
        with m.If(self.start):
            m.d.sync += [self.planes.valid.eq(0), wait.eq(0), position.eq(0)]
        return m
