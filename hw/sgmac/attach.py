# SPDX-License-Identifier: Apache-2.0
"""The sparse-gradient unit behind the registers of the accelerator."""

from amaranth.hdl import Cat, Module

from hw.config import Configuration
from hw.engine_registers import connect_engine
from hw.register_block import RegisterBlock
from hw.sgmac.registers import ADDRESSES, COUNTED, PREFIX, GradientRefusal
from hw.sgmac.unit import SparseGradient

__all__ = ["attach_unit", "without_unit"]


def attach_unit(m: Module, config: Configuration, registers: RegisterBlock) -> SparseGradient:
    """Adds the unit to `m` and joins it with its registers; its two masters are left to join."""
    m.submodules.gradient = unit = SparseGradient(config)

    def of(name: str):
        return getattr(registers, f"{PREFIX}{name}")

    asked = {
        f"{name}_address": Cat(*(of(f"{name}_address_{half}").value for half in ("low", "high")))
        for name in ADDRESSES
    }
    for prefix, register in (("", "input_size"), ("out_", "error_size")):
        asked |= {f"{prefix}{side}": getattr(of(register), side) for side in ("width", "height")}
    words = ("in_channels", "outputs", "selected", "pool", "place")
    asked |= {name: of(name).value for name in words}
    asked["kernel"] = of("kernel").size
    asked |= {name: getattr(of("kernel"), name) for name in ("stride", "padding", "padding_above")}
    mode = ("depthwise", "accumulate", "update", "bias", "operation")
    asked |= {name: getattr(of("mode"), name) for name in mode}
    m.d.comb += [getattr(unit.asked, name).eq(value) for name, value in asked.items()]

    errors = of("errors")
    connect_engine(m, registers, PREFIX, unit)
    m.d.comb += [
        unit.stochastic.eq(of("mode").stochastic),
        unit.seed.eq(of("seed").value),
        of("following").value.eq(unit.following),
        errors.set_channels.eq(unit.unlisted),
        registers.gradient_busy.eq(unit.busy),
        registers.gradient_done.eq(unit.done),
    ]
    for name, failed, decode in (
        ("read", unit.read_failed, unit.read_decode),
        ("write", unit.write_failed, unit.write_decode),
    ):
        m.d.comb += [
            getattr(errors, f"set_{name}_slave").eq(failed & ~decode),
            getattr(errors, f"set_{name}_decode").eq(failed & decode),
        ]
    for name in COUNTED:
        m.d.comb += of(f"count_{name}").value.eq(getattr(unit, f"count_{name}"))
    return unit


def without_unit(m: Module, registers: RegisterBlock) -> None:
    """Refuses every start: this accelerator was generated without the unit."""
    control = registers.gradient_control
    m.d.comb += [
        control.clear_start.eq(control.start),
        control.clear_abort.eq(control.abort),
        registers.gradient_errors.set_refused.eq(control.start),
        registers.gradient_status.refusal.eq(GradientRefusal.ABSENT),
    ]
