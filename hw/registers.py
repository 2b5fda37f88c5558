# SPDX-License-Identifier: Apache-2.0
"""The registers of the accelerator: the one table.

Hardware (hw/register_block.py), C header, documents (rtl_gen/registers.py) and the Python constants
of drivers and testbenches (register_map) all come from the table in this file. A register is added
by one line; its wires then appear at RegisterBlock under its name.
"""

import dataclasses
import enum

from hw.bus.register_map import Access, Field, Register, RegisterMap, named_bits, names_of, word
from hw.config import Configuration
from hw.desne.map_widths import EXAGGERATION_WIDTH, MOMENTUM_WIDTH, RATE_WIDTH
from hw.engine_registers import engine_registers
from hw.sgmac.registers import gradient_registers

ADDRESS_WIDTH = 12
IDENTITY = int.from_bytes(b"NMS1", "big")
VERSION = (1, 2)
"""Major: old drivers do not work any more. Minor: registers were added."""
PARAMETERS = 0x040
"""Offset of the first generator parameter; there is room for 48."""


class Refusal(enum.IntEnum):
    """Why a job was refused; it touched no memory."""

    NONE = 0
    BUSY = 1
    SAMPLES = 2
    SAMPLE_BYTES = 3
    FEATURES = 4
    NEIGHBOURS = 5
    ITERATIONS = 6
    RULE = 7
    DROP = 8
    SPREAD = 9
    BUDGET = 10
    SAMPLE_ADDRESS = 11
    RESULT_ADDRESS = 12


class Phase(enum.IntEnum):
    """What the engine is doing; distance and calibrate overlap."""

    IDLE = 0
    REDUCE = 1
    AFFINITY = 2
    EMBED = 3
    SAMPLE = 4
    WRITE = 5


class Rule(enum.IntEnum):
    """How the budget is spent (docs/numerics.md, sample)."""

    CURVE = 0
    MEDOID = 1
    GRID = 2


COUNTED = ("reduce", "distance", "calibrate", "embed", "sample")
"""Phases with counters of their own."""

RO, RW, W1C = Access.READ_ONLY, Access.READ_WRITE, Access.WRITE_ONE_TO_CLEAR


def _identity() -> list[Register]:
    major, minor = VERSION
    return [
        word("identity", 0x000, Access.CONSTANT, "NMS1 in ASCII", reset=IDENTITY),
        Register(
            name="version",
            offset=0x004,
            access=Access.CONSTANT,
            description="of this table",
            fields=(
                Field(name="minor", width=16, reset=minor, description="registers were added"),
                Field(name="major", low=16, width=16, reset=major, description="drivers break"),
            ),
        ),
    ]


def _control() -> list[Register]:
    return [
        *engine_registers(
            "",
            0x010,
            Phase,
            Refusal,
            orders="orders; each bit stays set until it is carried out",
            numbers="the job registers",
            state="state of the engine",
            errors="what went wrong since it was cleared",
        ),
        Register(
            name="interrupt_enable",
            offset=0x01C,
            access=RW,
            description="the interrupt line is high while a status bit and its enable are set",
            fields=named_bits(
                ("done", "of done"),
                ("error", "of error"),
                ("gradient_done", "of gradient_done"),
                ("gradient_error", "of gradient_error"),
            ),
        ),
        Register(
            name="interrupt_status",
            offset=0x020,
            access=W1C,
            description="events since they were cleared",
            fields=named_bits(
                ("done", "a selection job ended without an error"),
                ("error", "a bit of errors was set"),
                ("gradient_done", "a gradient job ended without an error"),
                ("gradient_error", "a bit of gradient_errors was set"),
            ),
        ),
    ]


def _parameters(config: Configuration | None) -> list[Register]:
    """One constant for each size of the configuration, in the order of its fields."""
    keys = [field.name for field in dataclasses.fields(Configuration) if field.name != "name"]
    return [
        word(
            f"parameter_{key}",
            PARAMETERS + 4 * index,
            Access.CONSTANT,
            f"`{key}` of the configuration (hw/config.py)",
            reset=getattr(config, key) if config else 0,
        )
        for index, key in enumerate(keys)
    ]


