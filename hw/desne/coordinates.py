# SPDX-License-Identifier: Apache-2.0
"""The coordinates of all samples on chip, recentred as they are read."""

from amaranth.hdl import Module, Signal
from amaranth.lib import data, memory, wiring
from amaranth.lib.wiring import In, Out

from hw.arith.rounding import saturate
from hw.config import Configuration
from hw.desne.map_widths import POSITION, POSITION_MAXIMUM, centred_shape, stored_shape, vector
from hw.pipeline import delayed

__all__ = ["Coordinates", "ReadPort"]


class ReadPort(wiring.Signature):
    """One reading port of Coordinates, as the reader sees it.

    Members
    -------
    address: Out(range(N)).
    position: In(struct of x, y: signed(15)), of the address Coordinates.latency cycles ago.
    """

    def __init__(self, config: Configuration):
        super().__init__({"address": Out(config.index_width), "position": In(POSITION)})


class Coordinates(wiring.Component):
    """Memory of all coordinates with one writing and several reading ports.

    Equation: what is read is saturate(stored - mean, -2^14, 2^14 - 1) per axis: the recentring of
    docs/numerics.md, embed, costs no pass of its own.

    Flow control: none. A write is seen by addresses from the next cycle on. The mean may change
    when no read is under way.

    Latency: `latency` = 4 cycles from address to position; `centred` a cycle earlier.
    Throughput: one read a port and one write a cycle.

    Parameters
    ----------
    config: sizes; samples and features are used.
    ports: reading ports, at least 1.

    Members
    -------
    write: In(1). write_address: In(range(N)).
    write_data: In(struct of x, y: stored_shape).
    mean: In(struct of x, y: stored_shape).
    read: In(array of `ports` ReadPort).
    centred: Out(struct of x, y: centred_shape), port 0 before it saturates.
    """

    latency = 4

    def __init__(self, config: Configuration, ports: int):
        if ports < 1:
            raise ValueError(f"ports is {ports}: it must be at least 1")
        self.config = config
        self.ports = ports
        stored = vector(stored_shape(config))
        super().__init__(
            {
                "write": In(1),
                "write_address": In(config.index_width),
                "write_data": In(stored),
                "mean": In(stored),
                "read": In(ReadPort(config)).array(ports),
                "centred": Out(vector(centred_shape(config))),
            }
        )

    def elaborate(self, platform):
        m = Module()
        stored_layout = vector(stored_shape(self.config))
        m.submodules.store = store = memory.Memory(
            shape=stored_layout, depth=self.config.samples, init=[]
        )
        write = store.write_port()
        m.d.comb += [
            write.en.eq(self.write),
            write.addr.eq(self.write_address),
            write.data.eq(self.write_data),
        ]
        for number, port in enumerate(self.read):
            read = store.read_port()
            m.d.comb += read.addr.eq(port.address)
            # cycle 1: a register behind the memory; cycle 2: subtract; cycle 3: saturate
            stored = data.View(stored_layout, delayed(m, read.data, 1, f"stored_{number}"))
            centred = Signal(
                vector(centred_shape(self.config)), name=f"centred_{number}", reset_less=True
            )
            if number == 0:
                m.d.comb += self.centred.eq(centred)
            for axis in ("x", "y"):
                position = Signal(
                    POSITION.members[axis], name=f"position_{number}_{axis}", reset_less=True
                )
                m.d.sync += [
                    centred[axis].eq(stored[axis] - self.mean[axis]),
                    position.eq(saturate(centred[axis], -POSITION_MAXIMUM - 1, POSITION_MAXIMUM)),
                ]
                m.d.comb += port.position[axis].eq(position)
        return m
