# SPDX-License-Identifier: Apache-2.0
"""Memory of planes: whole words are written, single bytes are read."""

from amaranth.hdl import Module, Signal, signed
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from hw.config import Configuration
from hw.pipeline import delayed

__all__ = ["PlaneMemory"]


class PlaneMemory(wiring.Component):
    """Two planes' worth of signed bytes, written a beat and read a byte at a time.

    Equation: byte = memory[address] if inside else 0.

    Flow control: none. A word written in one cycle can be read from the next on.

    Latency: `latency` = 3 cycles from address to byte: the memory, the register behind it (which
    block RAMs have inside), the choice of the byte. Throughput: one word written and one byte read
    a cycle.

    Parameters
    ----------
    config: plane and data_width are used.

    Members
    -------
    write: In(1). write_address: In(range(2 * plane_beats)). word: In(data_width), lowest address in
        the lowest bits.
    address: In(range(2 * plane)), of a byte. inside: In(1), belongs to address.
    byte: Out(signed(8)).
    """

    latency = 3

    def __init__(self, config: Configuration):
        self.config = config
        super().__init__(
            {
                "write": In(1),
                "write_address": In(range(2 * config.plane_beats)),
                "word": In(config.data_width),
                "address": In(range(2 * config.plane)),
                "inside": In(1),
                "byte": Out(signed(8)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        config = self.config
        places = config.beat_bytes.bit_length() - 1  # low bits of an address: a byte of the word
        m.submodules.words = words = memory.Memory(
            shape=config.data_width, depth=2 * config.plane_beats, init=[]
        )
        write, read = words.write_port(), words.read_port()
        word = Signal(config.data_width, reset_less=True)
        m.d.comb += [
            write.en.eq(self.write),
            write.addr.eq(self.write_address),
            write.data.eq(self.word),
            read.addr.eq(self.address[places:]),
        ]
        m.d.sync += word.eq(read.data)
        place = delayed(m, self.address[:places], 2, "place")
        inside = delayed(m, self.inside, 2, "inside")
        byte = Signal(signed(8), reset_less=True)
        with m.If(inside):
            m.d.sync += byte.eq(word.word_select(place, 8))
        with m.Else():
            m.d.sync += byte.eq(0)
        m.d.comb += self.byte.eq(byte)
        return m
