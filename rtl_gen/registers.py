# SPDX-License-Identifier: Apache-2.0
"""A register table as C header and as the page docs/registers.md."""

from pathlib import Path
from typing import Any

from hw.bus.register_map import MEANING, Access, Field, Register, RegisterMap
from hw.registers import register_map
from rtl_gen.verilog import Written, write_whole

HEADER = "nms_registers.h"

INTRODUCTION = """\
# Registers

Generated from the table in `hw/registers.py` by `python scripts/document_registers.py`; a test
fails when the two differ. The same table makes hardware, `nms_registers.h` (`nms verilog`) and the
constants of the host's driver.

32-bit words on an AXI4-Lite port; offsets in bytes. Bits of no field read as 0 and are not written.
Byte strobes hold. An access to an offset that is not listed, or to one that is no multiple of 4, is
answered SLVERR and changes nothing; so is a write to a *locked* register while a job of that engine
is under way.
"""


def c_header(table: RegisterMap) -> str:
    """Offsets, masks, shifts, reset values and the names of values, as #defines."""
    guard = f"{table.name}_REGISTERS_H".upper()
    lines = [
        "/* SPDX-License-Identifier: Apache-2.0 */",
        "/* Generated from the register table in hw/registers.py. Offsets are in bytes. */",
        f"#ifndef {guard}",
        f"#define {guard}",
    ]
    for register in table:
        name = f"{table.name}_{register.name}".upper()
        lines += ["", f"/* {register.access.value}: {register.description} */"]
        lines.append(f"#define {name} 0x{register.offset:03x}u")
        if register.access is Access.CONSTANT:
            lines.append(f"#define {name}_VALUE 0x{register.reset:08x}u")
        elif register.access is Access.READ_WRITE:
            lines.append(f"#define {name}_RESET 0x{register.reset:08x}u")
        for field in register.fields:
            part = name if _is_whole(register) else f"{name}_{field.name.upper()}"
            if not _is_whole(register):
                lines.append(f"#define {part}_MASK 0x{field.mask:08x}u")
                lines.append(f"#define {part}_SHIFT {field.low}")
            lines += [
                f"#define {part}_{text.upper()} {value}u" for value, text in field.values.items()
            ]
    return "\n".join([*lines, "", f"#endif /* {guard} */", ""])


def _is_whole(register: Register) -> bool:
    return [(field.name, field.width) for field in register.fields] == [("value", 32)]


def markdown(table: RegisterMap) -> str:
    """The page: an overview of all registers, then those with several fields in detail."""
    used = [access for access in Access if any(r.access is access for r in table)]
    lines = [
        *INTRODUCTION.splitlines(),
        "",
        "| access | meaning |",
        "|---|---|",
        *(f"| {access.value} | {MEANING[access]} |" for access in used),
        "",
        "## All registers",
        "",
        "| offset | name | access | reset | description |",
        "|---|---|---|---|---|",
    ]
    for register in table:
        access = register.access.value + (
            f", locked by {register.locked}" if register.locked else ""
        )
        lines.append(
            f"| 0x{register.offset:03x} | `{register.name}` | {access} | {_reset(register)} "
            f"| {register.description} |"
        )
    for register in table:
        if _is_whole(register) and not register.fields[0].values:
            continue
        lines += [
            "",
            f"## {register.name}",
            "",
            f"{register.description[0].upper()}{register.description[1:]}.",
            "",
            "| bits | field | description |",
            "|---|---|---|",
            *(f"| {_bits(f)} | `{f.name}` | {_text(f)} |" for f in register.fields),
        ]
    return "\n".join([*lines, ""])


def _bits(field: Field) -> str:
    return str(field.low) if field.width == 1 else f"{field.high}:{field.low}"


def _text(field: Field) -> str:
    values = ", ".join(f"{value} {name}" for value, name in field.values.items())
    return f"{field.description}: {values}" if values else field.description


def _reset(register: Register) -> str:
    if register.access in (Access.READ_ONLY, Access.WRITE_ONLY):
        return "-"
    if register.name.startswith("parameter_"):
        return "generated"
    return f"0x{register.reset:x}" if register.reset > 9 else str(register.reset)


def write_header(configuration: Any, folder: Path) -> Written:
    """Write folder/<configuration name>/nms_registers.h."""
    text = c_header(register_map(configuration))
    return write_whole(folder / configuration.name / HEADER, text)
