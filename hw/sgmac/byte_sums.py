# SPDX-License-Identifier: Apache-2.0
"""Sums over the bytes of a beat, and beats that are counted into runs of bytes."""

from amaranth.hdl import Module, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

__all__ = ["RunBeats", "sum_tree", "tree_cycles"]

_TERMS = 4
"""Terms added in a cycle."""


def tree_cycles(count: int) -> int:
    """Cycles that sum_tree takes for so many terms."""
    cycles = 0
    while count > 1:
        count, cycles = -(-count // _TERMS), cycles + 1
    return cycles


def sum_tree(m: Module, terms: list[Value], name: str) -> Value:
    """The sum of one or more terms of `tree_cycles` cycles ago, no bit lost."""
    level = 0
    while len(terms) > 1:
        sums: list[Value] = []
        for number in range(0, len(terms), _TERMS):
            value = sum(terms[number + 1 : number + _TERMS], terms[number])
            register = Signal(value.shape(), name=f"{name}_{level}_{number}", reset_less=True)
            m.d.sync += register.eq(value)
            sums.append(register)
        terms, level = sums, level + 1
    return terms[0]


class RunBeats(wiring.Component):
    """Tells of each beat which of its bytes belong to the run, where runs of n bytes each begin at
    a beat.

    Equation: beat q of a run holds min(W, n - q * W) of its bytes, lowest first.

    Flow control: a beat is left by ``step``.

    Latency: the first beat of the first run is told in the cycle after ``start``. Throughput: a
    beat a cycle.

    Parameters
    ----------
    beat_bytes: W, a power of two. most: largest n, at least 1.

    Members
    -------
    start: In(1), with size: In(range(most + 1)), n, at least 1, which holds still until the end.
    step: In(1).
    kept: Out(W), a bit for each byte of the beat. first, last: Out(1), the beat is its run's.
    """

    def __init__(self, beat_bytes: int, most: int):
        if beat_bytes < 1 or beat_bytes & (beat_bytes - 1) or most < 1:
            raise ValueError(
                f"beat_bytes is {beat_bytes} and most is {most}: a power of two and at least 1"
            )
        self.beat_bytes = beat_bytes
        self.most = most
        super().__init__(
            {
                "start": In(1),
                "size": In(range(most + 1)),
                "step": In(1),
                "kept": Out(beat_bytes),
                "first": Out(1),
                "last": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        width = (self.beat_bytes - 1).bit_length()
        behind = Signal.like(self.size)  # beats behind this one
        tail = Signal(range(self.beat_bytes))  # bytes of a run's last beat, less one
        size_less_one = Signal.like(self.size)
        m.d.comb += [
            size_less_one.eq(self.size - 1),
            self.last.eq(behind == 0),
            *(self.kept[n].eq(~self.last | (tail >= n)) for n in range(self.beat_bytes)),
        ]
        with m.If(self.start):
            m.d.sync += tail.eq(size_less_one)
        with m.If(self.start | (self.step & self.last)):
            m.d.sync += [behind.eq(size_less_one >> width), self.first.eq(1)]
        with m.Elif(self.step):
            m.d.sync += [behind.eq(behind - 1), self.first.eq(0)]
        return m
