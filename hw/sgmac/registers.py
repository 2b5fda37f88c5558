# SPDX-License-Identifier: Apache-2.0
"""The registers of the sparse-gradient unit, a part of the table in hw/registers.py."""

import enum

from hw.bus.register_map import Access, Field, Register, named_bits, names_of, word
from hw.engine_registers import engine_registers

PREFIX = "gradient_"
BASE = 0x300
COUNTERS = 0x380
ENGINE = "gradient"
"""The name of the lock."""

RO, RW, W1C = Access.READ_ONLY, Access.READ_WRITE, Access.WRITE_ONE_TO_CLEAR


class GradientRefusal(enum.IntEnum):
    """Why a job was refused; it touched no memory."""

    NONE = 0
    BUSY = 1
    ABSENT = 2
    KERNEL = 3
    INPUT_SIZE = 4
    ERROR_SIZE = 5
    IN_CHANNELS = 6
    OUTPUTS = 7
    SELECTED = 8
    CHANNELS_ADDRESS = 9
    INPUT_ADDRESS = 10
    ERROR_ADDRESS = 11
    RESULT_ADDRESS = 12
    WEIGHTS_ADDRESS = 13
    SCALE_ADDRESS = 14
    BIAS_ADDRESS = 15
    OPERATION = 16
    LAYER = 17
    POOL = 18
    PLACE = 19
    RANKING_ADDRESS = 20


class GradientOperation(enum.IntEnum):
    """What a job of the unit does; 3 is refused."""

    GRADIENT = 0
    RANK = 1
    SCHEDULE = 2


class GradientPhase(enum.IntEnum):
    """What the unit is doing."""

    IDLE = 0
    LIST = 1
    COMPUTE = 2
    BIAS = 3
    RANK = 4
    SCHEDULE = 5


ADDRESSES = {
    "channels": "the channel list: 32 bits each, strictly ascending; schedule writes it",
    "input": "the input maps, signed bytes, plane after plane",
    "error": "the error maps, signed bytes, plane after plane",
    "result": "weight gradients, int32 rows; read too when accumulating",
    "weights": "the layer's weights, int8 rows; read and written by an update, read by rank",
    "scale": "multiplier (bits 15..0) and shift (21..16) of each output, for an update",
    "bias": "where the bias gradients go, int32 each",
    "ranking": "all channels, most important first, 32 bits each; rank writes it, schedule reads",
}
"""What each address register points to; docs/numerics.md has the layouts."""

COUNTED = {
    "cycles": "from start to the end of the job",
    "bytes_read": "bytes read",
    "bytes_written": "bytes written",
    "read_bursts": "bursts read",
    "write_bursts": "bursts written",
    "multiply": "cycles in which the multipliers worked",
    "stalled": "cycles in which they waited for memory or for rows to be taken",
    "saturated": "weights whose update saturated",
    "lanes": "sum over all cycles of the multipliers with an output or a tap",
}


def _side(name: str, description: str, offset: int) -> Register:
    return Register(
        name=f"{PREFIX}{name}",
        offset=offset,
        access=RW,
        locked=ENGINE,
        description=description,
        fields=(
            Field(name="width", width=16, description="bytes of a line"),
            Field(name="height", low=16, width=16, description="lines"),
        ),
    )


def _address(name: str, offset: int) -> list[Register]:
    halves = (("low", "; lower 32 bits"), ("high", "; upper 32 bits"))
    return [
        word(
            f"{PREFIX}{name}_address_{half}",
            offset + 4 * index,
            RW,
            ADDRESSES[name] + text,
            locked=ENGINE,
        )
        for index, (half, text) in enumerate(halves)
    ]


def _job() -> list[Register]:
    registers, offset = [], BASE + 0x10
    for name in ADDRESSES:
        if name != "ranking":
            registers += _address(name, offset)
            offset += 8
    registers += [
        _side("input_size", "of an input map", offset),
        _side("error_size", "of an error map", offset + 4),
    ]
    offset += 8
    for name, description in (
        ("in_channels", "C_in, input channels of the layer"),
        ("outputs", "C_out, output channels of the layer"),
        ("selected", "K, entries of the channel list"),
    ):
        registers.append(word(f"{PREFIX}{name}", offset, RW, description, locked=ENGINE))
        offset += 4
    registers += [
        Register(
            name=f"{PREFIX}kernel",
            offset=offset,
            access=RW,
            locked=ENGINE,
            description="the convolution",
            fields=(
                Field(name="size", width=8, reset=1, description="k, taps a side"),
                Field(name="stride", low=8, width=8, reset=1, description="s"),
                Field(name="padding", low=16, width=8, description="p, to the left"),
                Field(
                    name="padding_above", low=24, width=8, description="a, above; p but in bands"
                ),
            ),
        ),
        Register(
            name=f"{PREFIX}mode",
            offset=offset + 4,
            access=RW,
            locked=ENGINE,
            description="what the job does",
            fields=(
                *named_bits(
                    ("depthwise", "one filter a channel"),
                    ("accumulate", "adds to the gradients in memory"),
                    ("update", "writes updated weights instead of gradients"),
                    ("stochastic", "rounds an update by random bits instead of to nearest"),
                    ("bias", "writes bias gradients"),
                ),
                Field(
                    name="operation",
                    low=8,
                    width=2,
                    description="rank: orders the channels by their weights; schedule: a window on "
                    "the ranking becomes the channel list",
                    values=names_of(GradientOperation),
                ),
            ),
        ),
        word(f"{PREFIX}seed", offset + 8, RW, "random register, not 0", locked=ENGINE, reset=1),
    ]
    offset += 12
    registers += _address("ranking", offset)
    for index, (name, access, description) in enumerate(
        (
            ("pool", RW, "channels of the ranking that take turns, K..C_in; for schedule"),
            ("place", RW, "of the ranking at which the window begins, 0..pool - 1; for schedule"),
            ("following", RO, "(place + K) mod pool, the place of the next window"),
        ),
        2,
    ):
        locked = ENGINE if access is RW else ""
        registers.append(
            word(f"{PREFIX}{name}", offset + 4 * index, access, description, locked=locked)
        )
    return registers


def gradient_registers() -> list[Register]:
    """All of them."""
    control = engine_registers(
        PREFIX,
        BASE,
        GradientPhase,
        GradientRefusal,
        orders="orders to the sparse-gradient unit; as control",
        numbers="the registers below",
        state="state of the sparse-gradient unit",
        errors="what went wrong in the sparse-gradient unit since it was cleared",
        more_errors=(
            ("channels", "the channel list does not rise below C_in, or the ranking is none"),
        ),
    )
    counters = [
        word(f"{PREFIX}count_{name}", COUNTERS + 4 * index, RO, f"{text}, of the last gradient job")
        for index, (name, text) in enumerate(COUNTED.items())
    ]
    return control + _job() + counters
