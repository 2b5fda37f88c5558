# SPDX-License-Identifier: Apache-2.0
"""Register tables: what hardware, C header, documents and drivers are all made from."""

import enum
import re
from dataclasses import dataclass, field

WORD = 4
"""Bytes of a register."""


class Access(enum.Enum):
    """What software may do; the values are the names used in documents."""

    CONSTANT = "constant"
    READ_ONLY = "ro"
    READ_WRITE = "rw"
    WRITE_ONLY = "wo"
    WRITE_ONE_TO_CLEAR = "w1c"
    WRITE_ONE_TO_SET = "w1s"


MEANING = {
    Access.CONSTANT: "fixed when the hardware is generated; writes are ignored",
    Access.READ_ONLY: "the hardware's value of the moment; writes are ignored",
    Access.READ_WRITE: "reads what was written",
    Access.WRITE_ONLY: "each write is an order to the hardware; reads as 0",
    Access.WRITE_ONE_TO_CLEAR: "the hardware sets bits, a one written clears them",
    Access.WRITE_ONE_TO_SET: "a one written sets a bit, the hardware clears it",
}


@dataclass(frozen=True, kw_only=True)
class Field:
    """Bits low + width - 1 .. low of a register.

    reset: value after reset, of a constant field its value; meaningless if access is ro or wo.
    values: {number: name} where the numbers have names.
    """

    name: str
    low: int = 0
    width: int = 1
    reset: int = 0
    description: str
    values: dict[int, str] = field(default_factory=dict)

    @property
    def high(self) -> int:
        """The highest bit."""
        return self.low + self.width - 1

    @property
    def mask(self) -> int:
        """Ones in the bits of the field."""
        return ((1 << self.width) - 1) << self.low


@dataclass(frozen=True, kw_only=True)
class Register:
    """One 32-bit word.

    locked: name of the engine while whose job it cannot be written; such a write is answered
    SLVERR. "" if it always can.
    """

    name: str
    offset: int
    access: Access
    fields: tuple[Field, ...]
    description: str
    locked: str = ""

    def __getitem__(self, name: str) -> Field:
        for each in self.fields:
            if each.name == name:
                return each
        raise KeyError(f"register {self.name} has no field {name!r}")

    @property
    def reset(self) -> int:
        """The whole word after reset."""
        return self.encode(**{each.name: each.reset for each in self.fields})

    def encode(self, **values: int) -> int:
        """The word with these fields, and 0 in all others; a ValueError if one does not fit."""
        word = 0
        for name, value in values.items():
            bits = self[name]
            if not 0 <= value < 1 << bits.width:
                raise ValueError(
                    f"{self.name}.{name} is {value}: it must be from 0 to {(1 << bits.width) - 1}"
                )
            word |= value << bits.low
        return word

    def decode(self, word: int) -> dict[str, int]:
        """The fields of a word."""
        return {each.name: (word & each.mask) >> each.low for each in self.fields}


def word(name: str, offset: int, access: Access, description: str, width: int = 32, **kwargs):
    """A register with one field, `value`."""
    reset = kwargs.pop("reset", 0)
    values = kwargs.pop("values", {})
    bits = Field(name="value", width=width, reset=reset, description=description, values=values)
    return Register(
        name=name, offset=offset, access=access, fields=(bits,), description=description, **kwargs
    )


def named_bits(*described: tuple[str, str]) -> tuple[Field, ...]:
    """Fields of one bit each, (name, description), from bit 0 up."""
    return tuple(
        Field(name=name, low=low, description=description)
        for low, (name, description) in enumerate(described)
    )


def names_of(values: type[enum.IntEnum]) -> dict[int, str]:
    """{number: name}, names in lower case."""
    return {int(value): value.name.lower() for value in values}


class RegisterMap:
    """Registers by name and offset; a ValueError if any two collide or one is malformed.

    Parameters
    ----------
    name: prefix of everything generated; a lower-case identifier.
    address_width: of the byte address, 2..32.
    registers: in any order; kept by offset.
    """

    def __init__(self, name: str, address_width: int, registers: tuple[Register, ...]) -> None:
        self.name = name
        self.address_width = address_width
        self.registers = tuple(sorted(registers, key=lambda register: register.offset))
        self._by_name = {register.name: register for register in registers}
        self._check()

    @property
    def locks(self) -> tuple[str, ...]:
        """Names of the engines whose jobs lock registers."""
        return tuple(sorted({register.locked for register in self if register.locked}))

    def __getitem__(self, name: str) -> Register:
        return self._by_name[name]

    def __iter__(self):
        return iter(self.registers)

    def _check(self) -> None:
        if len(self._by_name) != len(self.registers):
            names = [register.name for register in self.registers]
            twice = next(name for name in names if names.count(name) > 1)
            raise ValueError(f"register {twice} is there twice")
        before: Register | None = None
        for register in self.registers:
            here = f"register {register.name}"
            if register.offset % WORD:
                raise ValueError(f"{here}: offset {register.offset:#x} is no multiple of {WORD}")
            if not 0 <= register.offset < 1 << self.address_width:
                raise ValueError(
                    f"{here}: offset {register.offset:#x} needs more than "
                    f"{self.address_width} address bits"
                )
            if before is not None and before.offset == register.offset:
                raise ValueError(f"{here}: offset {register.offset:#x} is that of {before.name}")
            before = register
            taken = 0
            for bits in register.fields:
                if taken & bits.mask or bits.mask >> 32 or not bits.width:
                    raise ValueError(
                        f"{here}: bits {bits.high}..{bits.low} of {bits.name} are not free"
                    )
                taken |= bits.mask
                if bits.reset >> bits.width or bits.reset < 0:
                    raise ValueError(f"{here}: reset {bits.reset} does not fit {bits.name}")
            names = [register.name, *(bits.name for bits in register.fields)]
            for name in names:
                if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or "__" in name:
                    raise ValueError(f"{here}: {name!r} is no lower-case identifier")
            if len(set(names[1:])) != len(register.fields) or not register.fields:
                raise ValueError(f"{here}: it needs fields, each with a name of its own")
