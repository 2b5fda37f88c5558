# SPDX-License-Identifier: Apache-2.0
"""schedule: the channels of a step, a window on the ranking, in ascending order."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.fifo import SyncFIFOBuffered
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from hw.check import check
from hw.config import width_for
from hw.pipeline import delayed

__all__ = ["Schedule"]

_PLACES = 8
_ON_THE_WAY = 3


class Schedule(wiring.Component):
    """A window of K channels of a ranking, which wraps at the end of a pool.

    Equation: chosen = sorted(ranking[(place + i) mod pool], i = 0..K-1);
    following = (place + K) mod pool.

    The window of golden.sgmac.schedule at step t of a stage is that of place = K * floor(t / T) mod
    pool. Software counts steps: it writes place 0 at the beginning of a stage, and every T steps
    what ``following`` was.

    Flow control: ``chosen`` is a stream, its valid and payload come from registers. ``start`` is
    for while not ``busy``, which is so `channels` + 1 cycles after reset.

    Latency: with C the channels of the layer, channel c comes K + `latency` + 6 + c cycles
    after ``start``, and not ``busy`` is K + C + `latency` + 7 cycles after it, where ``chosen`` is
    always ready. Throughput: a channel of the window, then of the layer, a cycle.

    Method: a bit for each channel, set in the order of the ranking, read and cleared in that of the
    channels.

    Parameters
    ----------
    channels: most channels of a layer, at least 1. latency: cycles in which a position is answered.

    Members
    -------
    start: In(1); the numbers hold still from then until not busy.
    count: In(range(channels + 1)), C. window: In(range(channels + 1)), K, at least 1.
    pool: In(range(channels + 1)), K..C. place: In(range(channels)), less than pool.
    busy: Out(1).
    position: Out(range(channels)). channel: In(range(channels)), ranking[position], `latency`
        cycles later.
    chosen: Out(stream of range(channels)), K channels, ascending.
    following: Out(range(channels)), two cycles after start.
    """

    def __init__(self, channels: int, latency: int):
        if channels < 1 or latency < 1:
            raise ValueError(f"channels = {channels} and latency = {latency} must be at least 1")
        self.channels = channels
        self.latency = latency
        width, count = width_for(channels - 1), width_for(channels)
        super().__init__(
            {
                "start": In(1),
                "count": In(count),
                "window": In(count),
                "pool": In(count),
                "place": In(width),
                "busy": Out(1),
                "position": Out(width),
                "channel": In(width),
                "chosen": Out(stream.Signature(width)),
                "following": Out(width),
            }
        )

    def elaborate(self, platform):
        m = Module()
        width = len(self.position)
        m.submodules.bits = bits = Memory(shape=1, depth=self.channels, init=[])
        m.submodules.queue = queue = SyncFIFOBuffered(width=width, depth=_PLACES)
        write, read = bits.write_port(), bits.read_port()

        marks, scans, clears = Signal(), Signal(), Signal()
        left = Signal.like(self.count)  # of the window or of the layer, behind this one
        step = Signal(width)
        tests = Signal()
        m.d.comb += [
            tests.eq(scans & (queue.level <= _PLACES - _ON_THE_WAY)),
            read.addr.eq(step),
            self.position.eq(step),
        ]
        # a mark is set when its channel is here; a bit is cleared when it was read
        marked = delayed(m, marks, self.latency, "marked", reset_less=False)
        tested = delayed(m, tests, 1, "tested", reset_less=False)
        step_1 = delayed(m, step, 1, "step")
        m.d.comb += [
            write.addr.eq(Mux(clears, step, Mux(marked, self.channel, step_1))),
            write.data.eq(marked),
            write.en.eq(clears | marked | tested),
        ]
        m.d.comb += [
            queue.w_en.eq(delayed(m, tested & read.data, 1, "found", reset_less=False)),
            queue.w_data.eq(delayed(m, step_1, 1, "found_channel")),
            self.chosen.payload.eq(queue.r_data),
            self.chosen.valid.eq(queue.r_rdy),
            queue.r_en.eq(self.chosen.ready),
        ]
        check(m, ~queue.w_en | queue.w_rdy, "a chosen channel found no place in the queue")

        moved = Signal(range(2 * self.channels))
        m.d.sync += [
            moved.eq(self.place + self.window),
            self.following.eq(Mux(moved >= self.pool, moved - self.pool, moved)),
        ]
        wait = Signal(range(max(self.latency, 4) + 1))
        with m.If(marks | tests | clears):
            m.d.sync += [step.eq(step + 1), left.eq(left - 1)]
        with m.FSM() as fsm:
            m.d.comb += self.busy.eq(~fsm.ongoing("IDLE"))
            with m.State("CLEAR"):
                m.d.comb += clears.eq(1)
                with m.If(step == self.channels - 1):
                    m.next = "IDLE"
            with m.State("IDLE"):
                with m.If(self.start):
                    m.d.sync += [step.eq(self.place), left.eq(self.window - 1)]
                    m.next = "MARK"
            with m.State("MARK"):
                m.d.comb += marks.eq(1)
                m.d.sync += wait.eq(self.latency)
                with m.If(step == self.pool - 1):
                    m.d.sync += step.eq(0)
                with m.If(left == 0):
                    m.next = "SET"
            with m.State("SET"):
                m.d.sync += [wait.eq(wait - 1), step.eq(0), left.eq(self.count - 1)]
                with m.If(wait == 0):
                    m.next = "SCAN"
            with m.State("SCAN"):
                m.d.comb += scans.eq(1)
                m.d.sync += wait.eq(4)
                with m.If(tests & (left == 0)):
                    m.next = "EMPTY"
            with m.State("EMPTY"):
                with m.If(wait != 0):
                    m.d.sync += wait.eq(wait - 1)
                with m.Elif(queue.level == 0):
                    m.next = "IDLE"
        return m
