# SPDX-License-Identifier: Apache-2.0
"""Every bit of every register: what reset leaves there, and that it keeps what is written."""

from hw.bus.register_map import Access
from verif.sim.top import SimulatedPort


def check_registers(port: SimulatedPort) -> None:
    """AssertionError if a register has another reset value or does not keep what is written.

    The accelerator is reset before, and is again at the end.
    """
    _check_reset(port)
    kept = [register for register in port.map if register.access is Access.READ_WRITE]
    for pattern in (0xFFFF_FFFF, 0x5555_5555, 0xAAAA_AAAA, 0):
        words = [(pattern ^ turn * 0x9E37_79B1) & 0xFFFF_FFFF for turn in range(len(kept))]
        for register, word in zip(kept, words, strict=True):
            port.write(register.offset, word)
        for register, word in zip(kept, words, strict=True):
            mask = sum(field.mask for field in register.fields)
            if port.read(register.offset) != word & mask:
                raise AssertionError(f"{register.name} does not keep what is written")
    port.reset()
    _check_reset(port)


def _check_reset(port: SimulatedPort) -> None:
    for register in port.map:
        if register.access in (Access.CONSTANT, Access.READ_WRITE):
            expected = register.reset
            if register.name.startswith("parameter_"):
                expected = getattr(port.config, register.name.removeprefix("parameter_"))
            if port.read(register.offset) != expected:
                raise AssertionError(f"{register.name} is not {expected:#x} after reset")
