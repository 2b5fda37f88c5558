# SPDX-License-Identifier: Apache-2.0
"""Which entries of a list are its smallest: the drop by in-degree, and the grid's surplus."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from hw.config import width_for
from hw.desne.histogram import Histogram, RankScan
from hw.pipeline import delayed

__all__ = ["Drop"]


class Drop(wiring.Component):
    """Drops a number of the smallest entries of a list; among equals the first ones. No sorting.

    Equation: sorted ascending by (value, position), the first ``drop`` entries are not kept.

    Flow control: none; the steps follow each other. The list is loaded, one value in any cycle;
    ``find`` looks for the value at the cut; from ``done`` on, ``check`` asks about the positions
    0, 1, 2, ... in this order, each once. The next list may be loaded after the last check.

    Method: a histogram counts the values while they are stored. ``find`` reads its bins in order,
    and leaves them clear, until the sum reaches ``drop``: that is the cut. A check drops what is
    below the cut, and what equals it while there are places.

    Latency: 2^w cycles of ``busy`` after reset, w the bits of a value, in which the histogram
    is cleared; bins + 4 cycles from ``find`` to ``done``; `latency` cycles from ``check`` to
    ``keep``. Throughput: one value or check a cycle.

    Parameters
    ----------
    entries: most entries of a list, at least 1; values are 0..entries - 1.

    Members
    -------
    busy: Out(1), the histogram is being cleared after reset; nothing may be asked.
    load: In(1), with value: In(range(entries)): the next value of the list; all before find.
    find: In(1), with drop: In(range(entries + 1)) and bins: In(range(entries + 1)), at least 1: all
        values are below it. done: Out(1).
    check: In(1), with position: In(range(entries)). keep: Out(1), 0 without a check.
    """

    latency = 3

    def __init__(self, entries: int):
        if entries < 1:
            raise ValueError(f"entries is {entries}: it must be at least 1")
        self.entries = entries
        index, count = range(entries), range(entries + 1)
        super().__init__(
            {
                "busy": Out(1, init=1),
                "load": In(1),
                "value": In(index),
                "find": In(1),
                "drop": In(count),
                "bins": In(count),
                "done": Out(1),
                "check": In(1),
                "position": In(index),
                "keep": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        width = width_for(self.entries - 1)
        m.submodules.histogram = histogram = Histogram(width, self.entries)
        m.submodules.rank_scan = rank_scan = RankScan(self.entries)
        m.submodules.values = values = Memory(shape=width, depth=1 << width, init=[])
        write, read = values.write_port(), values.read_port()

        # ---- load
        loaded = Signal(width)
        m.d.comb += [
            write.addr.eq(loaded),
            write.data.eq(self.value),
            write.en.eq(self.load),
            histogram.add.eq(self.load),
        ]
        with m.If(self.load):
            m.d.sync += loaded.eq(loaded + 1)
        with m.Elif(self.find):
            m.d.sync += loaded.eq(0)

        # ---- find: read the bins in order, which clears them
        scanning = Signal()
        bin_, last_bin = Signal(width), Signal(width)
        scan, at_end = Signal(), Signal()
        m.d.comb += [
            scan.eq(scanning | self.busy),
            at_end.eq(bin_ == Mux(self.busy, (1 << width) - 1, last_bin)),
            histogram.scan.eq(scan),
            histogram.digit.eq(Mux(scan, bin_, self.value)),
        ]
        with m.If(scan):
            m.d.sync += bin_.eq(bin_ + 1)
            with m.If(at_end):
                m.d.sync += [bin_.eq(0), scanning.eq(0), self.busy.eq(0)]
        with m.If(self.find):
            m.d.sync += [scanning.eq(1), last_bin.eq(self.bins - 1)]
        latency = Histogram.latency + 1  # with a register behind the histogram
        answered = delayed(m, scanning, latency, "answered", reset_less=False)
        answered_bin = delayed(m, bin_, latency, "answered_bin")
        ended = delayed(m, scanning & at_end, latency + 1, "ended", reset_less=False)
        threshold = Signal(width)
        some = Signal()
        m.d.comb += [
            rank_scan.load.eq(self.find),
            rank_scan.rank.eq(self.drop),
            rank_scan.arm.eq(self.find),
            rank_scan.valid.eq(answered),
            rank_scan.count.eq(delayed(m, histogram.count, 1, "count")),
            self.done.eq(ended),
        ]
        with m.If(self.find):
            m.d.sync += some.eq(self.drop != 0)
        with m.If(rank_scan.searching):
            m.d.sync += threshold.eq(answered_bin)

        # ---- check, cycle 0: address; cycle 1: the memory answers; cycle 2: a register behind it
        m.d.comb += read.addr.eq(self.position)
        stored = delayed(m, read.data, 1, "stored")
        # cycle 3: decide
        checked = delayed(m, self.check, self.latency, "checked", reset_less=False)
        below, same = Signal(), Signal()
        m.d.sync += [below.eq(some & (stored < threshold)), same.eq(some & (stored == threshold))]
        m.d.comb += [
            rank_scan.take.eq(checked & same & (rank_scan.remaining != 0)),
            self.keep.eq(checked & ~below & ~rank_scan.take),
        ]
        return m
