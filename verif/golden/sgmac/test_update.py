# SPDX-License-Identifier: Apache-2.0
"""update: against exact fractions, ties and ends; random rounding unbiased and replayable."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st

from golden.arith.lfsr import lfsr_advance, seed_register
from golden.sgmac.update import (
    LOWEST_SCALE,
    check_scale,
    quantise_scale,
    random_bits,
    update_weights,
)
from verif.golden.plain_gradient import updated_in_fractions

PERIOD = (1 << 32) - 1
INT32 = (-(1 << 31), (1 << 31) - 1)


@st.composite
def updates(draw_one):
    shape = draw_one(
        st.tuples(st.integers(1, 6), st.integers(1, 4), st.integers(1, 3), st.integers(1, 3))
    )
    rng = np.random.default_rng(draw_one(st.integers(0, 10**6)))
    shift = rng.integers(0, 41, shape[0])
    multiplier = rng.integers(1, 1 << rng.integers(1, 17), shape[0])
    weights = rng.integers(-128, 128, shape, np.int8)
    # gradients whose steps are of the size of a weight, ties among them, and some that are huge
    wide = np.ldexp(400.0, shift) / multiplier
    gradient = rng.uniform(-1, 1, shape) * np.clip(wide, 1, INT32[1]).reshape(-1, 1, 1, 1)
    gradient = np.rint(gradient).astype(np.int32)
    gradient[rng.random(shape) < 0.1] = rng.choice(INT32)
    return weights, gradient, multiplier, shift


@seed(1)
@settings(max_examples=150)
@given(updates(), st.integers(1, PERIOD))
def test_equals_fractions(job, register):
    for rounding in ("nearest", "stochastic"):
        got = update_weights(*job, rounding=rounding, register=register)
        want = updated_in_fractions(*job, None if rounding == "nearest" else register)
        assert np.array_equal(got.weights, want[0]) and got.saturated == want[1], rounding
        assert got.weights.dtype == np.int8


@pytest.mark.parametrize("shift", [0, 1, 2, 16, 17, 40])
def test_ties_go_to_even(shift):
    """Every quarter of a step around zero, with a power of two as multiplier where it is needed."""
    multiplier = max(1 << max(shift - 28, 0), 1)
    unit = (1 << shift) // multiplier
    quarters = np.unique(np.arange(-40, 41) * unit // 4).astype(np.int32)
    gradient = quarters.reshape(1, -1)
    weights = np.zeros(gradient.shape, np.int8)
    got = update_weights(weights, gradient, np.array([multiplier]), np.array([shift])).weights
    want = [-round(Fraction(int(g) * multiplier, 1 << shift)) for g in quarters]
    assert got.ravel().tolist() == want
    if shift:
        half = unit // 2
        ties = {int(g): int(w) for g, w in zip(quarters, got.ravel(), strict=True)}
        assert [ties[k * half] for k in (-5, -3, -1, 1, 3, 5)] == [2, 2, 0, 0, -2, -2]


def test_saturation_at_both_ends():
    weights = np.array([[-128, -128, -127, 127, 127, 126, 127, -128, 0, 0]], np.int8)
    gradient = np.array([[1, 0, 1, -1, 0, -1, 255, -255, 256, -256]], np.int32)
    got = update_weights(weights, gradient, np.array([1]), np.array([0]))
    assert got.weights.tolist() == [[-128, -128, -128, 127, 127, 127, -128, 127, -128, 127]]
    assert got.saturated == 4
    extreme = np.array([INT32, INT32[::-1]], np.int32)
    got = update_weights(
        np.zeros((2, 2), np.int8), extreme, np.array([65535] * 2), np.array([0, 40])
    )
    # at the largest shift both steps round to 128, and from 0 only -(-128) leaves the range
    assert got.weights.tolist() == [[127, -128], [-128, 127]] and got.saturated == 3
    one = update_weights(np.ones((1, 2), np.int8), extreme[:1], np.array([65535]), np.array([40]))
    assert one.weights.tolist() == [[127, -127]] and one.saturated == 1


@pytest.mark.parametrize("rounding", ["nearest", "stochastic"])
def test_no_gradient_no_change(rounding, seed):
    weights = np.random.default_rng(seed).integers(-128, 128, (9, 50), np.int8)
    shift = np.arange(9) * 5
    gradient = np.zeros((9, 50), np.int32)
    got = update_weights(weights, gradient, np.full(9, 3), shift, rounding=rounding, register=seed)
    assert np.array_equal(got.weights, weights) and got.saturated == 0


def test_whole_steps_are_never_rounded(seed):
    """Nothing is random where there is no fraction."""
    rng = np.random.default_rng(seed)
    steps = rng.integers(-40, 41, (6, 30))
    shift = np.array([0, 1, 7, 15, 16, 20])
    gradient = (steps << shift[:, None]).astype(np.int32)
    zero = np.zeros(steps.shape, np.int8)
    got = update_weights(zero, gradient, np.ones(6, int), shift, rounding="stochastic", register=9)
    assert np.array_equal(got.weights, -steps)


@pytest.mark.parametrize("shift, multiplier", [(1, 1), (5, 7), (16, 40503), (32, 99), (40, 65535)])
def test_random_rounding_is_unbiased(shift, multiplier, seed):
    """The mean of the steps, over 200,000 weights of 1,000 outputs, is within five standard errors
    (those of independent draws) of the exact quotient, and only its two neighbours occur."""
    rng = np.random.default_rng(seed)
    for exact in (0.5, 0.1, -0.03, 2.77, -19.999):
        value = round(exact * 2**shift / multiplier)
        quotient = Fraction(value * multiplier, 2**shift)
        assert abs(value) < 2**31
        gradient = np.full((1000, 200), value, np.int32)
        register = int(rng.integers(1, PERIOD))
        zero = np.zeros(gradient.shape, np.int8)
        scale = np.full(1000, multiplier), np.full(1000, shift)
        got = update_weights(zero, gradient, *scale, rounding="stochastic", register=register)
        steps = -got.weights.astype(int)
        assert set(np.unique(steps)) <= {quotient // 1, -(-quotient // 1)}
        fraction = float(quotient % 1)
        error = np.sqrt(fraction * (1 - fraction) / steps.size)
        assert abs(steps.mean() - float(quotient)) <= 5 * error, (exact, register)


def test_errors_of_neighbouring_rows_do_not_add_up(seed):
    """The variance of a column's summed rounding error is below that of independent draws; with
    the state's top bit not inverted it would be about twice as large."""
    rng = np.random.default_rng(seed)
    gradient = rng.integers(0, 1 << 16, (2000, 64)).astype(np.int32)
    scale = np.ones(2000, int), np.full(2000, 16)
    zero = np.zeros(gradient.shape, np.int8)
    got = update_weights(
        zero, gradient, *scale, rounding="stochastic", register=seed_register(seed)
    )
    errors = -got.weights.astype(float) - gradient / 65536
    assert errors.sum(axis=1).var() < 0.8 * 64 * errors.var()


