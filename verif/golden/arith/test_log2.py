# SPDX-License-Identifier: Apache-2.0
"""log2 against 80-bit floating point: every sum of calibrate, and the worst x of wider octaves."""

from decimal import Decimal, localcontext

import numpy as np
import pytest

from golden.arith import floor_log2, log2
from golden.arith.log2 import _TABLE
from verif.golden.exact import LARGEST_SUM, chunks, ends, log2_errors


def test_every_sum_is_within_one_unit():
    assert max(np.abs(log2_errors(x)).max() for x in chunks(1, LARGEST_SUM)) < 1


@pytest.mark.parametrize("exponent", [23, 27, 31, 40])
def test_wide_inputs_are_within_one_unit(exponent):
    assert np.abs(log2_errors(ends(exponent, 20, 1 << 62))).max() < 1


def test_monotone_over_every_sum():
    last = -1
    for x in chunks(1, LARGEST_SUM):
        values = log2(x)
        assert last <= values[0] and (np.diff(values) >= 0).all()
        last = values[-1]


def test_table_is_correctly_rounded():
    with localcontext() as context:
        context.prec = 50
        for j, b in enumerate(_TABLE.tolist()):
            exact = (1 + Decimal(j) / 256).ln() / Decimal(2).ln() * 2**18
            assert abs(b - exact) < Decimal(1) / 2, j
    assert len(_TABLE) == 257


def test_powers_of_two_are_exact():
    e = np.arange(63)
    assert np.array_equal(log2(1 << e), e << 16)


def test_floor_log2_is_the_bit_length():
    x = [1, 2, 3, 4, 5, 255, 256, 257, (1 << 40) - 1, 1 << 40, (1 << 62) + 1]
    assert floor_log2(np.array(x)).tolist() == [v.bit_length() - 1 for v in x]