def _job() -> list[Register]:
    """What one job is told. Widths are those of the words: what is too large must be refused."""
    words = [
        (
            "sample_address_low",
            "where the samples are: bytes, sample after sample; lower 32 bits",
            {},
        ),
        ("sample_address_high", "upper 32 bits of it", {}),
        ("result_address_low", "where the chosen positions go, 32 bits each; lower 32 bits", {}),
        ("result_address_high", "upper 32 bits of it", {}),
        ("samples", "n, samples of the tile", {}),
        ("sample_bytes", "D, bytes of a sample", {}),
        ("features", "F, bytes of a reduced sample", {}),
        ("neighbours", "k, neighbours kept, at most n - 1", {}),
        ("target", "round(2^16 * log2(perplexity))", {}),
        ("iterations", "of the descent", {"reset": 50}),
        ("seed", "first state of the random register; its low 16 bits are the phase", {"reset": 1}),
        ("budget", "samples to choose, at most n", {}),
        ("rule", "how the budget is spent", {"values": names_of(Rule), "reset": Rule.MEDOID.value}),
        ("drop", "quarters of the samples that cannot be chosen, 0..2", {}),
        ("spread", "how far from the medoid, 0..256", {"reset": 128}),
    ]
    packed = {
        "reduce": ("shift and offset of a bucket's sum", (("shift", 5, 0), ("offset", 8, 0))),
        "schedule": (
            "learning rate and momenta in sixteenths, exaggeration in quarters",
            (
                ("rate", RATE_WIDTH, 16),
                ("exaggeration", EXAGGERATION_WIDTH, 8),
                ("early_momentum", MOMENTUM_WIDTH, 8),
                ("momentum", MOMENTUM_WIDTH, 13),
            ),
        ),
    }
    registers = [
        word(name, 0x100 + 4 * index, RW, description, locked="selection", **more)
        for index, (name, description, more) in enumerate(words)
    ]
    for index, (name, (description, fields)) in enumerate(packed.items(), len(words)):
        registers.append(
            Register(
                name=name,
                offset=0x100 + 4 * index,
                access=RW,
                description=description,
                locked="selection",
                fields=tuple(
                    Field(
                        name=key,
                        low=8 * place,
                        width=width,
                        reset=reset,
                        description=key.replace("_", " "),
                    )
                    for place, (key, width, reset) in enumerate(fields)
                ),
            )
        )
    return registers + [
        Register(
            name="table_entry",
            offset=0x17C,
            access=Access.WRITE_ONLY,
            description="loads one entry of the reduction table; entries stay from job to job",
            locked="selection",
            fields=(
                Field(name="position", width=16, description="byte of the sample, 0..D - 1"),
                Field(name="bucket", low=16, width=12, description="feature it is added to"),
                Field(name="sign", low=31, description="1 subtracts it"),
            ),
        )
    ]


def _counters() -> list[Register]:
    phases = [
        (f"{phase}_{what}", f"cycles in which {phase} {does}")
        for phase in COUNTED
        for what, does in (("busy", "had work"), ("stalled", "had work and could not go on"))
    ]
    totals = [
        ("cycles", "from start to the end of the job"),
        ("bytes_read", "bytes of samples read"),
        ("bytes_written", "bytes of results written"),
        ("read_bursts", "bursts read"),
        ("write_bursts", "bursts written"),
        ("distance_lanes", "sum over all cycles of distance lanes at work"),
        ("embed_lanes", "sum over all cycles of repulsion lanes at work"),
    ]
    return [
        word(f"count_{name}", 0x200 + 4 * index, RO, f"{description}, of the last job")
        for index, (name, description) in enumerate(totals + phases)
    ]


def register_map(config: Configuration | None = None) -> RegisterMap:
    """The table; without a configuration the parameters read 0 and everything else is the same."""
    selection = _identity() + _control() + _parameters(config) + _job() + _counters()
    registers = selection + gradient_registers()
    return RegisterMap("nms", ADDRESS_WIDTH, tuple(registers))