@pytest.mark.parametrize("rows", [(3, 3, 3), (9,), (4, 1, 1), (65536,)])
def test_replayable_and_independent_of_blocks_of_outputs(rows, seed):
    rng = np.random.default_rng(seed)
    outputs = 5
    weights = rng.integers(-100, 100, (outputs, *rows), np.int8)
    gradient = rng.integers(-(1 << 20), 1 << 20, weights.shape, np.int32)
    scale = rng.integers(1, 65536, outputs), rng.integers(30, 38, outputs)
    register = seed_register(seed)
    job = (weights, gradient, *scale)
    whole = update_weights(*job, rounding="stochastic", register=register).weights
    again = update_weights(*job, rounding="stochastic", register=register).weights
    other = update_weights(*job, rounding="stochastic", register=register ^ 6).weights
    assert np.array_equal(whole, again) and not np.array_equal(whole, other)
    for first, last in ((0, 2), (2, 5), (4, 5)):
        block = update_weights(
            *(array[first:last] for array in job),
            rounding="stochastic",
            register=lfsr_advance(register, 65536 * first),
        )
        assert np.array_equal(block.weights, whole[first:last])


def test_random_bits_are_the_highest_of_the_state():
    state = 0x12345678
    assert [int(random_bits(state, s)) for s in (0, 1, 4, 8, 32, 36, 40)] == [
        0,
        1,
        0x9,
        0x92,
        0x92345678,
        0x923456780,
        0x9234567800,
    ]
    assert int(random_bits(0x80000001, 32)) == 1


