# SPDX-License-Identifier: Apache-2.0
"""exp2 against 50-digit decimals on every input it can have."""

import numpy as np

from golden.arith import exp2, mantissa
from golden.arith.exp2 import EXP2_TABLE, EXPONENT_LIMIT
from verif.golden.exact import exp2_errors


def test_every_input_is_within_one_unit():
    errors = exp2_errors()
    assert len(errors) == EXPONENT_LIMIT + 1
    assert np.abs(errors).max() < 1


def test_table_is_correctly_rounded():
    # m = round(2^16 * 2^(-f/256)) exactly when this holds, in integers.
    for f, m in enumerate(EXP2_TABLE.tolist()):
        assert (2 * m - 1) ** 256 < 1 << (17 * 256 - f) < (2 * m + 1) ** 256, f


def test_mantissa_is_correctly_rounded():
    for f in range(256):
        m = int(mantissa(f))
        assert (2 * m - 1) ** 256 < 1 << (16 * 256 + f) < (2 * m + 1) ** 256, f


def test_one_table_serves_both():
    f = np.arange(1, 256)
    assert np.array_equal(mantissa(f), EXP2_TABLE[256 - f])
    assert 2 * mantissa(0) == EXP2_TABLE[0] == 65536


def test_ends_and_monotone():
    w = exp2(np.arange(EXPONENT_LIMIT + 1))
    assert w[0] == 65536 and w[-1] == 0
    assert w.min() >= 0
    assert (np.diff(w) <= 0).all()


def test_whole_exponents_are_powers_of_two():
    t = np.arange(17)
    assert np.array_equal(exp2(256 * t), 1 << (16 - t))
