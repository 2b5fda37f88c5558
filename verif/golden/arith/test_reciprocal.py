# SPDX-License-Identifier: Apache-2.0
"""The reciprocal against 80-bit floating point.

Every sum of calibrate, and every mantissa in every octave of the similarity.
"""

from fractions import Fraction

import numpy as np
import pytest

from golden.arith import reciprocal
from golden.arith.reciprocal import _TABLE_12, _TABLE_16
from verif.golden.exact import (
    LARGEST_SIMILARITY_INPUT,
    LARGEST_SUM,
    chunks,
    ends,
    reciprocal_errors,
)


def test_16_bits_every_sum_is_within_one_unit():
    worst = max(np.abs(reciprocal_errors(x, 16)).max() for x in chunks(1, LARGEST_SUM))
    assert worst < 1


def test_12_bits_every_similarity_input_is_within_one_unit():
    # Sixteen bits below the leading one decide: both ends of each group stand for all of it.
    for exponent in range(12, 28):
        x = ends(exponent, 16, LARGEST_SIMILARITY_INPUT)
        assert np.abs(reciprocal_errors(x, 12)).max() < 1, exponent


def test_12_bits_small_and_sampled_inputs_are_within_one_unit():
    rng = np.random.default_rng(12)
    sampled = rng.integers(4096, LARGEST_SIMILARITY_INPUT, 1 << 19, endpoint=True)
    for x in (np.arange(1, 1 << 18), sampled):
        assert np.abs(reciprocal_errors(x, 12)).max() < 1


@pytest.mark.parametrize("exponent", [24, 30, 40])
@pytest.mark.parametrize("bits", [12, 16])
def test_wide_inputs_are_within_one_unit(bits, exponent):
    assert np.abs(reciprocal_errors(ends(exponent, bits + 4, 1 << 62), bits)).max() < 1


@pytest.mark.parametrize("bits", [12, 16])
def test_mantissa_falls_over_an_octave_and_stays_in_its_format(bits):
    exponent = bits + 4
    v, e = reciprocal(np.arange(1 << exponent, 2 << exponent), bits)
    assert (e == exponent).all()
    assert (np.diff(v) <= 0).all()
    assert v[0] == 1 << bits and v[-1] >= 1 << (bits - 1)


@pytest.mark.parametrize("bits, table", [(12, _TABLE_12), (16, _TABLE_16)])
def test_table_is_correctly_rounded(bits, table):
    entries = 1 << (bits // 2)
    assert len(table) == entries + 1
    for j, c in enumerate(table.tolist()):
        exact = Fraction(entries << (bits + 2), entries + j)
        assert abs(c - exact) <= Fraction(1, 2), j


def test_other_widths_are_refused():
    with pytest.raises(ValueError, match="12 or 16 fraction bits, not 10"):
        reciprocal(5, 10)
