# SPDX-License-Identifier: Apache-2.0
"""A job of either engine as the soak sees it."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from verif.sim.top import SimulatedPort
from verif.soak.memory import Mirror


class Mismatch(AssertionError):
    """The hardware did what it must not."""


@dataclass
class Job:
    """One job of one engine, drawn; `place` then says where its arrays lie.

    Attributes
    ----------
    engine: prefix of its registers. sizes: bytes of each array, by name. words: registers by name.
    illegal: the refusal that must come, if any. unlisted: its channel list or ranking is illegal.
    expected: what a good end leaves in memory: array, bytes, and which of them are written.
    """

    engine: str
    sizes: dict[str, int]
    words: dict[str, int]
    what: str
    illegal: str = ""
    unlisted: bool = False
    addresses: dict[str, int] = field(default_factory=dict)
    expected: list[tuple[str, NDArray[np.uint8], NDArray[np.bool_]]] = field(default_factory=list)

    def place(self, addresses: dict[str, int], mirror: Mirror) -> None:
        """Arrays into memory, addresses into registers, and the expected result."""
        self.addresses = addresses
        for name, address in addresses.items():
            self.words[f"{self.engine}{name}_address_low"] = address & 0xFFFF_FFFF
            self.words[f"{self.engine}{name}_address_high"] = address >> 32
        for name, content in self.contents().items():
            mirror.load(addresses[name], content)

    def contents(self) -> dict[str, bytes]:
        """What has to be in memory before the job."""
        raise NotImplementedError  # every kind of job has its own

    def prepare(self, port: SimulatedPort) -> None:
        """What else the job needs in the hardware."""

    def check(self, port: SimulatedPort) -> int:
        """Compares what is not in memory after a good end; returns how many values."""
        return 0

    def written(self, mirror: Mirror, window: NDArray[np.uint8]) -> tuple[int, int]:
        """Accepts, of `window`, those bytes that the job may have written: they hold what a good
        end leaves there. Returns how many do, and how many it has to write in all."""
        done = total = 0
        for name, content, mask in self.expected:
            place = mirror.place(self.addresses[name], len(content))
            start = self.addresses[name] - mirror.base
            now = window[start : start + len(content)]
            right = mask & (now == content)
            place[right] = content[right]
            done, total = done + int(right.sum()), total + int(mask.sum())
        return done, total
