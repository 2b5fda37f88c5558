# SPDX-License-Identifier: Apache-2.0
"""How memories become Verilog: what a read gives of a row that is written in the same cycle."""

from amaranth.hdl import Cat, MemoryInstance, Module, Mux, Signal, Value
from amaranth.lib.memory import Memory

__all__ = ["READ_FIRST", "Memories"]

READ_FIRST = {"read_first": 1}
"""`attrs` of a Memory whose reads give the old row then, and whose block relies on it."""


class Memories:
    """Platform whose memories say so to synthesis, or let simulation see it.

    Two ports of a block RAM that meet at a row in one cycle, one writing, one reading: what is
    read is not defined on most devices, and synthesis adds a comparison of addresses, a register
    and a multiplexer for every bit read where a description wants the old row. Here every such
    memory carries the attribute ``no_rw_check`` instead, which tells Yosys that nobody looks.

    ``wrong`` is the evidence for that: a read that meets a write gives the complement of the old
    row, and whoever looks gets a wrong result. The simulator of the top is built so
    (verif/sim/top_build.py). Rows that a read port is transparent for are exact in both, and so is
    a memory with the attributes READ_FIRST.
    """

    attributes = {"no_rw_check": 1}

    def __init__(self, *, wrong: bool = False):
        self.wrong = wrong

    def get_memory(self, memory: Memory) -> MemoryInstance | Module:
        """What Amaranth puts in the place of ``memory`` (its hook for platforms)."""
        exact = READ_FIRST.items() <= memory.attrs.items()
        attributes = memory.attrs if exact else {**memory.attrs, **self.attributes}
        instance = MemoryInstance(data=memory.data, attrs=attributes, src_loc=memory.src_loc)
        writes = {
            port: instance.write_port(
                domain=port.domain, addr=port.addr, data=port.data, en=port.en
            )
            for port in memory.write_ports
        }
        m = Module() if self.wrong and not exact else None
        for port in memory.read_ports:
            met = [
                port.en & Value.cast(write.en).any() & (port.addr == write.addr)
                for write in memory.write_ports
                if write not in port.transparent_for
            ]
            given = Value.cast(port.data)
            if m and met and port.domain != "comb":
                old, collided = Signal(len(given), name="old_row"), Signal(name="collided")
                with m.If(port.en):
                    m.d[port.domain] += collided.eq(Cat(met).any())
                m.d.comb += given.eq(Mux(collided, ~old, old))
                given = old
            instance.read_port(
                domain=port.domain,
                data=given,
                addr=port.addr,
                en=port.en,
                transparent_for=tuple(writes[write] for write in port.transparent_for),
            )
        if not m:
            return instance
        m.submodules.rows = instance
        return m
