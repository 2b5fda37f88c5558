# SPDX-License-Identifier: Apache-2.0
"""schedule: the channels of a step, a window on the ranking, in ascending order."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.fifo import SyncFIFOBuffered
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from hw.check import check
from hw.config import width_for
from hw.memory import READ_FIRST
from hw.pipeline import delayed
from hw.sgmac.words import Words

__all__ = ["Schedule"]

_PLACES = 8
_ON_THE_WAY = 3
_MARKED = 2
"""Cycles from a word until it is known whether it was legal."""


class Schedule(wiring.Component):
    """A window of K channels of a ranking, which wraps at the end of a pool.

    Equation: chosen = sorted(ranking[(place + i) mod pool], i = 0..K-1);
    following = (place + K) mod pool.

    The window of golden.sgmac.schedule at step t of a stage is that of place = K * floor(t / T) mod
    pool. Software counts steps: it writes place 0 at the beginning of a stage, and every T steps
    what ``following`` was.

    Flow control: ``beats`` and ``chosen`` are streams, ``chosen``'s valid and payload come from
    registers. The ranking passes once, its first ``pool`` words. ``start`` is for while not
    ``busy``, which is so `channels` + 1 cycles after reset.

    Errors: ``illegal`` if a word is no channel of the layer, or a channel stands twice in the
    window. Then nothing is chosen; not ``busy`` is pool + `channels` + 5 cycles after ``start``.

    Latency: where beats are always there and ``chosen`` is always ready, channel c comes pool +
    `latency` + c cycles after ``start``, and not ``busy`` 1 cycle after the last one is taken.
    Throughput: a word of the ranking, then a channel of the layer, a cycle.

    Method: a bit for each channel, set in the order of the ranking, read and cleared in that of the
    channels.

    Parameters
    ----------
    channels: most channels of a layer, at least 1. data_width: bits of a beat, a multiple of 32.

    Members
    -------
    start: In(1); the numbers hold still from then until not busy.
    count: In(range(channels + 1)), C. window: In(range(channels + 1)), K, at least 1.
    pool: In(range(channels + 1)), K..C. place: In(range(channels)), less than pool.
    busy: Out(1).
    beats: In(stream of data_width bits), the ranking, 32 bits a channel.
    illegal: Out(1), until the next start.
    chosen: Out(stream of range(channels)), K channels, ascending.
    following: Out(range(channels)), two cycles after place, window and pool.
    """

    latency = 9

    def __init__(self, channels: int, data_width: int):
        if channels < 1:
            raise ValueError(f"channels is {channels}: it must be at least 1")
        self.channels = channels
        self.data_width = data_width
        width, count = width_for(channels - 1), width_for(channels)
        super().__init__(
            {
                "start": In(1),
                "count": In(count),
                "window": In(count),
                "pool": In(count),
                "place": In(width),
                "busy": Out(1),
                "beats": In(stream.Signature(data_width)),
                "illegal": Out(1),
                "chosen": Out(stream.Signature(width)),
                "following": Out(width),
            }
        )

    def elaborate(self, platform):
        m = Module()
        width = len(self.place)
        m.submodules.words = words = Words(self.data_width, self.channels)
        m.submodules.bits = bits = Memory(shape=1, depth=self.channels, init=[], attrs=READ_FIRST)
        m.submodules.queue = queue = SyncFIFOBuffered(width=width, depth=_PLACES)
        write, read = bits.write_port(), bits.read_port()
        wiring.connect(m, wiring.flipped(self.beats), words.beats)

        moved = Signal(range(2 * self.channels))
        m.d.sync += [
            moved.eq(self.place + self.window),
            self.following.eq(Mux(moved >= self.pool, moved - self.pool, moved)),
        ]

        # which word this is, and whether the window has it
        begins = Signal()
        position = Signal(width)
        behind, before, inside = Signal(), Signal(), Signal()
        m.d.comb += [
            words.start.eq(begins),
            words.count.eq(self.pool),
            behind.eq(position >= self.place),
            before.eq(position < self.following),
            inside.eq(Mux(self.following <= self.place, behind | before, behind & before)),
        ]
        with m.If(begins):
            m.d.sync += position.eq(0)
        with m.Elif(words.valid):
            m.d.sync += position.eq(position + 1)

        # a bit is read, and set or cleared, at once: reading tells what it was before
        scans, clears = Signal(), Signal()
        step, address = Signal(width), Signal(width)
        tests = Signal()
        marks = delayed(m, words.valid & inside, 1, "marks", reset_less=False)
        channel = delayed(m, words.word[:width], 1, "channel")
        m.d.comb += [
            tests.eq(scans & (queue.level <= _PLACES - _ON_THE_WAY)),
            address.eq(Mux(scans | clears, step, channel)),
            read.addr.eq(address),
            write.addr.eq(address),
            write.data.eq(marks),
            write.en.eq(clears | marks | tests),
        ]
        marked = delayed(m, marks, 1, "marked", reset_less=False)
        tested = delayed(m, tests, 1, "tested", reset_less=False)
        with m.If(begins):
            m.d.sync += self.illegal.eq(0)
        with m.Elif((words.valid & (words.word >= self.count)) | (marked & read.data)):
            m.d.sync += self.illegal.eq(1)

        # those that were set
        missing = Signal.like(self.window)
        m.d.comb += [
            queue.w_en.eq(delayed(m, tested & read.data, 1, "found", reset_less=False)),
            queue.w_data.eq(delayed(m, step, 2, "found_channel")),
            self.chosen.payload.eq(queue.r_data),
            self.chosen.valid.eq(queue.r_rdy),
            queue.r_en.eq(self.chosen.ready),
        ]
        with m.If(begins):
            m.d.sync += missing.eq(self.window)
        with m.Elif(queue.w_en):
            m.d.sync += missing.eq(missing - 1)
        check(m, ~queue.w_en | queue.w_rdy, "a chosen channel found no place in the queue")

        wait = Signal(range(_MARKED + 1))
        with m.FSM() as fsm:
            m.d.comb += self.busy.eq(~fsm.ongoing("IDLE"))
            with m.State("CLEAR"):
                m.d.comb += clears.eq(1)
                m.d.sync += step.eq(step + 1)
                with m.If(step == self.channels - 1):
                    m.next = "IDLE"
            with m.State("IDLE"):
                m.d.comb += begins.eq(self.start)
                with m.If(self.start):
                    m.next = "MARK"
            with m.State("MARK"):
                m.d.sync += [wait.eq(_MARKED), step.eq(0)]
                with m.If(words.valid & words.last):
                    m.next = "JUDGE"
            with m.State("JUDGE"):
                m.d.sync += wait.eq(wait - 1)
                with m.If(wait == 0):
                    m.next = "SCAN"
                    with m.If(self.illegal):
                        m.next = "CLEAR"
            with m.State("SCAN"):
                m.d.comb += scans.eq(1)
                with m.If(tests):
                    m.d.sync += step.eq(step + 1)
                with m.If((tests & (step == self.count - 1)) | (missing == 0)):
                    m.next = "EMPTY"
            with m.State("EMPTY"):
                with m.If((missing == 0) & (queue.level == 0)):
                    m.next = "IDLE"
        return m
