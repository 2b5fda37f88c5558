# SPDX-License-Identifier: Apache-2.0
"""The two ways a number loses bits: rounding to fewer, and saturating to a range."""

from amaranth.hdl import Mux, Value


def round_shift(x: Value, shift: Value | int) -> Value:
    """(x + 2^(shift-1)) >> shift for shift >= 1, and x for shift = 0; combinational.

    Rounds half up: ties go towards plus infinity, also for a signed x.

    Parameters
    ----------
    x: the number, signed or unsigned.
    shift: bits to drop: a constant >= 0, or an unsigned signal.
    """
    if isinstance(shift, int):
        if shift < 0:
            raise ValueError(f"shift is {shift}: it must be at least 0")
        return (x + (1 << shift - 1)) >> shift if shift else x + 0
    return (((x << 1) >> shift) + 1) >> 1


def saturate(x: Value, low: int, high: int) -> Value:
    """min(max(x, low), high); combinational. Assign it to a signal that holds low..high.

    Raises ValueError when low > high.
    """
    if low > high:
        raise ValueError(f"low is {low} and high is {high}: low must be at most high")
    return Mux(x < low, low, Mux(x > high, high, x))
