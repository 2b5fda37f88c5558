# SPDX-License-Identifier: Apache-2.0
"""hw.arith.reciprocal against the golden model, in the Amaranth simulator."""

from fractions import Fraction

import numpy as np
import pytest

from golden.arith.reciprocal import reciprocal
from hw.arith.reciprocal import Reciprocal, reciprocal_table
from verif.unit.arith.pipeline import run
from verif.vectors.arith import WIDTHS, integers

OUTPUTS = ["mantissa", "exponent"]


@pytest.mark.parametrize("fraction_bits", [12, 16])
@pytest.mark.parametrize("width", WIDTHS)
def test_reciprocal(width, fraction_bits):
    x = np.random.default_rng(width).permutation(integers(width, random=500, seed=width))
    mantissa, exponent = run(Reciprocal(width, fraction_bits), x, "x", OUTPUTS)
    expected = reciprocal(x, fraction_bits)
    np.testing.assert_array_equal(mantissa, expected[0])
    np.testing.assert_array_equal(exponent, expected[1])


def test_latency():
    assert Reciprocal.latency == 7


def test_zero_is_as_one():
    for width in WIDTHS:
        result = run(Reciprocal(width, 16), [0, 1, 0], "x", OUTPUTS)
        assert result == [[65536] * 3, [0] * 3]


@pytest.mark.parametrize("fraction_bits", range(4, 22, 2))
def test_table_is_rounded(fraction_bits):
    size = 2 ** (fraction_bits // 2)
    for j, value in enumerate(reciprocal_table(fraction_bits)):
        exact = Fraction(2 ** (fraction_bits + 2) * size, size + j)
        assert abs(value - exact) < Fraction(1, 2)


@pytest.mark.parametrize("fraction_bits", [2, 13, 22])
def test_illegal_fraction_bits(fraction_bits):
    message = f"^fraction_bits is {fraction_bits}: it must be even, from 4 to 20$"
    with pytest.raises(ValueError, match=message):
        Reciprocal(8, fraction_bits)
