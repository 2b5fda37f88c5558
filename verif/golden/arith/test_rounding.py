# SPDX-License-Identifier: Apache-2.0
"""The rounding rules against their definitions in exact fractions."""

from fractions import Fraction
from math import floor

import numpy as np
from hypothesis import example, given, seed
from hypothesis import strategies as st

from golden.arith import divide_round, round_shift, saturate

WIDE = st.integers(-(1 << 60), 1 << 60)


@seed(1)
@given(WIDE, st.integers(0, 60))
@example(-3, 1)
@example(3, 1)
@example(-(1 << 60), 60)
def test_round_shift(x, shift):
    assert int(round_shift(x, shift)) == floor(Fraction(x, 1 << shift) + Fraction(1, 2))


def test_round_shift_ties_go_up():
    assert round_shift(np.array([-6, -2, 2, 6]), 2).tolist() == [-1, 0, 1, 2]


@seed(2)
@given(WIDE, WIDE, st.integers(0, 1 << 60))
def test_saturate(x, low, span):
    result = int(saturate(x, low, low + span))
    assert low <= result <= low + span
    nearest = x if low <= x <= low + span else (low if x < low else low + span)
    assert result == nearest


@seed(3)
@given(st.integers(-(1 << 40), 1 << 40), st.integers(1, 2048))
@example(-5, 2)
@example(5, 2)
def test_divide_round(x, divisor):
    assert divide_round(x, divisor) == floor(Fraction(x, divisor) + Fraction(1, 2))
