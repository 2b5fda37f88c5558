# SPDX-License-Identifier: Apache-2.0
"""update: weights take a rounded, scaled step against their gradient and saturate."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from hw.arith.lfsr import WIDTH
from hw.arith.multiply_signed import MultiplySigned
from hw.arith.rounding import saturate
from hw.pipeline import delayed
from hw.sgmac.random_states import RandomStates

__all__ = ["GRADIENT_WIDTH", "MULTIPLIER_WIDTH", "SHIFT_LIMIT", "Update", "operand_layout"]

GRADIENT_WIDTH = 32
MULTIPLIER_WIDTH = 16
SHIFT_LIMIT = 40
COUNTER_WIDTH = 32

_STEP_WIDTH = 10
"""Bits of a step before rounding; one that needs more saturates every weight."""
_COARSE = 3
"""The lowest bit of the shift that the first of two stages does."""
_NOISE_AT = 4
"""Cycle in which the random bits are added."""


def operand_layout(places: int) -> data.StructLayout:
    """A weight, and what decides its step. fresh and place: see RandomStates; not used when
    rounding to nearest. shift: 0..40, the scale is multiplier / 2^shift."""
    return data.StructLayout(
        {
            "weight": signed(8),
            "gradient": signed(GRADIENT_WIDTH),
            "multiplier": MULTIPLIER_WIDTH,
            "shift": range(SHIFT_LIMIT + 1),
            "fresh": 1,
            "place": range(places),
        }
    )


class Update(wiring.Component):
    """One step of gradient descent for each weight that comes by.

    Equation: x = gradient * multiplier, s = shift,

        step = x / 2^s to the nearest integer, ties to even      or, stochastic,
        step = floor((x + r) / 2^s)
        weight = min(max(weight - step, -128), 127)

    r: the s highest bits of S, above 32 with zeros below, S the weight's random state with its top
    bit inverted (hw/sgmac/random_states.py says which state is whose).

    Method: the product is shifted left by 40 - s, so that the step stands above bit 40 and the
    fraction in the 40 bits below it. There r is S above bit 8, whatever s is: its bits beyond the
    s highest meet zeros and carry nothing. A step that leaves 10 bits is remembered as one of
    -512 or 511, which saturates every weight.

    Flow control: none.

    Latency: `latency` cycles. Throughput: a weight a cycle.

    Parameters
    ----------
    places: outputs whose rows come by in turn, at least 1.

    Members
    -------
    start: In(1), before a job's first weight: loads seed: In(32), the job's random state, and
        clears saturated.
    stochastic: In(1), holds still while weights are under way.
    valid: In(1), with operand: In(operand_layout).
    done: Out(1), with weight: Out(signed(8)), the new one.
    saturated: Out(32), weights since start for which weight - step was outside -128..127; a cycle
        behind done.
    """

    latency = 7

    def __init__(self, places: int):
        self.places = places
        super().__init__(
            {
                "start": In(1),
                "seed": In(WIDTH),
                "stochastic": In(1),
                "valid": In(1),
                "operand": In(operand_layout(places)),
                "done": Out(1),
                "weight": Out(signed(8)),
                "saturated": Out(COUNTER_WIDTH),
            }
        )

    def elaborate(self, platform):
        m = Module()
        operand = self.operand
        m.submodules.multiply = multiply = MultiplySigned(GRADIENT_WIDTH, MULTIPLIER_WIDTH)
        m.submodules.states = states = RandomStates(self.places)
        waited = _NOISE_AT - RandomStates.latency
        m.d.comb += [
            multiply.left.eq(operand.gradient),
            multiply.right.eq(operand.multiplier),
            states.start.eq(self.start),
            states.seed.eq(self.seed),
            states.valid.eq(delayed(m, self.valid, waited, "coming", reset_less=False)),
            states.fresh.eq(delayed(m, operand.fresh, waited, "fresh")),
            states.place.eq(delayed(m, operand.place, waited, "place")),
        ]
        # cycles 0 and 1: multiply; meanwhile, the places to shift to the left
        shift_1 = delayed(m, operand.shift, 1, "shift")
        left_2 = Signal.like(operand.shift, reset_less=True)
        m.d.sync += left_2.eq(SHIFT_LIMIT - shift_1)

        # cycle 2: shift by multiples of 8; of each 8 bits that may be lost, whether they differ
        # from the sign
        width = _STEP_WIDTH + SHIFT_LIMIT
        product = Signal(signed(width))
        m.d.comb += product.eq(multiply.product)
        unit = 1 << _COARSE
        tops = range(1, SHIFT_LIMIT // unit + 1)
        coarse_3 = Signal(width, reset_less=True)
        differ_3 = Signal(len(tops), reset_less=True)
        left_3 = Signal.like(left_2, reset_less=True)
        sign_3 = Signal(reset_less=True)
        m.d.sync += [
            coarse_3.eq(product << Cat(Const(0, _COARSE), left_2[_COARSE:])),
            differ_3.eq(
                Cat(_differ(product[width - 1 - unit * top :][: unit + 1]) for top in tops)
            ),
            left_3.eq(left_2),
            sign_3.eq(product[-1]),
        ]

        # cycle 3: shift by the rest
        fine_4 = Signal(width, reset_less=True)
        lost_4, sign_4 = Signal(reset_less=True), Signal(reset_less=True)
        lost_coarse = Cat((left_3[_COARSE:] >= top) & differ_3[top - 1] for top in tops).any()
        lost_fine = Cat(
            (left_3[:_COARSE] >= bits) & (coarse_3[width - 1 - bits] != coarse_3[-1])
            for bits in range(1, unit)
        ).any()
        m.d.sync += [
            fine_4.eq(coarse_3 << left_3[:_COARSE]),
            lost_4.eq(lost_coarse | lost_fine),
            sign_4.eq(sign_3),
        ]

        # cycle 4: the carry of the random bits, and what rounding to nearest asks
        fraction = fine_4[:SHIFT_LIMIT]
        noise = Cat(states.state[:-1], ~states.state[-1])
        step_5 = Signal(signed(_STEP_WIDTH), reset_less=True)
        carry_5, half_5, more_5 = (
            Signal(reset_less=True, name=n) for n in ("carry", "half", "more")
        )
        m.d.sync += [
            carry_5.eq((fraction[SHIFT_LIMIT - WIDTH :] + noise)[-1]),
            half_5.eq(fraction[-1]),
            more_5.eq(fraction[:-1].any()),
            step_5.eq(Mux(lost_4, _end(sign_4), fine_4[SHIFT_LIMIT:]).as_signed()),
        ]

        # cycle 5: round
        step_6 = Signal(signed(_STEP_WIDTH + 1), reset_less=True)
        nearest = half_5 & (more_5 | step_5[0])
        m.d.sync += step_6.eq(step_5 + Mux(self.stochastic, carry_5, nearest))

        # cycle 6: subtract and saturate
        exact = Signal(signed(_STEP_WIDTH + 2))
        saturates_7 = Signal()
        coming_6 = delayed(m, states.valid, self.latency - 1 - waited, "coming_6", reset_less=False)
        m.d.comb += exact.eq(delayed(m, operand.weight, self.latency - 1, "weight") - step_6)
        m.d.sync += [
            self.weight.eq(saturate(exact, -128, 127)),
            saturates_7.eq(coming_6 & _differ(exact[7:])),
            self.done.eq(coming_6),
        ]
        with m.If(self.start):
            m.d.sync += self.saturated.eq(0)
        with m.Elif(saturates_7):
            m.d.sync += self.saturated.eq(self.saturated + 1)
        return m


def _differ(bits):
    """Not all bits are the same."""
    return bits.any() & ~bits.all()


def _end(sign):
    """The step of 10 bits furthest to that side."""
    return Cat(*[~sign] * (_STEP_WIDTH - 1), sign)
