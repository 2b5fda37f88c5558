# SPDX-License-Identifier: Apache-2.0
"""The order of things in embed: phases, sweeps over all samples, divisions and the schedule."""

from amaranth.hdl import Module, Signal
from amaranth.lib import enum, wiring
from amaranth.lib.wiring import In, Out

from hw.config import Configuration
from hw.desne.map_widths import ITERATIONS_WIDTH

__all__ = ["Division", "EmbedControl"]


class Division(enum.Enum, shape=2):
    """What is divided: the sum of an axis by n, 2n by the magnitude, n by Z."""

    MEAN_X = 0
    MEAN_Y = 1
    SCALE = 2
    RATIO = 3


class EmbedControl(wiring.Component):
    """Sequencer of Embed; no arithmetic on the map.

    Order: project, mean, measure, scale, rescale; each iteration: forces, ratio, descend, mean; in
    the end emit. Without any iteration the edges are read once all the same, for their indices.

    Flow control: a phase that goes through all samples sets its flag and sweeps `index` over
    0..n - 1, a step a cycle; it ends with the phase's event, a pulse. Divisions end with `divided`.

    Latency: none but the phases' own: the next one begins in the cycle after an event, forces and
    emission a cycle later.

    Parameters
    ----------
    config: sizes; samples is used.

    Members
    -------
    begin: In(1), while not busy. busy: Out(1). begun: Out(1), the cycle after begin.
    samples: In(bits of config.samples), iterations: In(10): held from begun on.
    projected, measured, rescaled, repelled, attracted, descended: In(1), events.
    loaded: In(1), the edges are there. emptied: In(1), what was emitted is taken.
    room: In(1), there is room for a step of emitting.
    measuring, rescaling, descending, emitting: Out(1), step: Out(1), index: Out(range(N)),
    at_end: Out(1): the sweep; the last index of all.
    divide: Out(1), division: Out(Division), divided: In(1).
    repel, attract: Out(1), pulses. clear_sums: Out(1), before sums that will be
    divided. clear_mean: Out(1).
    first: Out(1), in the first iteration. early: Out(1), in the first fifth.
    """

    def __init__(self, config: Configuration):
        self.config = config
        events = ("projected", "measured", "rescaled", "repelled", "attracted", "descended")
        flags = ("measuring", "rescaling", "descending", "emitting", "step", "at_end")
        pulses = ("begun", "divide", "repel", "attract", "clear_sums", "clear_mean")
        super().__init__(
            {
                "begin": In(1),
                "busy": Out(1),
                "samples": In(config.count_width),
                "iterations": In(ITERATIONS_WIDTH),
                **{name: In(1) for name in (*events, "loaded", "emptied", "room", "divided")},
                **{name: Out(1) for name in (*flags, *pulses, "first", "early")},
                "index": Out(config.index_width),
                "division": Out(Division),
            }
        )

    def elaborate(self, platform):
        m = Module()
        sweep, sweeping = Signal(), Signal()
        last_sample = Signal(self.config.index_width)
        m.d.sync += [last_sample.eq(self.samples - 1), self.begun.eq(self.begin)]
        m.d.comb += [
            self.at_end.eq(self.index == last_sample),
            self.step.eq(sweeping & (~self.emitting | self.room)),
        ]
        with m.If(sweep):
            m.d.sync += [sweeping.eq(1), self.index.eq(0)]
        with m.Elif(self.step):
            m.d.sync += [self.index.eq(self.index + 1), sweeping.eq(~self.at_end)]

        iteration = Signal(ITERATIONS_WIDTH)
        fives = Signal(range(5 * (1 << ITERATIONS_WIDTH) + 1))  # 5 * (iteration + 1)
        m.d.comb += self.first.eq(iteration == 0)
        finished = Signal()  # long before it is asked
        m.d.sync += finished.eq(iteration == self.iterations)
        m.d.sync += self.early.eq(fives <= self.iterations)
        idle_schedule = Signal()  # no iteration is wanted
        m.d.sync += idle_schedule.eq(self.iterations == 0)

        asked, projecting = Signal(), Signal()
        repelled, attracted = Signal(), Signal()
        with m.If(self.repelled):
            m.d.sync += repelled.eq(1)
        with m.If(self.attracted):
            m.d.sync += attracted.eq(1)

        m.d.comb += self.busy.eq(1)
        with m.FSM():
            with m.State("IDLE"):
                m.d.comb += self.busy.eq(0)
                m.d.sync += [iteration.eq(0), fives.eq(5), projecting.eq(1)]
                with m.If(self.begin):
                    m.next = "PROJECT"
            with m.State("PROJECT"):
                m.d.comb += self.clear_sums.eq(self.begun)
                m.d.sync += self.division.eq(Division.MEAN_X)
                with m.If(self.projected):
                    m.next = "DIVIDE"
            with m.State("DIVIDE"):
                m.d.comb += self.divide.eq(~asked)
                m.d.sync += asked.eq(~self.divided)
                with m.If(self.divided):
                    with m.Switch(self.division):
                        with m.Case(Division.MEAN_X):
                            m.d.sync += self.division.eq(Division.MEAN_Y)
                        with m.Case(Division.MEAN_Y):
                            with m.If(projecting):
                                m.d.comb += sweep.eq(1)
                                m.next = "MEASURE"
                            with m.Else():
                                m.next = "CHECK"
                        with m.Case(Division.SCALE):
                            m.d.comb += sweep.eq(1)
                            m.next = "RESCALE"
                        with m.Case(Division.RATIO):
                            m.d.comb += [sweep.eq(1), self.clear_sums.eq(1)]
                            m.next = "DESCEND"
            with m.State("MEASURE"):
                m.d.comb += self.measuring.eq(1)
                m.d.sync += [self.division.eq(Division.SCALE), projecting.eq(0)]
                with m.If(self.measured):
                    m.next = "DIVIDE"
            with m.State("RESCALE"):
                m.d.comb += [self.rescaling.eq(1), self.clear_mean.eq(self.rescaled)]
                with m.If(self.rescaled):
                    m.next = "CHECK"
            with m.State("CHECK"):
                m.d.sync += [repelled.eq(idle_schedule), attracted.eq(0)]
                with m.If(finished & ~idle_schedule):
                    m.d.comb += sweep.eq(1)
                    m.next = "EMIT"
                with m.Elif(self.loaded):
                    m.d.comb += [self.attract.eq(1), self.repel.eq(~idle_schedule)]
                    m.next = "FORCES"
            with m.State("FORCES"):
                m.d.sync += self.division.eq(Division.RATIO)
                with m.If(repelled & attracted):
                    with m.If(idle_schedule):
                        m.d.comb += sweep.eq(1)
                        m.next = "EMIT"
                    with m.Else():
                        m.next = "DIVIDE"
            with m.State("DESCEND"):
                m.d.comb += self.descending.eq(1)
                m.d.sync += self.division.eq(Division.MEAN_X)
                with m.If(self.descended):
                    m.d.sync += [iteration.eq(iteration + 1), fives.eq(fives + 5)]
                    m.next = "DIVIDE"
            with m.State("EMIT"):
                m.d.comb += self.emitting.eq(1)
                with m.If(~sweeping & self.emptied):
                    m.next = "IDLE"
        return m
