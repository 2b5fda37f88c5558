# SPDX-License-Identifier: Apache-2.0
"""hw.arith.exp2 against the golden model, in the Amaranth simulator."""

import math

import numpy as np

from golden.arith.exp2 import exp2
from hw.arith.exp2 import Exp2, exp2_table
from verif.unit.arith.pipeline import run
from verif.vectors.arith import EXP2_INPUTS


def test_all_inputs():
    """Every input in a random order, one a cycle, with the stated latency."""
    t = np.random.default_rng(1).permutation(EXP2_INPUTS)
    (w,) = run(Exp2(), t, "t", ["w"])
    np.testing.assert_array_equal(w, exp2(t))


def test_latency():
    assert Exp2.latency == 5


def test_table_is_rounded():
    """Against float64, whose error of 2^-37 is far below the distance of any entry to a tie."""
    for f, value in enumerate(exp2_table()):
        exact = 65536 * math.exp2(-f / 256)
        assert abs(value - exact) < 0.5 - 1e-9


def test_mantissa_of_inverse_temperature():
    """The use that the docstring names: mantissa(f) = round(2^15 * 2^(f/256))."""
    f = np.arange(256)
    (w,) = run(Exp2(), -f & 255, "t", ["w"])
    mantissa = np.where(f == 0, np.asarray(w) >> 1, w)
    np.testing.assert_array_equal(mantissa, np.round(2.0**15 * np.exp2(f / 256)))
