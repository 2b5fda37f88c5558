# SPDX-License-Identifier: Apache-2.0
"""The order in which the parts of the sampling unit work on a tile."""

from amaranth.hdl import Module, Mux, Signal, unsigned
from amaranth.lib import data, enum, wiring
from amaranth.lib.wiring import In, Out

from hw.config import Configuration
from hw.desne.candidates import Candidates, Pass, Source, request
from hw.desne.map_key import MapKey
from hw.pipeline import delayed

__all__ = ["DRAIN", "KEY_LATENCY", "Rule", "SampleControl", "steps"]

KEY_LATENCY = Candidates.latency + MapKey.latency
"""Cycles from a request for a candidate to its key."""

DRAIN = KEY_LATENCY + 3
"""Cycles from the last step of a pass over the tile until all its effects are there."""

FLUSH = 4
"""Cycles from the end of the last run of cells until their surplus is known."""


class Rule(enum.IntEnum, shape=unsigned(2)):
    """How the budget is spent."""

    CURVE = 0
    MEDOID = 1
    GRID = 2


def flags(names: str) -> data.StructLayout:
    """One bit for each name."""
    return data.StructLayout({name: 1 for name in names.split()})


def steps() -> data.StructLayout:
    """The steps of a job that the parts must know of."""
    return flags("clear collect read take sort draw run keep rest emit")


