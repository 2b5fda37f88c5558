# SPDX-License-Identifier: Apache-2.0
"""The registers that every engine has (hw/job_control.py): orders, state, sticky errors."""

import enum

from amaranth.hdl import Module, Signal

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
                Field(name="busy", description="a job is under way, or its start is being checked"),
                Field(
                    name="done",
                    low=1,
                    description="the last job ended without an error; 0 from the next start on",
                ),
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


def connect_engine(m: Module, registers, prefix: str, engine) -> None:
    """Joins an engine's orders and state with the registers of `engine_registers`.

    From the write of ``control.start`` on, status tells of the new job, though its numbers are
    checked first: software that polls never takes the end of the job before for its own.

    prefix: of their names. engine: has the members of JobControl, and ``phase`` and ``refusal``.
    """
    names = ("control", "status", "errors")
    control, status, errors = (getattr(registers, f"{prefix}{name}") for name in names)
    done = Signal(name=f"{prefix}job_done")
    m.d.comb += [
        engine.start.eq(control.start),
        engine.abort.eq(control.abort),
        control.clear_start.eq(engine.started | engine.refused),
        control.clear_abort.eq(engine.abort_taken),
        status.busy.eq(engine.busy | control.start),
        status.done.eq(done & ~control.start),
        status.phase.eq(engine.phase),
        status.refusal.eq(engine.refusal),
        errors.set_refused.eq(engine.refused),
        errors.set_aborted.eq(engine.aborted),
    ]
    with m.If(engine.done):
        m.d.sync += done.eq(1)
    with m.Elif(engine.started):
        m.d.sync += done.eq(0)
