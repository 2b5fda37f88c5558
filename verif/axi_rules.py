# SPDX-License-Identifier: Apache-2.0
"""Rules of AXI4 that a master must keep, checked cycle by cycle in any simulator.

A checker's `step` gets the values of all signals right before a clock edge, by their names.
Source: IHI 0022, A3.2.1 (handshake), A3.4.1 (bursts), A3.4.3 (strobes).
"""

from collections.abc import Mapping

import numpy as np

from hw.bus.signature import PAGE

ADDRESS = ("id", "addr", "len", "size", "burst", "lock", "cache", "prot", "qos")
INCR = 1


def read_signals() -> list[str]:
    """Names of all signals of AR and R."""
    r = ("rid", "rdata", "rresp", "rlast", "rvalid", "rready")
    return [f"ar{name}" for name in (*ADDRESS, "valid", "ready")] + list(r)


def write_signals() -> list[str]:
    """Names of all signals of AW, W and B."""
    w = ("wdata", "wstrb", "wlast", "wvalid", "wready")
    b = ("bid", "bresp", "bvalid", "bready")
    return [f"aw{name}" for name in (*ADDRESS, "valid", "ready")] + list(w + b)


class _Channel:
    """valid stays, and the payload with it, until ready."""

    def __init__(self, prefix: str, payload: tuple[str, ...]) -> None:
        self.prefix = prefix
        self.payload = [prefix + name for name in payload]
        self.waiting: list[int] | None = None

    def step(self, values: Mapping[str, int], cycle: int) -> bool:
        """Whether a transfer happens."""
        if not values[f"{self.prefix}valid"]:
            assert self.waiting is None, f"cycle {cycle}: {self.prefix}valid fell before ready"
            return False
        now = [values[name] for name in self.payload]
        assert self.waiting in (None, now), (
            f"cycle {cycle}: {self.prefix} changed while it waited: {self.waiting} to {now}"
        )
        taken = bool(values[f"{self.prefix}ready"])
        self.waiting = None if taken else now
        return taken


class _Rules:
    def __init__(self, data_width: int, burst: int, outstanding: int, identifiers: int = 1) -> None:
        self.identifiers = identifiers
        self.beat = data_width // 8
        self.burst = burst
        self.outstanding = outstanding
        self.cycle = 0
        self.under_way = 0
        self.offered: list[tuple[int, int, int]] = []
        """(cycle of the first valid, address, beats) of every burst."""
        self._new = True

    def _address(self, values: Mapping[str, int], channel: _Channel) -> bool:
        prefix = channel.prefix
        if values[f"{prefix}valid"] and self._new:
            address, beats = values[f"{prefix}addr"], values[f"{prefix}len"] + 1
            where = f"cycle {self.cycle}: burst of {beats} at {address:#x}"
            assert values[f"{prefix}burst"] == INCR, where
            assert 1 << values[f"{prefix}size"] == self.beat, where
            assert address % self.beat == 0, f"{where} is not aligned"
            assert beats <= self.burst, f"{where} is too long"
            end = address + beats * self.beat - 1
            assert address // PAGE == end // PAGE, f"{where} crosses 4 KiB"
            assert values[f"{prefix}id"] < self.identifiers, where
            assert values[f"{prefix}lock"] == 0, where
            self.offered.append((self.cycle, address, beats))
            self.under_way += 1
            assert self.under_way <= self.outstanding, f"{where} is one too many under way"
        taken = channel.step(values, self.cycle)
        self._new = taken or not values[f"{prefix}valid"]
        return taken


class ReadRules(_Rules):
    """AR and R of a master that is always ready for data."""

    def __init__(self, data_width: int, burst: int, outstanding: int, identifiers: int = 1) -> None:
        super().__init__(data_width, burst, outstanding, identifiers)
        self._channel = _Channel("ar", ADDRESS)
        self.first_error: int | None = None
        self.beats = 0

    def step(self, values: Mapping[str, int]) -> None:
        self._address(values, self._channel)
        if values["rvalid"]:
            assert values["rready"], f"cycle {self.cycle}: rready is low"
            self.beats += 1
            self.under_way -= values["rlast"]
            if values["rresp"] >= 2 and self.first_error is None:
                self.first_error = self.cycle
        self.cycle += 1


class WriteRules(_Rules):
    """AW, W and B of a master that is always ready for answers."""

    def __init__(self, data_width: int, burst: int, outstanding: int, identifiers: int = 1) -> None:
        super().__init__(data_width, burst, outstanding, identifiers)
        self._address_channel = _Channel("aw", ADDRESS)
        self._data = _Channel("w", ("data", "strb", "last"))
        self._ended = 0
        self._length = 0
        self.first_error: int | None = None
        self.strobes: list[tuple[int, int]] = []
        """(cycle, strobes) of every beat taken."""

    def step(self, values: Mapping[str, int]) -> None:
        self._address(values, self._address_channel)
        if self._data.step(values, self.cycle):
            self.strobes.append((self.cycle, values["wstrb"]))
            self._length += 1
            assert self._ended < len(self.offered), f"cycle {self.cycle}: data before its address"
            due = self.offered[self._ended][2]
            assert values["wlast"] == (self._length == due), (
                f"cycle {self.cycle}: wlast is {values['wlast']} in beat {self._length} of {due}"
            )
            if values["wlast"]:
                self._ended, self._length = self._ended + 1, 0
        if values["bvalid"]:
            assert values["bready"], f"cycle {self.cycle}: bready is low"
            self.under_way -= 1
            if values["bresp"] >= 2 and self.first_error is None:
                self.first_error = self.cycle
        self.cycle += 1

    def complete(self) -> bool:
        """Whether every burst offered has all its data."""
        return self._ended == len(self.offered) and not self._length


def expected_bursts(address: int, count: int, data_width: int, burst: int) -> list[tuple[int, int]]:
    """(address, beats) of each burst for a transfer of `count` bytes, found beat by beat."""
    beat = data_width // 8
    bursts: list[tuple[int, int]] = []
    for position in range(address, address + count, beat):
        if not bursts or bursts[-1][1] == burst or position % PAGE == 0:
            bursts.append((position, 0))
        bursts[-1] = (bursts[-1][0], bursts[-1][1] + 1)
    return bursts


def random_transfers(
    rng: np.random.Generator, beat: int, count: int, longest: int
) -> list[tuple[int, int]]:
    """(address, bytes) of `count` transfers of 1 to `longest` bytes, aligned to a beat."""
    return [
        (int(rng.integers(0, 1 << 20)) * beat, int(rng.integers(1, longest + 1)))
        for _ in range(count)
    ]
