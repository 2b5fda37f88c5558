# SPDX-License-Identifier: Apache-2.0
"""Counters of the sparse-gradient unit whose answers come from registers."""

from amaranth.hdl import Module, Signal, Value, ValueLike

__all__ = ["passes", "tally"]


def passes(m: Module, name: str, count: Value, begin: ValueLike, step: ValueLike) -> Signal:
    """Whether this pass of a loop is its last; behind the last comes the first again.

    Parameters
    ----------
    m: the module that gets the registers. name: what the registers' names begin with.
    count: passes of the loop, at least 1; holds still from begin on.
    begin: the next cycle is in the first pass. step: this cycle ends a pass.
    """
    left = Signal(len(count), name=f"{name}_left")  # passes behind this one
    last = Signal(name=f"{name}_last")
    with m.If(begin | (step & last)):
        m.d.sync += [left.eq(count - 1), last.eq(count == 1)]
    with m.Elif(step):
        m.d.sync += [left.eq(left - 1), last.eq(left == 1)]
    return last


def tally(
    m: Module, name: str, most: int, begin: ValueLike, up: ValueLike, down: ValueLike
) -> tuple[Signal, Signal]:
    """How many there are, 0..most and 0 after begin, and whether there are any.

    up, down: one more, one fewer, from the next cycle on; both together change nothing.
    """
    count = Signal(range(most + 1), name=f"{name}_count")
    some = Signal(name=f"{name}_some")
    with m.If(begin):
        m.d.sync += [count.eq(0), some.eq(0)]
    with m.Elif(up & ~down):
        m.d.sync += [count.eq(count + 1), some.eq(1)]
    with m.Elif(down & ~up):
        m.d.sync += [count.eq(count - 1), some.eq(count != 1)]
    return count, some
