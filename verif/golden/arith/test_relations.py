# SPDX-License-Identifier: Apache-2.0
"""What the arithmetic units say of each other, and of an input and its multiples.

Error bounds follow from those of the docstrings: below one unit each, for every input.
"""

from math import log2 as exact_log2

import numpy as np
from hypothesis import given, seed, settings
from hypothesis import strategies as st

from golden.arith import divide_round, exp2, floor_log2, log2, mantissa, reciprocal, round_shift
from golden.arith import saturate as clamp
from golden.arith.lfsr import lfsr_advance, lfsr_bits, lfsr_jump, seed_register
from golden.arith.log2 import fraction_below_leading_one

EXPONENTS = st.integers(0, 18 * 256)
POSITIVE = st.integers(0, 40).flatmap(lambda bits: st.integers(1 << bits, (2 << bits) - 1))
STATES = st.integers(1, (1 << 32) - 1)
FEW = settings(max_examples=50)


@seed(1)
@FEW
@given(EXPONENTS, EXPONENTS)
def test_powers_multiply_where_exponents_add(s, t):
    if s + t <= 18 * 256:
        a, b, both = (int(exp2(v)) for v in (s, t, s + t))
        assert abs(a * b - 65536 * both) < a + b + 1 + 65536


@seed(2)
@FEW
@given(st.integers(0, 17 * 256))
def test_an_octave_more_is_half(t):
    assert abs(2 * int(exp2(t + 256)) - int(exp2(t))) <= 1
    if t < 256:
        assert exp2(t + 256) == round_shift(exp2(t), 1)


@seed(3)
@FEW
@given(EXPONENTS)
def test_log2_undoes_exp2(t):
    w = int(exp2(t))
    if w >= 2:
        assert abs(int(log2(w)) - (16 * 65536 - 256 * t)) <= 65536 * exact_log2(w / (w - 1)) + 1


@seed(4)
@FEW
@given(st.integers(0, 255))
def test_mantissa_is_the_inverse_of_exp2(fraction):
    m, w = int(mantissa(fraction)), int(exp2(fraction))
    assert abs(m * w - (1 << 31)) <= (m + w) / 2 + 1


@seed(5)
@FEW
@given(POSITIVE, st.integers(0, 20))
def test_powers_of_two_only_move_the_point(x, shift):
    assert log2(x << shift) == log2(x) + (shift << 16)
    assert floor_log2(x << shift) == floor_log2(x) + shift
    for bits in (12, 16):
        v, e = reciprocal(np.int64(x << shift), bits)
        assert (v, e - shift) == reciprocal(np.int64(x), bits)


@seed(6)
@FEW
@given(st.integers(1, 1 << 30), st.integers(1, 1 << 30))
def test_logarithms_add_where_numbers_multiply(x, y):
    assert abs(int(log2(x)) + int(log2(y)) - int(log2(x * y))) < 3
    assert (log2(x) <= log2(y)) or x > y
    assert floor_log2(x) == int(log2(x)) >> 16 or log2(x) == (floor_log2(x) + 1) << 16


@seed(7)
@FEW
@given(POSITIVE, st.sampled_from([12, 16]))
def test_a_number_times_its_reciprocal_is_one(x, bits):
    v, e = (int(part) for part in reciprocal(np.int64(x), bits))
    assert 1 << (bits - 1) <= v <= 1 << bits
    assert abs(x * v - (1 << (bits + e))) < x
    both = int(log2(v)) + int(log2(x)) - ((bits + e) << 16)
    assert abs(both) <= 65536 * exact_log2(v / (v - 1)) + 2


@seed(8)
@FEW
@given(POSITIVE, st.integers(0, 24))
def test_leading_one_and_fraction_make_the_number(x, bits):
    e = int(floor_log2(x))
    assert 1 << e <= x < 2 << e
    assert (1 << bits) + int(fraction_below_leading_one(x, bits)) == (x << bits) >> e


@seed(9)
@FEW
@given(st.integers(-(1 << 40), 1 << 40), st.integers(0, 20), st.integers(-1000, 1000))
def test_whole_steps_pass_through_rounding(x, shift, steps):
    assert round_shift(x + (steps << shift), shift) == round_shift(x, shift) + steps
    assert divide_round(x, 1 << shift) == round_shift(x, shift)
    divisor = shift + 1
    assert divide_round(x + steps * divisor, divisor) == divide_round(x, divisor) + steps
    # What is left over is at most half, and half only below.
    assert -divisor <= 2 * (x - int(divide_round(x, divisor)) * divisor) < divisor


@seed(10)
@FEW
@given(st.lists(st.integers(-500, 500), min_size=2, max_size=9), st.integers(-300, 300))
def test_saturation_keeps_order_and_is_done_once(values, low):
    once = clamp(np.sort(values), low, low + 100)
    assert (np.diff(once) >= 0).all() and np.array_equal(clamp(once, low, low + 100), once)


@seed(11)
@FEW
@given(STATES, STATES, st.integers(0, 1 << 40), st.integers(0, 1 << 40))
def test_steps_of_the_shift_register_are_linear_and_compose(a, b, steps, more):
    assert lfsr_advance(lfsr_advance(a, steps), more) == lfsr_advance(a, steps + more)
    assert lfsr_advance(a ^ b, steps) == lfsr_advance(a, steps) ^ lfsr_advance(b, steps)
    assert lfsr_advance(a, steps) != 0
    ones = [column for bit, column in enumerate(lfsr_jump(steps).tolist()) if a >> bit & 1]
    assert np.bitwise_xor.reduce(ones) == lfsr_advance(a, steps)


@seed(12)
@FEW
@given(STATES, st.integers(0, 40), st.integers(0, 40))
def test_bits_go_on_where_the_register_stands(state, count, more):
    bits = lfsr_bits(state, count + more)
    assert bits.dtype == np.int64 and set(bits.tolist()) <= {0, 1}
    assert bits[count:].tolist() == lfsr_bits(lfsr_advance(state, count), more).tolist()


@seed(13)
@FEW
@given(st.integers(0, 1 << 70))
def test_seeds_count_modulo_2_to_the_64(number):
    register = seed_register(number)
    assert 1 <= register < 1 << 32
    assert register == seed_register(number + (1 << 64)) == seed_register(number % (1 << 64))
