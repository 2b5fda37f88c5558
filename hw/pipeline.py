# SPDX-License-Identifier: Apache-2.0
"""Registers in a row."""

from amaranth.hdl import Module, Signal, Value, ValueLike


def delayed(
    m: Module, value: ValueLike, cycles: int, name: str, *, reset_less: bool = True
) -> Value:
    """The value of `cycles` cycles ago, of the same shape; with cycles = 0 the value itself.

    Parameters
    ----------
    m: the module that gets the registers.
    value: signed or unsigned; a field of a struct too.
    cycles: at least 0; a negative number is a ValueError.
    name: of the registers, which end in _1, _2, ...
    reset_less: False for what must be zero after reset, as valid bits.
    """
    if cycles < 0:
        raise ValueError(f"{name} cannot be delayed by {cycles} cycles")
    value = Value.cast(value)
    for cycle in range(1, cycles + 1):
        later = Signal(value.shape(), name=f"{name}_{cycle}", reset_less=reset_less)
        m.d.sync += later.eq(value)
        value = later
    return value
