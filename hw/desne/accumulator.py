# SPDX-License-Identifier: Apache-2.0
"""Sums in a memory, one addition a cycle to any place."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import data, memory, wiring
from amaranth.lib.wiring import In, Out

from hw.pipeline import delayed

__all__ = ["Accumulator"]


class Accumulator(wiring.Component):
    """Adds values to places of a memory, exactly, whatever the order of the places.

    Equation: total[index] += value for each `add`.

    Method: a place is read, added to and written in cycles 0, 3 and 3; the three additions that
    may be under way to the same place are forwarded, the youngest first.

    Flow control: an addition is taken whenever `add`. While none is under way, `address` reads a
    place, and with `clear` zeroes it after that.

    Latency: `latency` = 4 cycles from add until address sees it; `read_latency` = 2 cycles from
    address to total. Throughput: one addition a cycle, or one read.

    Parameters
    ----------
    shape: struct of signed sums. summand: struct of the same fields, values. depth: places.

    Members
    -------
    add: In(1). index: In(range(depth)). value: In(summand).
    address: In(range(depth)). clear: In(1). total: Out(shape).
    """

    latency = 4
    read_latency = 2

    def __init__(self, shape: data.StructLayout, summand: data.StructLayout, depth: int):
        self.shape = shape
        self.summand = summand
        self.depth = depth
        super().__init__(
            {
                "add": In(1),
                "index": In(range(depth)),
                "value": In(summand),
                "address": In(range(depth)),
                "clear": In(1),
                "total": Out(shape),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.places = places = memory.Memory(shape=self.shape, depth=self.depth, init=[])
        write, read = places.write_port(), places.read_port()
        # cycle 0: read
        m.d.comb += read.addr.eq(Mux(self.add, self.index, self.address))
        add = [self.add]
        index = [self.index]
        for cycle in range(4):
            add.append(delayed(m, add[-1], 1, f"add_{cycle}", reset_less=False))
            index.append(delayed(m, index[-1], 1, f"index_{cycle}"))
        value_2 = delayed(m, self.value, 2, "value")
        # cycle 1: a register behind the memory; is the place of an older addition the same?
        stored_2 = data.View(self.shape, delayed(m, read.data, 1, "stored"))
        m.d.comb += self.total.eq(stored_2)
        same = [
            delayed(m, add[1 + ago] & (index[1 + ago] == index[1]), 1, f"same_{ago}")
            for ago in (1, 2, 3)
        ]
        # cycle 2: the youngest sum; cycle 3: add and write; the sum is kept for two more cycles
        base_3 = Signal(self.shape, reset_less=True)
        value_3 = data.View(self.summand, delayed(m, value_2, 1, "value_3"))
        total_3 = Signal(self.shape)
        total_4 = data.View(self.shape, delayed(m, total_3, 1, "total_4"))
        total_5 = data.View(self.shape, delayed(m, total_4, 1, "total_5"))
        for field in self.shape.members:
            m.d.comb += total_3[field].eq(base_3[field] + value_3[field])
            m.d.sync += base_3[field].eq(
                Mux(
                    same[0],
                    total_3[field],
                    Mux(same[1], total_4[field], Mux(same[2], total_5[field], stored_2[field])),
                )
            )
        clear = delayed(m, self.clear, 1, "clear", reset_less=False)
        address = delayed(m, self.address, 1, "address")
        with m.If(clear):
            m.d.comb += [write.en.eq(1), write.addr.eq(address)]
        with m.Else():
            m.d.comb += [
                write.en.eq(add[3]),
                write.addr.eq(index[3]),
                write.data.eq(total_3),
            ]
        return m
