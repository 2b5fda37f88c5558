# SPDX-License-Identifier: Apache-2.0
"""The registers of a table in hardware."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from hw.bus.lite_slave import RegisterBus
from hw.bus.register_map import Access, Register, RegisterMap
from hw.pipeline import delayed

GROUP = 64
"""Bytes of addresses whose registers are looked at together, before the groups are."""

NEVER_WRITTEN = (Access.CONSTANT, Access.READ_ONLY)
"""A write to such a register is accepted, or refused if it is locked, and does nothing."""


def members(register: Register) -> dict[str, wiring.Member]:
    """The wires between a register and the hardware it serves, seen from the register.

    ro: each field In. rw: each field Out. wo: each field Out, and `written`, Out(1), which pulses
    while they hold what was written. w1c: each field Out, and `set_<field>` In. w1s: each field
    Out, and `clear_<field>` In. Where software and hardware meet in one cycle, the set wins.
    """
    wires: dict[str, wiring.Member] = {}
    for field in register.fields:
        match register.access:
            case Access.READ_ONLY:
                wires[field.name] = In(field.width)
            case Access.READ_WRITE | Access.WRITE_ONLY:
                wires[field.name] = Out(field.width, init=field.reset)
            case Access.WRITE_ONE_TO_CLEAR:
                wires[field.name] = Out(field.width, init=field.reset)
                wires[f"set_{field.name}"] = In(field.width)
            case Access.WRITE_ONE_TO_SET:
                wires[field.name] = Out(field.width, init=field.reset)
                wires[f"clear_{field.name}"] = In(field.width)
    if register.access is Access.WRITE_ONLY:
        wires["written"] = Out(1)
    return wires


class RegisterFile(wiring.Component):
    """The registers of a table, between a register bus and the hardware they serve.

    Equation: hw/bus/register_map.py says what each access means. Bits of no field read as 0 and are
    not written; only bytes with their strobe on are written, and a byte without it counts as 0 in
    a `wo`, `w1c` or `w1s` register. Refused, without an effect: an address of no register, and a
    write to a register while its lock is held.

    Flow control: that of RegisterBus, an access in every cycle. Latency: a write shows in the next
    cycle; read data and refusal come RegisterBus.latency = 2 cycles after the access.

    Parameters
    ----------
    table: a RegisterMap.

    Members
    -------
    bus: In(RegisterBus(table.address_width)).
    lock: In(structure of 1 bit for each of table.locks): registers locked by it cannot be written.
    one interface for each register that is not constant, by the register's name: see `members`.
    """

    def __init__(self, table: RegisterMap):
        self.table = table
        lock = data.StructLayout({name: 1 for name in table.locks})
        signatures = {register.name: members(register) for register in table}
        super().__init__(
            {"bus": In(RegisterBus(table.address_width)), "lock": In(lock)}
            | {name: Out(wiring.Signature(wires)) for name, wires in signatures.items() if wires}
        )

    def elaborate(self, platform):
        m = Module()
        bus = self.bus
        mask = Signal(32)
        written = Signal(32)
        m.d.comb += [
            mask.eq(Cat(strobe.replicate(8) for strobe in bus.write_strobe)),
            written.eq(bus.write_data & mask),
        ]
        selected = {
            register.name: Signal(name=f"write_{register.name}")
            for register in self.table
            if register.access not in NEVER_WRITTEN
        }
        # cycle 0: a word of each group of registers, and whether the access is refused
        refused, reads = Signal(), Signal()
        m.d.sync += [refused.eq(1), reads.eq(bus.read_enable)]
        groups: dict[int, list[Register]] = {}
        for register in self.table:
            groups.setdefault(register.offset // GROUP, []).append(register)
        words = {}
        for number, registers in groups.items():
            words[number] = word = Signal(32, name=f"word_{number}", reset_less=True)
            with m.Switch(bus.address[2 : exact_log2(GROUP)]):
                for register in registers:
                    with m.Case((register.offset % GROUP) >> 2):
                        m.d.sync += word.eq(self._read(register))
                with m.Default():
                    m.d.sync += word.eq(0)
        with m.Switch(bus.address[2:]):
            for register in self.table:
                with m.Case(register.offset >> 2):
                    allowed = ~self.lock[register.locked] if register.locked else Const(1)
                    m.d.sync += refused.eq(bus.write_enable & ~allowed)
                    if register.name in selected:
                        m.d.comb += selected[register.name].eq(bus.write_enable & allowed)
        # cycle 1: the word of one group
        group = delayed(m, bus.address[exact_log2(GROUP) :], 1, "group")
        m.d.sync += [bus.read_data.eq(0), bus.error.eq(refused)]
        with m.If(reads):
            with m.Switch(group):
                for number, word in words.items():
                    with m.Case(number):
                        m.d.sync += bus.read_data.eq(word)
        for name, write in selected.items():
            self._write(m, self.table[name], write, mask, written)
        return m

    def _read(self, register: Register):
        if register.access is Access.WRITE_ONLY:
            return Const(0, 32)
        bits: list = []
        for field in sorted(register.fields, key=lambda field: field.low):
            bits.append(Const(0, field.low - sum(len(part) for part in bits)))
            if register.access is Access.CONSTANT:
                bits.append(Const(field.reset, field.width))
            else:
                bits.append(getattr(getattr(self, register.name), field.name))
        return Cat(*bits)

    def _write(self, m, register, write, mask, written):
        port = getattr(self, register.name)
        if register.access is Access.WRITE_ONLY:
            m.d.sync += port.written.eq(write)
        for field in register.fields:
            value = getattr(port, field.name)
            data = written[field.low : field.high + 1]
            keep = ~mask[field.low : field.high + 1]
            ones = Mux(write, data, 0)
            match register.access:
                case Access.READ_WRITE:
                    with m.If(write):
                        m.d.sync += value.eq((value & keep) | data)
                case Access.WRITE_ONLY:
                    with m.If(write):
                        m.d.sync += value.eq(data)
                case Access.WRITE_ONE_TO_CLEAR:
                    m.d.sync += value.eq((value & ~ones) | getattr(port, f"set_{field.name}"))
                case Access.WRITE_ONE_TO_SET:
                    m.d.sync += value.eq((value & ~getattr(port, f"clear_{field.name}")) | ones)
