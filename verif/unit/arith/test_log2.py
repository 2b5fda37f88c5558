# SPDX-License-Identifier: Apache-2.0
"""hw.arith.log2 against the golden model, in the Amaranth simulator."""

import math

import numpy as np
import pytest

from golden.arith.log2 import log2
from hw.arith.log2 import Log2, log2_table
from verif.unit.arith.pipeline import run
from verif.vectors.arith import WIDTHS, integers


@pytest.mark.parametrize("width", WIDTHS)
def test_log2(width):
    x = np.random.default_rng(width).permutation(integers(width, random=500, seed=width))
    (result,) = run(Log2(width), x, "x", ["log2"])
    np.testing.assert_array_equal(result, log2(x))


def test_latency():
    assert Log2.latency == 7


def test_zero_is_as_one():
    for width in WIDTHS:
        assert run(Log2(width), [0, 1, 0], "x", ["log2"]) == [[0, 0, 0]]


def test_largest_fits():
    """log2 of a number just below a power of two may round up to it, and needs the wider output."""
    for width in (8, 16, 24, 32):
        unit = Log2(width)
        ((result,),) = run(unit, [(1 << width) - 1], "x", ["log2"])
        assert result <= width << 16 < 1 << len(unit.log2)


def test_table_is_rounded():
    for j, value in enumerate(log2_table()):
        assert abs(value - 2**18 * math.log2(1 + j / 256)) < 0.5


def test_illegal_width():
    with pytest.raises(ValueError, match=r"^width is 0: it must be at least 1$"):
        Log2(0).elaborate(None)