@seed(1)
@settings(max_examples=300)
@given(st.floats(LOWEST_SCALE, 65535.0))
def test_scales_are_within_2_to_the_minus_16(scale):
    m, s = (int(value) for value in quantise_scale(scale))
    assert 1 << 15 <= m <= 65535 and 0 <= s <= 40
    assert abs(Fraction(m, 2**s) / Fraction(scale) - 1) <= Fraction(1, 2**16)
    for other in (m - 1, m + 1):
        assert abs(Fraction(m, 2**s) - Fraction(scale)) <= abs(
            Fraction(other, 2**s) - Fraction(scale)
        )


def test_scales_at_the_edges():
    below_one = np.nextafter(1.0, 0.0)
    scales = np.array([LOWEST_SCALE, 65535.0, 1.0, below_one, 0.5, 3.0])
    m, s = quantise_scale(scales)
    assert m.tolist() == [32768, 65535, 32768, 32768, 32768, 49152]
    assert s.tolist() == [40, 0, 15, 15, 16, 14]
    for bad in (0.0, -1.0, np.nextafter(LOWEST_SCALE, 0), 65535.01, np.inf, np.nan):
        with pytest.raises(ValueError, match=r"scale .* is out of range: it must be from 2\^-25"):
            quantise_scale(np.array([1.0, bad]))


GOOD = (
    np.zeros((2, 3), np.int8),
    np.zeros((2, 3), np.int32),
    np.array([1, 65535]),
    np.array([0, 40]),
)


@pytest.mark.parametrize(
    "place, value, message",
    [
        (0, np.zeros((2, 3), np.uint8), "weights holds uint8 values: they must be int8"),
        (1, np.zeros((2, 3), np.int64), "gradient holds int64 values: they must be int32"),
        (1, np.zeros((3, 2), np.int32), "must have the same"),
        (2, np.array([0, 1]), "multiplier 0 is out of range: it must be from 1 to 65535"),
        (2, np.array([1, 65536]), "multiplier 65536"),
        (2, np.array([1]), "one integer for each of 2 outputs"),
        (2, np.array([1.0, 2.0]), "one integer for each of 2 outputs"),
        (3, np.array([-1, 0]), "shift -1 is out of range: it must be from 0 to 40"),
        (3, np.array([0, 41]), "shift 41"),
    ],
)
def test_refusals(place, value, message):
    update_weights(*GOOD)
    with pytest.raises(ValueError, match=message):
        update_weights(*GOOD[:place], value, *GOOD[place + 1 :])


def test_more_refusals():
    with pytest.raises(ValueError, match="unknown rounding 'up': choose nearest or stochastic"):
        update_weights(*GOOD, rounding="up")
    for register in (0, 1 << 32):
        with pytest.raises(ValueError, match=f"register is {register}: it must be from 1"):
            update_weights(*GOOD, rounding="stochastic", register=register)
    weights = np.zeros((1, 65537), np.int8)
    with pytest.raises(ValueError, match=r"65537 rows .* 65536 .*: select fewer channels"):
        update_weights(weights, weights.astype(np.int32), np.array([1]), np.array([0]))
    with pytest.raises(ValueError, match="same"):
        update_weights(GOOD[0][:0], GOOD[1][:0], GOOD[2][:0], GOOD[3][:0])
    assert [a.dtype for a in check_scale(np.uint16([7]), np.uint8([3]), 1)] == [np.int64] * 2
