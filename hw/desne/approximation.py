# SPDX-License-Identifier: Apache-2.0
"""Successive approximation of the inverse temperature, one decision a cycle for all rows."""

from amaranth.hdl import Array, Module, Mux, Signal, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from hw.arith.exp2 import exp2_table
from hw.arith.reciprocal import Reciprocal
from hw.config import Configuration
from hw.desne.affinity_lane import (
    FRACTION_BITS,
    MANTISSA_WIDTH,
    OCTAVE_WIDTH,
    SCALE_WIDTH,
    excess_width,
    moment_width,
    total_width,
)
from hw.desne.entropy_test import EntropyTest, target_width

__all__ = ["Approximation", "mantissa_table"]

UNIT_EXPONENT = 16
"""floor(log2 S) of one weight of 1, the least there is."""


def mantissa_table() -> list[int]:
    """mantissa(f) = round(2^15 * 2^(f/256)) for f = 0..255, out of the table of exp2."""
    table = exp2_table()
    return [table[0] // 2, *reversed(table[1:])]


class Approximation(wiring.Component):
    """Decides for each row whether the code on trial is kept, and gives the next one to try.

    Equation: code 0 is tried first; then for bit 12 down to 0 the bit is kept if with it the
    entropy is at or above the target. Of the code that remains, scale and excess are 1/S.

    Flow control: none. ``sums`` brings the sums of a group of E rows; they must hold still for E
    cycles, and groups come in order, G = R / E of them a trial, 14 trials a block.

    Latency: ``decided`` is high `latency` + E - 1 cycles after ``sums``; the group's mantissa and
    octave are valid 2 cycles after ``decided``. ``settled`` comes with the last ``decided`` of a
    block: then code and low are final, mantissa and octave belong to the final code 2 cycles later,
    and scale and excess are valid `scale_latency` cycles later. Throughput: one row a cycle.

    Parameters
    ----------
    config: rows R and neighbours K are used.
    lanes: E, rows of a group; divides R.

    Members
    -------
    begin: In(1), a block begins: no row has been decided yet.
    target: In, h as U.16, holds still.
    sums: In(1). total, moment: In(array of E).
    decided: Out(1). settled: Out(1), with the last decided of a block.
    mantissa: Out(array of R of U1.15). octave: Out(array of R of 0..31), 31 - (code >> 8).
    code: Out(array of R of range(8192)). low: Out(R), code 0 does not reach the target.
    scale: Out(array of R of U1.16). excess: Out(array of R), floor(log2 S) - 16.
    """

    def __init__(self, config: Configuration, lanes: int):
        self.config = config
        self.lanes = lanes
        self.latency = self.latency_of(config)
        self.scale_latency = Reciprocal.latency + 1

        def each(count: int, width: int) -> data.ArrayLayout:
            return data.ArrayLayout(unsigned(width), count)

        super().__init__(
            {
                "begin": In(1),
                "target": In(target_width(config)),
                "sums": In(1),
                "total": In(each(lanes, total_width(config))),
                "moment": In(each(lanes, moment_width(config))),
                "decided": Out(1),
                "settled": Out(1),
                "mantissa": Out(each(config.rows, MANTISSA_WIDTH)),
                "octave": Out(each(config.rows, OCTAVE_WIDTH)),
                "code": Out(each(config.rows, config.code_width)),
                "low": Out(config.rows),
                "scale": Out(each(config.rows, SCALE_WIDTH)),
                "excess": Out(each(config.rows, excess_width(config))),
            }
        )

    @staticmethod
    def latency_of(config: Configuration) -> int:
        """Choice of the row, test, decision."""
        return 1 + EntropyTest.latency_of(config) + 1

    def elaborate(self, platform):
        m = Module()
        config = self.config
        # a row a cycle into the test
        m.submodules.test = test = EntropyTest(config)
        lane = Signal(range(self.lanes))
        valid = Signal(1 + test.latency)  # bit i: a row is i + 1 cycles behind its choice
        feed = self.sums | (lane != 0)
        with m.If(feed):
            m.d.sync += lane.eq(Mux(lane == self.lanes - 1, 0, lane + 1))
        total = Signal.like(test.total, reset_less=True)
        moment = Signal.like(test.moment, reset_less=True)
        m.d.sync += [
            total.eq(Array(self.total)[lane]),
            moment.eq(Array(self.moment)[lane]),
            valid.eq((valid << 1) | feed),
        ]
        m.d.comb += [test.total.eq(total), test.moment.eq(moment), test.target.eq(self.target)]

        # decide: rows come in order, so counters tell which row and which trial it is
        row = Signal(range(config.rows))
        next_bit = Signal(config.code_width, init=1 << config.code_width - 1)
        trials = Array(Signal(config.code_width, name=f"trial_{r}") for r in range(config.rows))
        kept_totals = Array(
            Signal(len(total), name=f"kept_total_{r}", reset_less=True) for r in range(config.rows)
        )
        codes = Array(self.code)
        first, last_row = Signal(), Signal()
        code, kept_total = Signal(config.code_width), Signal(len(total))
        decide = valid[-1]
        m.d.comb += [
            first.eq(next_bit[-1]),
            last_row.eq(row == config.rows - 1),
            code.eq(Mux(test.reached, trials[row], codes[row])),
            kept_total.eq(Mux(test.reached | first, test.reached_total, kept_totals[row])),
        ]
        group_end = Array((r + 1) % self.lanes == 0 for r in range(config.rows))[row]
        next_row = Signal.like(row)
        next_trial, next_total = (Signal.like(one, reset_less=True) for one in (code, total))
        follow = Signal()
        m.d.sync += [
            follow.eq(decide),
            self.decided.eq(decide & group_end),
            self.settled.eq(decide & last_row & (next_bit == 0)),
            next_row.eq(row),
            next_trial.eq(code | next_bit),
            next_total.eq(kept_total),
        ]
        with m.If(decide):
            m.d.sync += [
                row.eq(Mux(last_row, 0, row + 1)),
                codes[row].eq(code),
                kept_totals[row].eq(kept_total),
            ]
            with m.If(first):
                m.d.sync += self.low.bit_select(row, 1).eq(~test.reached)
            with m.If(last_row):
                m.d.sync += next_bit.eq(next_bit >> 1)

        # prepare the next trial: its mantissa and octave
        m.submodules.table = table = Memory(
            shape=unsigned(MANTISSA_WIDTH), depth=1 << FRACTION_BITS, init=mantissa_table()
        )
        port = table.read_port()
        m.d.comb += port.addr.eq(next_trial[:FRACTION_BITS])
        arrived_row, arrived = Signal.like(row), Signal()
        arrived_octave = Signal(OCTAVE_WIDTH)
        m.d.sync += [
            arrived.eq(follow),
            arrived_row.eq(next_row),
            arrived_octave.eq(~next_trial[FRACTION_BITS:]),
        ]
        with m.If(follow):
            m.d.sync += trials[next_row].eq(next_trial)
        with m.If(arrived):
            m.d.sync += [
                Array(self.mantissa)[arrived_row].eq(port.data),
                Array(self.octave)[arrived_row].eq(arrived_octave),
            ]

        # 1/S of what is kept so far; the last trial's is the one that is used
        m.submodules.reciprocal = reciprocal = Reciprocal(len(total), SCALE_WIDTH - 1)
        m.d.comb += reciprocal.x.eq(next_total)
        scaled = Signal(reciprocal.latency)
        scale_row = Signal.like(row)
        m.d.sync += scaled.eq((scaled << 1) | follow)
        with m.If(scaled[-1]):
            m.d.sync += [
                scale_row.eq(Mux(scale_row == config.rows - 1, 0, scale_row + 1)),
                Array(self.scale)[scale_row].eq(reciprocal.mantissa),
                Array(self.excess)[scale_row].eq(reciprocal.exponent - UNIT_EXPONENT),
            ]

        with m.If(self.begin):
            m.d.sync += next_bit.eq(next_bit.init)
            for r in range(config.rows):
                m.d.sync += [
                    trials[r].eq(0),
                    codes[r].eq(0),
                    self.mantissa[r].eq(mantissa_table()[0]),
                    self.octave[r].eq(~0),
                ]
        return m
