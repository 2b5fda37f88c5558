# SPDX-License-Identifier: Apache-2.0
"""Assertions in simulation."""

from amaranth.hdl import Assert, Module, Signal, ValueLike


def check(m: Module, condition: ValueLike, message: str) -> None:
    """Stop the simulation with `message` when `condition` is false in a cycle after reset.

    Not before: until the first reset a simulator may give inputs any value.
    """
    running = Signal(name="out_of_reset")
    m.d.sync += [running.eq(1), Assert(~running | condition, message)]
