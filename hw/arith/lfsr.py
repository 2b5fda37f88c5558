# SPDX-License-Identifier: Apache-2.0
"""Many steps of the Galois shift register at once: each bit is an exclusive or of state bits."""

from amaranth.hdl import Cat, Value

WIDTH = 32
TAPS = 0x80200003
"""x^32 + x^22 + x^2 + x + 1."""


def _steps(count: int) -> tuple[list[int], list[int]]:
    """(the bits put out, the state afterwards); each bit as a mask of the state bits it sums."""
    state = [1 << position for position in range(WIDTH)]
    out = []
    for _ in range(count):
        bit = state[0]
        out.append(bit)
        state = [
            above ^ (bit if TAPS >> position & 1 else 0)
            for position, above in enumerate([*state[1:], 0])
        ]
    return out, state


def _sums(state: Value, masks: list[int]) -> Value:
    return Cat((state & mask).xor() for mask in masks)


def lfsr_bits(state: Value, count: int) -> Value:
    """The next `count` bits put out from this 32-bit state, the first lowest; combinational."""
    return _sums(state, _steps(count)[0])


def lfsr_advance(state: Value, count: int) -> Value:
    """The 32-bit state after `count` steps; combinational."""
    return _sums(state, _steps(count)[1])
