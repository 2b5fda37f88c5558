# SPDX-License-Identifier: Apache-2.0
"""How far each member of a stratum is from the stratum's centroid, and which of them is wanted."""

from amaranth.hdl import Cat, Module, Mux, Signal, signed, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from hw.arith.multiply import Multiply, multiply_latency
from hw.config import Configuration, distance_maximum, width_for
from hw.desne.candidates import Candidates, Source, answer, request
from hw.desne.curve import PHASE_WIDTH
from hw.desne.strata import Strata
from hw.pipeline import delayed

__all__ = ["SPREAD_MAXIMUM", "MedoidScore", "score_width", "scored", "wanted"]

SPREAD_MAXIMUM = 256
SPREAD_WIDTH = width_for(SPREAD_MAXIMUM)
RANK_SHIFT = 24
HASH_STEP = 40503


def score_width(config: Configuration) -> int:
    """Bits of s * |f|^2 - 2 f.V, signed.

    It is the sum over the members j of |f - f_j|^2 - |f_j|^2: from -s to s largest squares.
    """
    return width_for(config.samples * distance_maximum(config.features)) + 1


def scored(config: Configuration) -> data.StructLayout:
    """A member's score with its sign bit inverted, so that unsigned numbers have the order."""
    return data.StructLayout(
        {
            "valid": 1,
            "step": unsigned(config.index_width),
            "score": unsigned(score_width(config)),
            "sample": unsigned(config.index_width),
        }
    )


def wanted(config: Configuration) -> data.StructLayout:
    """The rank that is taken in a stratum."""
    index = unsigned(config.index_width)
    return data.StructLayout({"valid": 1, "stratum": index, "rank": index})


