# SPDX-License-Identifier: Apache-2.0
"""The registers of hw/registers.py in hardware."""

from amaranth.hdl import Cat, Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.bus.lite_slave import LiteSlave
from hw.bus.register_file import RegisterFile, members
from hw.bus.signature import Axi4Lite
from hw.config import Configuration
from hw.registers import ADDRESS_WIDTH, register_map


class RegisterBlock(wiring.Component):
    """All registers behind an AXI4-Lite port, and the interrupt line.

    Equation: hw/bus/register_map.py and docs/registers.md. interrupt_status.error is set with any
    bit of errors, gradient_error with any of gradient_errors; irq = any bit of interrupt_status
    whose enable is set.

    Flow control, latency and throughput: those of LiteSlave; the interrupt follows its bit in the
    next cycle.

    Parameters
    ----------
    config: the sizes that the parameter registers tell.

    Members
    -------
    axi: In(Axi4Lite(12)).
    irq: Out(1), the interrupt line, level.
    busy, gradient_busy: In(1), a job is under way: its registers cannot be written, nor from the
    start order on.
    done, gradient_done: In(1), a pulse sets the bit of interrupt_status.
    one interface for each register that is not constant (hw/bus/register_file.py, members), but
    for those of the interrupt.
    """

    inside = ("interrupt_enable", "interrupt_status")

    def __init__(self, config: Configuration):
        self.table = register_map(config)
        wires = {r.name: members(r) for r in self.table if r.name not in self.inside}
        self._served = [name for name, signature in wires.items() if signature]
        super().__init__(
            {"axi": In(Axi4Lite(ADDRESS_WIDTH)), "irq": Out(1)}
            | {name: In(1) for name in ("busy", "done", "gradient_busy", "gradient_done")}
            | {name: Out(wiring.Signature(wires[name])) for name in self._served}
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.slave = slave = LiteSlave(ADDRESS_WIDTH)
        m.submodules.file = file = RegisterFile(self.table)
        wiring.connect(m, wiring.flipped(self.axi), slave.axi)
        wiring.connect(m, slave.bus, file.bus)
        for name in self._served:
            wiring.connect(m, wiring.flipped(getattr(self, name)), getattr(file, name))
        enable, status = file.interrupt_enable, file.interrupt_status
        m.d.comb += [
            file.lock.selection.eq(self.busy | file.control.start),
            file.lock.gradient.eq(self.gradient_busy | file.gradient_control.start),
            status.set_done.eq(self.done),
            status.set_gradient_done.eq(self.gradient_done),
        ]
        for prefix in ("", "gradient_"):
            errors = [f"set_{field.name}" for field in self.table[f"{prefix}errors"].fields]
            served = getattr(self, f"{prefix}errors")
            found = Cat(getattr(served, name) for name in errors).any()
            m.d.comb += getattr(status, f"set_{prefix}error").eq(found)
        bits = [field.name for field in self.table["interrupt_enable"].fields]
        pending = Cat(getattr(status, bit) & getattr(enable, bit) for bit in bits)
        m.d.sync += self.irq.eq(pending.any())
        return m
