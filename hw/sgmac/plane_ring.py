# SPDX-License-Identifier: Apache-2.0
"""The ring of planes from which one byte a cycle goes to all lanes."""

from amaranth.hdl import Cat, Const, Module, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.check import check
from hw.config import Configuration, width_for
from hw.pipeline import delayed
from hw.sgmac.array_job import ring_address_width
from hw.sgmac.counting import passes, tally
from hw.sgmac.plane_memory import PlaneMemory

__all__ = ["PlaneRing"]


class PlaneRing(wiring.Component):
    """Planes wait here, as many as fit in 2 * plane bytes, and are read one after the other.

    Equation: byte = plane[position + offset] if inside else 0, of the plane that is read.

    Flow control: a word may be written in every cycle with `space`; the oldest plane is read while
    `ready`, and `follow` goes on to the next. A plane that was left makes room, unless `resident`:
    then all planes stay, and from `rewind` on they are read again without being written again.

    Latency: `latency` = 5 cycles from position to byte; a plane is ready in the cycle after its
    last word; the room of a plane that was left is free `release` = 4 cycles after follow, behind
    the reads under way. Throughput: a word and a byte a cycle, no bubble between planes.

    Parameters
    ----------
    config: plane and data_width are used.

    Members
    -------
    begin: In(1), all planes are forgotten. beats: In(range(plane_beats + 1)), words of a plane.
    resident: In(1). Both hold still from begin on.
    write: In(1), only while space. word: In(data_width). space: Out(1).
    ready: Out(1), the plane to be read is here.
    follow: In(1), a cycle before a plane's last position. rewind: In(1), together with follow: the
        next plane is the first again; nothing unless resident.
    position, offset: In(range(2 * plane)), of a byte of the plane, modulo 2 * plane.
    inside: In(1), a cycle after its position. byte: Out(signed(8)).
    """

    latency = 2 + PlaneMemory.latency
    release = 4

    def __init__(self, config: Configuration):
        self.config = config
        address = ring_address_width(config)
        super().__init__(
            {
                "begin": In(1),
                "beats": In(width_for(config.plane_beats)),
                "resident": In(1),
                "write": In(1),
                "word": In(config.data_width),
                "space": Out(1),
                "ready": Out(1),
                "follow": In(1),
                "rewind": In(1),
                "position": In(address),
                "offset": In(address),
                "inside": In(1),
                "byte": Out(signed(8)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        config = self.config
        capacity = 2 * config.plane_beats
        m.submodules.memory = store = PlaneMemory(config)

        # ---- writing
        free = Signal(range(capacity + 1))
        space = Signal()  # free != 0
        last_word = passes(m, "word", self.beats, self.begin, self.write)
        left = delayed(m, self.follow & ~self.resident, self.release - 1, "left", reset_less=False)
        m.d.comb += [
            self.space.eq(space),
            store.write.eq(self.write),
            store.word.eq(self.word),
        ]
        with m.If(self.begin):
            m.d.sync += [free.eq(capacity), space.eq(1), store.write_address.eq(0)]
        with m.Else():
            m.d.sync += store.write_address.eq(store.write_address + self.write)
            with m.If(left):
                m.d.sync += [free.eq(free + self.beats - self.write), space.eq(1)]
            with m.Elif(self.write):
                m.d.sync += [free.eq(free - 1), space.eq(free != 1)]
        check(m, ~self.write | self.space, "a word was written to a full ring")

        # ---- reading
        stays = Signal()  # all planes were written
        _, waiting = tally(
            m, "waiting", capacity, self.begin, self.write & last_word, self.follow & ~stays
        )
        m.d.comb += self.ready.eq(waiting | stays)
        check(m, ~self.follow | self.ready, "a plane was left that is not there")
        base = Signal(range(capacity))  # word of the plane's beginning
        rewound = Signal()
        m.d.comb += rewound.eq(self.follow & self.rewind & self.resident)
        with m.If(self.begin):
            m.d.sync += stays.eq(0)
        with m.Elif(rewound):
            m.d.sync += stays.eq(1)
        rewound_1 = delayed(m, rewound, 1, "rewound", reset_less=False)
        followed = delayed(m, self.follow, 1, "followed", reset_less=False)
        with m.If(self.begin | rewound_1):
            m.d.sync += base.eq(0)
        with m.Elif(followed):
            m.d.sync += base.eq(base + self.beats)
        # cycle 0: the place in the plane; cycle 1: the address; then the memory
        width = ring_address_width(config)
        place, address = Signal(width, reset_less=True), Signal(width, reset_less=True)
        places = config.beat_bytes.bit_length() - 1
        m.d.sync += [
            place.eq(self.position + self.offset),
            address.eq(place + Cat(Const(0, places), delayed(m, base, 1, "base"))),
            store.inside.eq(self.inside),
        ]
        m.d.comb += [store.address.eq(address), self.byte.eq(store.byte)]
        return m