class MedoidScore(wiring.Component):
    """Scores the members of all strata, in the second order of the candidates.

    Equation, for stratum l of s members with features f and V = sum of f over the members:

        score = s * |f|^2 - 2 f.V         so s * score + |V|^2 = |s f - V|^2
        rank  = (s * C * h) >> 24,  h = (40503 l + phase) & 65535

    Flow control: none; ``start`` is for when no job is under way. The unit asks the store of
    candidates, and reads the store of samples, one beat a cycle.

    Method: a stratum's members are read twice, beat by beat. First V is summed, while the W
    multipliers square f; then they multiply f by V. A beat of the second reading meets V behind all
    beats of the first in the same pipeline, so there is no gap between the readings or strata.

    Latency: 2 * m * beats + drain cycles from ``start`` to ``done``. Throughput: a beat a
    cycle, each beat twice.

    Parameters
    ----------
    config: samples N, features and lanes W are used.

    Members
    -------
    start: In(1). candidates: In(range(N + 1)), m. budget: In(range(N + 1)), b, 1..m.
    beats: In(range(features / W + 1)), beats of a sample, at least 1.
    spread: In(range(257)), C. phase: In(16). All constant until done.
    request: Out(request). answer: In(answer).
    feature_enable: Out(1), feature_address: Out(range(N * features / W)): sample * (features / W) +
        beat, whatever the job's beats are. feature_data: In(array of W unsigned bytes), the beat at
        the address of the cycle before.
    scored: Out(scored). wanted: Out(wanted).
    done: Out(1).
    """

    def __init__(self, config: Configuration):
        self.config = config
        self._sum_width = width_for(config.samples * 255)
        self._square_width = width_for(distance_maximum(config.features))
        # cycles from a request to what docs call: operands, products, the sum over a sample's beats
        self._operands = Candidates.latency + 3
        self._products = self._operands + 1 + multiply_latency(8, self._sum_width)
        self._total = self._products + config.lanes.bit_length()
        scale = multiply_latency(config.count_width, self._square_width)
        self._score = self._total + 2 + scale + 1
        self.drain = self._score + 2
        super().__init__(
            {
                "start": In(1),
                "candidates": In(config.count_width),
                "budget": In(config.count_width),
                "beats": In(config.beats_width),
                "spread": In(SPREAD_WIDTH),
                "phase": In(PHASE_WIDTH),
                "request": Out(request(config)),
                "answer": In(answer(config)),
                "feature_enable": Out(1),
                "feature_address": Out(range(config.samples * config.beats)),
                "feature_data": In(data.ArrayLayout(unsigned(8), config.lanes)),
                "scored": Out(scored(config)),
                "wanted": Out(wanted(config)),
                "done": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        config = self.config
        # ---- cycle 0: which member, which beat
        m.submodules.strata = strata = Strata(config)
        running, second = Signal(), Signal()
        step, first_step = Signal(config.index_width), Signal(config.index_width)
        beat = Signal(range(max(config.beats, 2)))
        size, left = Signal(config.count_width), Signal(config.count_width)
        member_begins, member_ends, stratum_known, ended = (Signal() for _ in range(4))
        m.d.comb += [
            member_begins.eq(beat == 0),
            member_ends.eq(running & (beat == (self.beats - 1)[: len(beat)])),
            stratum_known.eq(member_ends & ~second & strata.last),
            ended.eq(member_ends & second & (left == 1) & (step == (self.candidates - 1))),
            strata.candidates.eq(self.candidates),
            strata.budget.eq(self.budget),
            strata.begin.eq(self.start),
            strata.advance.eq(member_ends & ~second),
            self.request.valid.eq(running),
            self.request.source.eq(Source.SECOND),
            self.request.step.eq(step),
            self.done.eq(delayed(m, ended, self.drain, "ended", reset_less=False)),
        ]
        with m.If(running):
            m.d.sync += beat.eq(Mux(member_ends, 0, beat + 1))
        with m.If(member_ends):
            m.d.sync += step.eq(step + 1)
            with m.If(second):
                m.d.sync += left.eq(left - 1)
                with m.If(left == 1):
                    m.d.sync += [second.eq(0), size.eq(0), first_step.eq(step + 1)]
            with m.Else():
                m.d.sync += size.eq(size + 1)
                with m.If(strata.last):
                    m.d.sync += [second.eq(1), left.eq(size + 1), step.eq(first_step)]
        with m.If(ended):
            m.d.sync += running.eq(0)
        with m.If(self.start):
            m.d.sync += [running.eq(1), second.eq(0), beat.eq(0), size.eq(0)]
            m.d.sync += [step.eq(0), first_step.eq(0)]
        self._ranks(m, stratum_known, size + 1)

        # ---- the store of candidates answers; then the store of samples is asked
        asked = Candidates.latency
        sample = self.answer.candidate.sample
        valid = delayed(m, running, asked, "valid", reset_less=False)
        beat_asked = delayed(m, beat, asked, "beat")
        m.d.sync += [
            self.feature_enable.eq(valid),
            self.feature_address.eq(sample * config.beats + beat_asked),
        ]
        # a cycle later it answers, and a register behind it holds the features: the operands
        operands = self._operands
        features = Signal(self.feature_data.shape(), reset_less=True)
        m.d.sync += features.eq(self.feature_data)
        beat_now = delayed(m, beat_asked, operands - asked, "later_beat")
        second_now = delayed(m, second, operands, "second")
        first_now = delayed(m, size == 0, operands, "first_member")
        summing = delayed(m, running & ~second, operands, "summing", reset_less=False)

        # ---- V, beat by beat; read without a clock, so that one beat a sample needs no distance
        sum_shape = data.ArrayLayout(unsigned(self._sum_width), config.lanes)
        m.submodules.sums = sums = Memory(shape=sum_shape, depth=max(config.beats, 2), init=[])
        read, write = sums.read_port(domain="comb"), sums.write_port()
        m.d.comb += [
            read.addr.eq(beat_now),
            write.addr.eq(beat_now),
            write.en.eq(summing),
        ]
        terms = []
        for lane in range(config.lanes):
            m.d.comb += write.data[lane].eq(Mux(first_now, 0, read.data[lane]) + features[lane])
            m.submodules[f"lane_{lane}"] = product = Multiply(8, self._sum_width)
            left_operand = Signal(8, name=f"left_{lane}", reset_less=True)
            right_operand = Signal(self._sum_width, name=f"right_{lane}", reset_less=True)
            m.d.sync += [
                left_operand.eq(features[lane]),
                right_operand.eq(Mux(second_now, read.data[lane], features[lane])),
            ]
            m.d.comb += [product.left.eq(left_operand), product.right.eq(right_operand)]
            terms.append(product.product)
        # a level of the tree a cycle, then the sum over the beats
        while len(terms) > 1:
            sums_here = []
            for number, (a, b) in enumerate(zip(terms[::2], terms[1::2], strict=True)):
                later = Signal(len(a) + 1, name=f"tree_{len(terms) // 2}_{number}", reset_less=True)
                m.d.sync += later.eq(a + b)
                sums_here.append(later)
            terms = sums_here
        dot_width = width_for(config.samples * distance_maximum(config.features))
        total = Signal(dot_width, reset_less=True)
        begins = delayed(m, member_begins, self._total - 1, "begins")
        m.d.sync += total.eq(Mux(begins, 0, total) + terms[0])
        self._scores(m, member_ends, second, size, total)
        return m

    def _ranks(self, m, known, size):
        """(s * C * h) >> 24 of each stratum, once its size is known."""
        config = self.config
        hashed, stratum = Signal(PHASE_WIDTH), Signal(config.index_width)
        with m.If(self.start):
            m.d.sync += [hashed.eq(self.phase), stratum.eq(0)]
        with m.Elif(known):
            m.d.sync += hashed.eq(hashed + HASH_STEP)
        share_width = width_for(config.samples * SPREAD_MAXIMUM)
        m.submodules.share = share = Multiply(config.count_width, SPREAD_WIDTH)
        m.submodules.rank = rank = Multiply(share_width, PHASE_WIDTH)
        asked = 1 + share.latency  # a register before the multiplier
        m.d.comb += [
            share.left.eq(delayed(m, size[: config.count_width], 1, "known_size")),
            share.right.eq(self.spread),
            rank.left.eq(share.product),
            rank.right.eq(delayed(m, hashed, asked, "hashed")),
            self.wanted.valid.eq(
                delayed(m, known, asked + rank.latency, "known", reset_less=False)
            ),
            self.wanted.stratum.eq(stratum),
            self.wanted.rank.eq(rank.product >> RANK_SHIFT),
        ]
        with m.If(self.wanted.valid):
            m.d.sync += stratum.eq(stratum + 1)

    def _scores(self, m, member_ends, second, size, total):
        """From the sums |f|^2 and f.V of a member to its score."""
        config = self.config
        step_shape = config.index_width
        m.submodules.squares = squares = Memory(
            shape=self._square_width, depth=config.samples, init=[]
        )
        read, write = squares.read_port(), squares.write_port()
        ends = delayed(m, member_ends, self._total, "ends", reset_less=False)
        of_dot = delayed(m, second, self._total, "of_dot")
        # squares come in the order of the steps, and so do scores
        square_step, dot_step, score_step = (
            Signal(step_shape, name=f"{name}_step") for name in ("square", "dot", "score")
        )
        for counter, counts in (
            (square_step, ends & ~of_dot),
            (dot_step, ends & of_dot),
            (score_step, self.scored.valid),
        ):
            with m.If(self.start):
                m.d.sync += counter.eq(0)
            with m.Elif(counts):
                m.d.sync += counter.eq(counter + 1)
        m.d.comb += [
            write.addr.eq(square_step),
            write.data.eq(total),
            write.en.eq(ends & ~of_dot),
            read.addr.eq(dot_step),
        ]
        # the memory answers, a register behind it, s * |f|^2, and the difference
        m.submodules.scaled = scaled = Multiply(config.count_width, self._square_width)
        dot = delayed(m, total, 2 + scaled.latency, "dot")
        difference = Signal(signed(score_width(config)), reset_less=True)
        m.d.comb += [
            scaled.left.eq(delayed(m, size, self._total + 2, "size")),
            scaled.right.eq(delayed(m, read.data, 1, "square")),
            self.scored.step.eq(score_step),
            self.scored.score.eq(Cat(difference[:-1], ~difference[-1])),
            self.scored.sample.eq(
                delayed(
                    m,
                    self.answer.candidate.sample,
                    self._score - Candidates.latency,
                    "sample",
                )
            ),
        ]
        m.d.sync += [
            difference.eq(scaled.product - (dot << 1)),
            self.scored.valid.eq(
                delayed(m, ends & of_dot, 2 + scaled.latency, "scored", reset_less=False)
            ),
        ]
