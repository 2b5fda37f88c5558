# SPDX-License-Identifier: Apache-2.0
"""The shift register: its polynomial is recovered from its output and shown to be primitive."""

import numpy as np
import pytest

from golden.arith.lfsr import TAPS, lfsr_advance, lfsr_bits, lfsr_jump, seed_register

DEGREE = 32
PERIOD = (1 << DEGREE) - 1
PRIMES = (3, 5, 17, 257, 65537)


def shortest_recurrence(bits: list[int]) -> int:
    """Berlekamp and Massey over GF(2): the connection polynomial, bit i the coefficient of x^i."""
    current, previous, length, since = 1, 1, 0, 1
    for position in range(len(bits)):
        discrepancy = 0
        for i in range(length + 1):
            discrepancy ^= (current >> i & 1) & bits[position - i]
        if discrepancy:
            before = current
            current ^= previous << since
            if 2 * length <= position:
                length, previous, since = position + 1 - length, before, 0
        since += 1
    return current


def power_of_x(exponent: int, modulus: int) -> int:
    """x^exponent modulo a polynomial over GF(2)."""

    def product(a: int, b: int) -> int:
        total = 0
        while b:
            total ^= a if b & 1 else 0
            a <<= 1
            a ^= modulus if a >> DEGREE else 0
            b >>= 1
        return total

    result, base = 1, 2
    while exponent:
        result = product(result, base) if exponent & 1 else result
        base = product(base, base)
        exponent >>= 1
    return result


@pytest.mark.parametrize("register", [1, 2, 0x80000000, 0xDEADBEEF])
def test_polynomial_read_off_the_output_is_the_documented_one(register):
    recurrence = shortest_recurrence(lfsr_bits(register, 4 * DEGREE).tolist())
    documented = 1 << 32 | 1 << 22 | 1 << 2 | 1 << 1 | 1
    mirrored = int(f"{documented:033b}"[::-1], 2)
    assert recurrence in (documented, mirrored)


def test_polynomial_is_primitive():
    polynomial = shortest_recurrence(lfsr_bits(1, 4 * DEGREE).tolist())
    assert np.prod(PRIMES) == PERIOD
    assert polynomial >> DEGREE == 1 and polynomial & 1
    assert power_of_x(PERIOD, polynomial) == 1
    for prime in PRIMES:
        assert power_of_x(PERIOD // prime, polynomial) != 1, prime


def test_first_bits_are_the_register():
    # Until a one leaves, the register only shifts: from 2^31 that is 31 zeros and a one.
    assert lfsr_bits(1 << 31, 32).tolist() == [0] * 31 + [1]


def test_bits_are_balanced():
    bits = lfsr_bits(seed_register(1), 100_000)
    assert set(np.unique(bits)) == {0, 1}
    assert abs(bits.mean() - 0.5) < 4 * 0.5 / np.sqrt(len(bits))
    # What the start positions use: the first 128 bits, over many seeds.
    starts = np.array([lfsr_bits(seed_register(s), 128) for s in range(500)])
    assert abs(starts.mean() - 0.5) < 4 * 0.5 / np.sqrt(starts.size)
    assert np.abs(starts.mean(axis=0) - 0.5).max() < 5 * 0.5 / np.sqrt(len(starts))


def test_seed_register_is_splitmix64():
    # The first outputs of the published generator for the seeds 0 and 1234567, cut to 32 bits.
    assert seed_register(0) == 0xE220A8397B1DCDAF & 0xFFFFFFFF
    assert seed_register(1234567) == 6457827717110365317 & 0xFFFFFFFF


def test_registers_of_seeds_differ_and_are_never_zero():
    registers = [seed_register(s) for s in range(20_000)]
    assert min(registers) >= 1 and max(registers) <= PERIOD
    # 20,000 draws of 2^32 are expected to collide 0.05 times.
    assert len(set(registers)) >= len(registers) - 2


@pytest.mark.parametrize("register", [1, 0x80000000, 0xDEADBEEF])
def test_advance_equals_single_steps(register):
    state, wanted = register, {0, 1, 2, 31, 32, 33, 1000, 65536, 65537}
    for step in range(max(wanted) + 1):
        if step in wanted:
            assert lfsr_advance(register, step) == state, step
            jumped = 0
            for bit, column in enumerate(lfsr_jump(step).tolist()):
                jumped ^= column if register >> bit & 1 else 0
            assert jumped == state, step
        state = (state >> 1) ^ (TAPS if state & 1 else 0)


def test_advance_composes_and_returns_after_the_period():
    register = 0xDEADBEEF
    far = 65536 * 1279 + 4607
    assert lfsr_advance(lfsr_advance(register, 65536 * 1279), 4607) == lfsr_advance(register, far)
    assert lfsr_advance(register, PERIOD) == register
    assert lfsr_bits(lfsr_advance(register, 100), 50).tolist() == (
        lfsr_bits(register, 150)[100:].tolist()
    )