class SampleControl(wiring.Component):
    """Sequencer of Sample: no coordinate, feature or key passes through it.

    Equation: none. The steps of a job are

        clear    after reset only: pass over all counters of in-degrees
        collect  in-degrees are counted until the first coordinate is valid
        read     pass over the samples: in-degrees go to the drop, which then looks for its cut
        take     coordinates come, candidates are stored
        side     grid: its side is searched
        sort     candidates are sorted by their key
        draw     curve: pass over the order; positions are drawn
        score    medoid: members of the strata are scored
        select   medoid: one of each is selected
        run      grid: pass over the order; cells go to the drop, which then looks for its cut
        keep     grid: pass over the cells; the best of those kept are chosen
        rest     grid, too few cells: pass over the candidates; those not chosen are stored, to be
                 sorted and drawn
        emit     the chosen samples leave

    Flow control: a pulse of ``go`` begins the work of a part, one of ``done`` ends it.

    Latency: a pass takes its length + DRAIN cycles; golden.cycles.sample_cycles has the whole.
    Throughput: one job at a time.

    Parameters
    ----------
    config: samples N is used.

    Members
    -------
    start, samples, budget, rule, drop, busy: as in Sample.
    begin: Out(1), a job begins with the settings of this cycle.
    coming: In(1), a coordinate is valid. accept: Out(1), one is taken, of sample: Out(range(N)).
    now: Out(struct of a bit for each of clear, collect, read, take, sort, draw, run, keep, rest and
        emit), the step. In run until the drop has found its cut.
    request: Out(request), of the passes; step is a sample, candidate, place or cell.
    clearing: In(1), the drop is not yet usable after reset.
    go: Out(struct: cut, side, sort, draw, score, select, run, flush, emit).
    done: In(struct: cut, side, sort, score, select, emit).
    stored: In(1), a candidate was stored. candidates: Out(range(N + 1)), so many were; forget:
        Out(1), those stored before no longer count.
    cell: In(1), a cell was found. cells: Out(range(N + 1)), so many were.
    to_drop: Out(range(N + 1)), with go.cut. bins: Out(range(N + 1)), values are below it.
    wanted: Out(range(N + 1)), samples still to be chosen.
    by_cell: Out(1), keys are grid cells.
    """

    def __init__(self, config: Configuration):
        self.config = config
        count = config.count_width
        super().__init__(
            {
                "start": In(1),
                "samples": In(count),
                "budget": In(count),
                "rule": In(Rule),
                "drop": In(2),
                "busy": Out(1, init=1),
                "begin": Out(1),
                "coming": In(1),
                "accept": Out(1),
                "sample": Out(config.index_width),
                "now": Out(steps()),
                "request": Out(request(config)),
                "clearing": In(1),
                "go": Out(flags("cut side sort draw score select run flush emit")),
                "done": In(flags("cut side sort score select emit")),
                "stored": In(1),
                "candidates": Out(count),
                "forget": Out(1),
                "cell": In(1),
                "cells": Out(count),
                "to_drop": Out(count),
                "bins": Out(count),
                "wanted": Out(count),
                "by_cell": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        config, go, done, now = self.config, self.go, self.done, self.now
        m.submodules.steps = steps = Pass(config.samples, DRAIN)
        samples, rule, drop = Signal.like(self.samples), Signal(Rule), Signal(2)
        m.d.comb += [
            self.begin.eq(self.start & ~self.busy),
            self.request.valid.eq(steps.valid),
            self.request.step.eq(steps.step),
        ]
        with m.If(self.begin):
            m.d.sync += [
                samples.eq(self.samples),
                self.wanted.eq(self.budget),
                rule.eq(self.rule),
                drop.eq(self.drop),
                self.by_cell.eq(self.rule == Rule.GRID),
                self.busy.eq(1),
            ]

        # counters
        with m.If(self.forget):
            m.d.sync += self.candidates.eq(0)
        with m.Elif(self.stored):
            m.d.sync += self.candidates.eq(self.candidates + 1)
        with m.If(go.run):
            m.d.sync += self.cells.eq(0)
        with m.Elif(self.cell):
            m.d.sync += self.cells.eq(self.cells + 1)

        # how many to drop: a share of the samples but no candidate that is needed; a grid's surplus
        share, spare, first_drop, surplus = (
            Signal(config.count_width, name=name) for name in ("share", "spare", "first", "surplus")
        )
        enough = Signal()
        m.d.sync += [
            share.eq(Mux(drop == 0, 0, Mux(drop == 1, samples >> 2, samples >> 1))),
            spare.eq(samples - self.wanted),
            first_drop.eq(Mux(share < spare, share, spare)),
            enough.eq(self.cells >= self.wanted),
            surplus.eq(Mux(enough, self.cells - self.wanted, 0)),
        ]
        m.d.comb += [
            self.to_drop.eq(Mux(now.run, surplus, first_drop)),
            self.bins.eq(Mux(now.run, self.candidates, samples)),
        ]

        def walk(length):
            """Begin a pass."""
            m.d.comb += [steps.start.eq(1), steps.length.eq(length)]

        last = Signal()
        taken = delayed(m, last, DRAIN, "taken", reset_less=False)
        flushed = delayed(m, go.flush, FLUSH, "flushed", reset_less=False)
        m.d.comb += last.eq(self.accept & (self.sample == samples - 1))
        with m.FSM():
            with m.State("RESET"):
                walk(config.samples)
                m.next = "CLEAR"
            with m.State("CLEAR"):
                m.d.comb += now.clear.eq(1)
                with m.If(steps.done):
                    m.next = "CLEARED"
            with m.State("CLEARED"):
                with m.If(~self.clearing):
                    m.d.sync += self.busy.eq(0)
                    m.next = "IDLE"
            with m.State("IDLE"):
                with m.If(self.begin):
                    m.next = "COLLECT"
            with m.State("COLLECT"):
                m.d.comb += now.collect.eq(1)
                with m.If(self.coming):
                    walk(samples)
                    m.next = "READ"
            with m.State("READ"):
                m.d.comb += [now.read.eq(1), go.cut.eq(steps.done)]
                with m.If(steps.done):
                    m.next = "CUT"
            with m.State("CUT"):
                m.d.comb += self.forget.eq(1)
                m.d.sync += self.sample.eq(0)
                with m.If(done.cut):
                    m.next = "TAKE"
            with m.State("TAKE"):
                m.d.comb += [now.take.eq(1), self.accept.eq(self.coming)]
                with m.If(self.accept):
                    m.d.sync += self.sample.eq(self.sample + 1)
                with m.If(last):
                    m.next = "TAKEN"
            with m.State("TAKEN"):
                with m.If(taken):
                    m.d.comb += [go.side.eq(self.by_cell), go.sort.eq(~self.by_cell)]
                    m.next = "SORT"
                    with m.If(self.by_cell):
                        m.next = "SIDE"
            with m.State("SIDE"):
                m.d.comb += go.sort.eq(done.side)
                with m.If(done.side):
                    m.next = "SORT"
            with m.State("SORT"):
                m.d.comb += now.sort.eq(1)
                with m.If(done.sort):
                    with m.If(self.by_cell):
                        walk(self.candidates)
                        m.d.comb += go.run.eq(1)
                        m.next = "RUN"
                    with m.Elif(rule == Rule.MEDOID):
                        m.d.comb += go.score.eq(1)
                        m.next = "SCORE"
                    with m.Else():
                        walk(self.candidates)
                        m.d.comb += go.draw.eq(1)
                        m.next = "DRAW"
            with m.State("DRAW"):
                m.d.comb += [now.draw.eq(1), self.request.source.eq(Source.SECOND)]
                m.d.comb += go.emit.eq(steps.done)
                with m.If(steps.done):
                    m.next = "EMIT"
            with m.State("SCORE"):
                m.d.comb += go.select.eq(done.score)
                with m.If(done.score):
                    m.next = "SELECT"
            with m.State("SELECT"):
                m.d.comb += go.emit.eq(done.select)
                with m.If(done.select):
                    m.next = "EMIT"
            with m.State("RUN"):
                m.d.comb += [now.run.eq(1), self.request.source.eq(Source.SECOND)]
                m.d.comb += [go.flush.eq(steps.done), go.cut.eq(flushed)]
                with m.If(done.cut):
                    walk(self.cells)
                    m.next = "KEEP"
            with m.State("KEEP"):
                m.d.comb += [now.keep.eq(1), self.request.source.eq(Source.FIRST)]
                with m.If(steps.done):
                    with m.If(enough):
                        m.d.comb += go.emit.eq(1)
                        m.next = "EMIT"
                    with m.Else():
                        walk(self.candidates)
                        m.d.comb += self.forget.eq(1)
                        m.d.sync += [self.wanted.eq(self.wanted - self.cells), self.by_cell.eq(0)]
                        m.next = "REST"
            with m.State("REST"):
                m.d.comb += [now.rest.eq(1), go.sort.eq(steps.done)]
                with m.If(steps.done):
                    m.next = "SORT"
            with m.State("EMIT"):
                m.d.comb += now.emit.eq(1)
                with m.If(done.emit):
                    m.d.sync += self.busy.eq(0)
                    m.next = "IDLE"
        return m
