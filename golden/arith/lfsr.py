# SPDX-License-Identifier: Apache-2.0
"""The 32-bit Galois linear feedback shift register that seeds a job."""

from functools import cache

import numpy as np

TAPS = 0x80200003
"""x^32 + x^22 + x^2 + x + 1, primitive: the register runs through all 2^32 - 1 nonzero states."""


def seed_register(seed: int) -> int:
    """The 32-bit value the host writes for a user's seed: the finaliser of splitmix64, so that
    seeds 1, 2, 3 ... start far apart and with as many ones as zeros. Zero, the one state the
    register cannot leave, becomes 1."""
    mask = (1 << 64) - 1
    z = (seed + 0x9E3779B97F4A7C15) & mask
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
    return ((z ^ (z >> 31)) & 0xFFFFFFFF) or 1


def lfsr_bits(register: int, count: int) -> np.ndarray:
    """The next `count` output bits, int64 0 or 1. Each step puts out the lowest bit, shifts right,
    and applies the taps when that bit was one. register: 1..2^32-1."""
    bits = np.empty(count, np.int64)
    for i in range(count):
        bits[i] = register & 1
        register = (register >> 1) ^ (TAPS if register & 1 else 0)
    return bits


def _sum(columns: list[int] | tuple[int, ...], state: int) -> int:
    total = 0
    for bit, column in enumerate(columns):
        total ^= column if state >> bit & 1 else 0
    return total


@cache
def _columns(steps: int) -> tuple[int, ...]:
    result = [1 << bit for bit in range(32)]
    power = [TAPS, *result[:-1]]
    while steps:
        if steps & 1:
            result = [_sum(power, column) for column in result]
        power = [_sum(power, column) for column in power]
        steps >>= 1
    return tuple(result)


def lfsr_jump(steps: int) -> np.ndarray:
    """int64 [32]: what each state of a single one, 1 << bit, becomes after this many steps, 0 or
    more. Steps are linear: any state becomes the exclusive or of those of its ones."""
    return np.array(_columns(steps), np.int64)


def lfsr_advance(register: int, steps: int) -> int:
    """The state after `steps` steps, 0 or more. register: 1..2^32-1."""
    return _sum(_columns(steps), register)
