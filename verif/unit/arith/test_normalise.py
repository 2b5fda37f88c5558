# SPDX-License-Identifier: Apache-2.0
"""hw.arith.normalise, in the Amaranth simulator, against integers."""

import random

import pytest

from hw.arith.normalise import Normalise
from verif.unit.arith.pipeline import run


def expected(x: int, bits: int) -> tuple[int, int]:
    """Exponent and fraction of x, by the equation; of 0 as of 1."""
    exponent = max(x, 1).bit_length() - 1
    return exponent, (max(x, 1) - 2**exponent) * 2**bits // 2**exponent


@pytest.mark.parametrize("width, bits", [(1, 1), (2, 5), (8, 3), (9, 12), (33, 16)])
def test_every_cycle_a_result_after_the_latency(width, bits, seed):
    dut = Normalise(width, bits)
    rng = random.Random(seed)
    values = list(range(1 << width)) if width <= 9 else []
    values += [(1 << at) + rng.choice([-1, 0, 1]) for at in range(1, width)]
    values += [rng.randrange(1 << width) >> rng.randrange(width) for _ in range(200)]
    values = [x % (1 << width) for x in values]
    got = run(dut, values, "x", ["exponent", "fraction"])
    wanted = [expected(x, bits) for x in values]
    assert list(zip(*got, strict=True)) == wanted, f"seed {seed}"


@pytest.mark.parametrize("width, bits, said", [(0, 4, "width is 0"), (4, 0, "bits is 0")])
def test_illegal_parameters(width, bits, said):
    with pytest.raises(ValueError, match=said):
        Normalise(width, bits)
