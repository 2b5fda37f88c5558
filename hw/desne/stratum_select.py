# SPDX-License-Identifier: Apache-2.0
"""The member of a given rank in every stratum of a list, all strata at once."""

from amaranth.hdl import Cat, Module, Mux, Signal, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from hw.config import Configuration
from hw.desne.candidates import Pass
from hw.desne.medoid import score_width, scored, wanted
from hw.desne.strata import Strata
from hw.pipeline import delayed

__all__ = ["StratumSelect", "select_digits"]

DIGIT_WIDTH = 2


def select_digits(config: Configuration) -> int:
    """Digits of a key: a score and, below it, the sample's index."""
    return -(-(score_width(config) + config.index_width) // DIGIT_WIDTH)


class StratumSelect(wiring.Component):
    """Takes from each stratum the member of the wanted rank by (score, sample). No sorting.

    Equation: of the members of stratum l sorted ascending by (score, sample), the one at place
    rank[l], from 0.

    Flow control: none. Scores and ranks are loaded in any order, one of each a cycle; ``start`` is
    for when all are there and no selection is under way.

    Method: radix selection from the highest digit of two bits down, in passes over the whole list.
    A pass counts the digits of those members of a stratum that are still in question; when the
    stratum ends, the digit that holds the rank is kept in a memory of strata, with the rank left
    within it. The next pass puts the members with other digits out of question. Keys turn by a
    digit as they are written back, so the digit looked at is always the highest, and the one
    decided upon the lowest. In a pass after the last digit one member a stratum is left.

    Latency: (digits + 1) * (m + `drain`) cycles from ``start`` to ``done``, digits = ceil((bits of
    a score + bits of an index) / 2).

    Parameters
    ----------
    config: samples N and features are used.

    Members
    -------
    scored: In(scored). wanted: In(wanted).
    start: In(1). candidates: In(range(N + 1)), m. budget: In(range(N + 1)), b, 1..m; constant until
        done.
    take: Out(1), with sample: Out(range(N)): a sample that is taken, one for each stratum.
    done: Out(1).
    """

    drain = 8

    def __init__(self, config: Configuration):
        self.config = config
        self.digits = select_digits(config)
        super().__init__(
            {
                "scored": In(scored(config)),
                "wanted": In(wanted(config)),
                "start": In(1),
                "candidates": In(config.count_width),
                "budget": In(config.count_width),
                "take": Out(1),
                "sample": Out(config.index_width),
                "done": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        config = self.config
        key_width = DIGIT_WIDTH * self.digits
        index = unsigned(config.index_width)
        member = data.StructLayout({"key": unsigned(key_width), "open": 1})
        stratum = data.StructLayout({"rank": index, "kept": unsigned(DIGIT_WIDTH)})
        m.submodules.members = members = Memory(shape=member, depth=config.samples, init=[])
        m.submodules.states = states = Memory(shape=stratum, depth=config.samples, init=[])
        m.submodules.steps = steps = Pass(config.samples, self.drain)
        m.submodules.strata = strata = Strata(config)

        # ---- passes; cycle 0: a step, its stratum
        left = Signal(range(self.digits + 1))  # passes after this one
        earliest = Signal()
        m.d.comb += [
            steps.length.eq(self.candidates),
            steps.start.eq(self.start | (steps.done & (left != 0))),
            strata.candidates.eq(self.candidates),
            strata.budget.eq(self.budget),
            strata.begin.eq(steps.start),
            strata.advance.eq(steps.valid),
            self.done.eq(steps.done & (left == 0)),
        ]
        with m.If(self.start):
            m.d.sync += [left.eq(self.digits), earliest.eq(1)]
        with m.Elif(steps.done):
            m.d.sync += [left.eq(left - 1), earliest.eq(0)]
        member_read, stratum_read = members.read_port(), states.read_port()
        m.d.comb += [member_read.addr.eq(steps.step), stratum_read.addr.eq(strata.number)]

        # cycle 1: the memories answer; cycle 2: registers behind them
        word, state = Signal(member, reset_less=True), Signal(stratum, reset_less=True)
        m.d.sync += [word.eq(member_read.data), state.eq(stratum_read.data)]
        # cycle 3: is the member still in question? Its key turns by a digit and is written back
        in_question, digit = Signal(), Signal(DIGIT_WIDTH, reset_less=True)
        turned = Signal(key_width, reset_less=True)
        m.d.sync += [
            in_question.eq(earliest | (word.open & (word.key[:DIGIT_WIDTH] == state.kept))),
            digit.eq(word.key[-DIGIT_WIDTH:]),
            turned.eq(word.key.rotate_left(DIGIT_WIDTH)),
        ]
        valid_3 = delayed(m, steps.valid, 3, "valid", reset_less=False)
        step_3 = delayed(m, steps.step, 3, "step")
        first_3 = delayed(m, strata.first, 3, "first")
        write = members.write_port()
        fresh = Cat(self.scored.sample, self.scored.score)
        m.d.comb += [
            write.en.eq(valid_3 | self.scored.valid),
            write.addr.eq(Mux(valid_3, step_3, self.scored.step)),
            write.data.key.eq(Mux(valid_3, turned, fresh)),
            write.data.open.eq(in_question),
            self.take.eq(valid_3 & in_question & (left == 0)),
            # in the last pass a key has come round, and turned once more
            self.sample.eq(turned[DIGIT_WIDTH:]),
        ]

        # cycle 4: count digits 0, 1 and 2; cycle 5: their sums
        counts = [Signal(config.count_width, name=f"count_{v}", reset_less=True) for v in range(3)]
        for value, count in enumerate(counts):
            hit = in_question & (digit == value)
            m.d.sync += count.eq(Mux(first_3, 0, count) + hit)
        below = [Signal(config.count_width, name=f"below_{v}", reset_less=True) for v in range(3)]
        for value, total in enumerate(below):
            m.d.sync += total.eq(sum(counts[: value + 1]))
        # cycle 6: the rank beside them; cycle 7: decide
        rank_5 = delayed(m, state.rank, 3, "rank")
        beyond = [Signal(name=f"beyond_{v}", reset_less=True) for v in range(3)]
        m.d.sync += [b.eq(rank_5 >= total) for b, total in zip(beyond, below, strict=True)]
        below_6 = [delayed(m, total, 1, f"below_{v}") for v, total in enumerate(below)]
        rank_6 = delayed(m, rank_5, 1, "later_rank")
        decided = Signal(stratum, reset_less=True)
        base = Mux(beyond[2], below_6[2], Mux(beyond[1], below_6[1], Mux(beyond[0], below_6[0], 0)))
        m.d.sync += [decided.kept.eq(sum(beyond)), decided.rank.eq(rank_6 - base)]
        decide = delayed(m, steps.valid & strata.last, 7, "decide", reset_less=False)
        number = delayed(m, strata.number, 7, "number")
        state_write = states.write_port()
        m.d.comb += [
            state_write.en.eq(decide | self.wanted.valid),
            state_write.addr.eq(Mux(decide, number, self.wanted.stratum)),
            state_write.data.rank.eq(Mux(decide, decided.rank, self.wanted.rank)),
            state_write.data.kept.eq(decided.kept),
        ]
        return m
