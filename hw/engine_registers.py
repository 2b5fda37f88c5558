# SPDX-License-Identifier: Apache-2.0
"""The registers that every engine has (hw/job_control.py): orders, state, sticky errors."""

import enum

from hw.bus.register_map import Access, Field, Register, named_bits, names_of


def engine_registers(
    prefix: str,
    offset: int,
    phases: type[enum.IntEnum],
    refusals: type[enum.IntEnum],
    *,
    orders: str,
    numbers: str,
    state: str,
    errors: str,
    more_errors: tuple[tuple[str, str], ...] = (),
) -> list[Register]:
    """control, status and errors, three words from `offset` on.

    prefix: of their names. orders, state, errors: their descriptions. numbers: what the registers
    with the job's numbers are called. more_errors: (name, description) of bits of this engine only.
    """
    return [
        Register(
            name=f"{prefix}control",
            offset=offset,
            access=Access.WRITE_ONE_TO_SET,
            description=orders,
            fields=named_bits(
                ("start", f"begin the job that {numbers} describe, or refuse it"),
                ("abort", "end the job; clear again when nothing is under way on the bus"),
            ),
        ),
        Register(
            name=f"{prefix}status",
            offset=offset + 4,
            access=Access.READ_ONLY,
            description=state,
            fields=(
                Field(name="busy", description="a job is under way"),
                Field(name="done", low=1, description="the last job ended without an error"),
                Field(name="phase", low=4, width=4, description="at work", values=names_of(phases)),
                Field(
                    name="refusal",
                    low=8,
                    width=8,
                    description="why the last start was refused",
                    values=names_of(refusals),
                ),
            ),
        ),
        Register(
            name=f"{prefix}errors",
            offset=offset + 8,
            access=Access.WRITE_ONE_TO_CLEAR,
            description=errors,
            fields=named_bits(
                ("refused", f"a job was refused; {prefix}status tells why"),
                ("aborted", "a job was aborted"),
                ("read_slave", "a read was answered SLVERR"),
                ("read_decode", "a read was answered DECERR"),
                ("write_slave", "a write was answered SLVERR"),
                ("write_decode", "a write was answered DECERR"),
                *more_errors,
            ),
        ),
    ]
