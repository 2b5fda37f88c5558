# SPDX-License-Identifier: Apache-2.0
"""One row of the neighbour cut: its histograms, its threshold, and the decision what to keep."""

from amaranth.hdl import Array, Cat, Module, Mux, Signal, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from hw.config import Configuration, width_for
from hw.desne.histogram import Histogram, RankScan
from hw.pipeline import delayed

__all__ = ["RowSelect", "control_word", "digit_widths", "kept_entry"]


def digit_widths(distance_width: int) -> tuple[int, int, int]:
    """A distance is cut into three digits, the highest first; none is wider than the first."""
    high = -(-distance_width // 3)
    middle = -(-(distance_width - high) // 2)
    return high, middle, distance_width - high - middle


def kept_entry(config: Configuration) -> data.StructLayout:
    """One write into a row's list of neighbours."""
    return data.StructLayout(
        {
            "write": 1,
            "position": unsigned(width_for(config.neighbours - 1)),
            "delta": unsigned(config.distance_width),
        }
    )


def control_word(config: Configuration) -> data.StructLayout:
    """What the sequencer tells all rows alike.

    arrive: a distance of an arriving block is here, first: its first one, arrive_bank: its buffer.
    work_bank: the buffer that is worked on. phase: digits found so far, 0..3.
    load: a block begins. arm: the next digit's scan begins. scan, clear: read or only clear `bin`.
    answer: bin answer_bin of digit answer_phase comes out of the histogram.
    count, select: a distance of a counting pass or of the last pass is here.
    """
    digit = unsigned(digit_widths(config.distance_width)[0])
    return data.StructLayout(
        {
            "arrive": 1,
            "first": 1,
            "arrive_bank": 1,
            "work_bank": 1,
            "phase": 2,
            "load": 1,
            "arm": 1,
            "scan": 1,
            "clear": 1,
            "bin": digit,
            "answer": 1,
            "answer_bin": digit,
            "answer_phase": 2,
            "count": 1,
            "select": 1,
        }
    )


class RowSelect(wiring.Component):
    """Finds the k-th smallest distance of a row digit by digit, then keeps what is not above it.

    Equation: threshold = the k-th smallest d[j] over j != i; kept are all d[j] < threshold, and of
    those equal to it the first ones in order of arrival, k in all; delta = d[j] - min d.

    Flow control: none; the sequencer (NeighbourCut) gives one operation a cycle, and arrivals into
    one buffer go on beside work on the other.

    Latency: a distance that arrives is counted 2 cycles later, one of a counting pass 3 cycles
    later, and a bin comes out 2 cycles after its scan; ``kept`` follows ``select`` by 2 cycles.
    Throughput: one distance a cycle.

    Parameters
    ----------
    config: samples N, neighbours K and the width of a distance are used.

    Members
    -------
    control: In(control_word). rank: In(range(N + 1)), k, taken with control.load.
    arrived: In(range(F * 255^2 + 1)), with arrived_self: In(1), it is the sample's own.
    stored: In(range(F * 255^2 + 1)), with stored_self: In(1): the same for the two later passes.
    kept: Out(kept_entry).
    equal: Out(1), all k distances are equal; valid 1 cycle after the first ``select``.
    """

    def __init__(self, config: Configuration):
        self.config = config
        super().__init__(
            {
                "control": In(control_word(config)),
                "rank": In(config.count_width),
                "arrived": In(config.distance_width),
                "arrived_self": In(1),
                "stored": In(config.distance_width),
                "stored_self": In(1),
                "kept": Out(kept_entry(config)),
                "equal": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        config, control = self.config, self.control
        widths = digit_widths(config.distance_width)
        digits = data.StructLayout({"low": widths[2], "middle": widths[1], "high": widths[0]})

        # the minimum of the arriving row; the sample itself counts as infinitely far
        minima = Array(
            Signal(config.distance_width, name=f"minimum_{b}", reset_less=True) for b in range(2)
        )
        candidate = Signal(config.distance_width, reset_less=True)
        arrives, first, bank = Signal(), Signal(), Signal()
        m.d.sync += [
            candidate.eq(Mux(self.arrived_self, ~0, self.arrived)),
            Cat(arrives, first, bank).eq(Cat(control.arrive, control.first, control.arrive_bank)),
        ]
        smaller = Array(candidate < minimum for minimum in minima)[bank]
        with m.If(arrives & (first | smaller)):
            m.d.sync += minima[bank].eq(candidate)

        # counting passes: of the distances that begin with the digits found, the next digit
        threshold = Signal(digits, reset_less=True)
        distance = data.View(digits, self.stored)
        add, digit = Signal(), Signal(widths[0], reset_less=True)
        second = control.phase == 1
        m.d.sync += [
            digit.eq(Mux(second, distance.middle, distance.low)),
            add.eq(
                control.count
                & ~self.stored_self
                & (distance.high == threshold.high)
                & (second | (distance.middle == threshold.middle))
            ),
        ]
        m.submodules.rank_scan = rank_scan = RankScan(config.samples)
        answers = []
        for b in range(2):
            histogram = Histogram(widths[0], config.samples)
            m.submodules[f"histogram_{b}"] = histogram
            arriving = control.arrive & (control.arrive_bank == b)
            working = control.work_bank == b
            top = self.arrived[-widths[0] :]
            read = control.scan | control.clear
            m.d.comb += [
                histogram.add.eq(Mux(arriving, ~self.arrived_self, add & working)),
                histogram.scan.eq((control.scan & working) | control.clear),
                histogram.digit.eq(Mux(arriving, top, Mux(read, control.bin, digit))),
            ]
            answers.append(histogram.count)
        m.d.comb += [
            rank_scan.load.eq(control.load),
            rank_scan.rank.eq(self.rank),
            rank_scan.arm.eq(control.arm),
            rank_scan.valid.eq(control.answer),
            rank_scan.count.eq(Array(answers)[control.work_bank]),
        ]
        with m.If(rank_scan.searching):
            for number, part in enumerate((threshold.high, threshold.middle, threshold.low)):
                with m.If(control.answer_phase == number):
                    m.d.sync += part.eq(control.answer_bin)

        # last pass, cycle 0: compare
        minimum = minima[control.work_bank]
        usable, below, same = Signal(), Signal(), Signal()
        delta = Signal(config.distance_width, reset_less=True)
        m.d.sync += [
            usable.eq(control.select & ~self.stored_self),
            below.eq(self.stored < threshold.as_value()),
            same.eq(self.stored == threshold.as_value()),
            delta.eq(self.stored - minimum),
        ]
        with m.If(control.select):
            m.d.sync += self.equal.eq(threshold.as_value() == minimum)
        # cycle 1: decide
        keep = Signal()
        position = Signal(width_for(config.neighbours - 1))
        m.d.comb += [
            rank_scan.take.eq(usable & same & (rank_scan.remaining != 0)),
            keep.eq((usable & below) | rank_scan.take),
        ]
        with m.If(control.load):
            m.d.sync += position.eq(0)
        with m.Elif(keep):
            m.d.sync += position.eq(position + 1)
        m.d.sync += [
            self.kept.write.eq(keep),
            self.kept.position.eq(position),
        ]
        m.d.comb += self.kept.delta.eq(delayed(m, delta, 1, "delta"))
        return m
