# SPDX-License-Identifier: Apache-2.0
"""What all of the memory has to hold, and places for a job's arrays in it."""

import numpy as np
from numpy.typing import NDArray

from verif.sim.top import SimulatedPort

UNWRITTEN = 0xA5
PAGE = 4096
WINDOW = 24 * PAGE
STAY = 4
"""Rounds in one window."""


def base_of(seed: int, number: int) -> int:
    """Where the window of a round lies: anywhere in 64 bits, below 4 GiB, across it or at the top.

    The window never ends with the last page, so that what lies beyond it has an address.
    """
    rng = np.random.default_rng([seed, 1 << 32, number // STAY])
    bits, kind = int(rng.integers(1 << 52)), rng.random()
    if kind < 0.1:
        return (1 << 32) - WINDOW // 2
    if kind < 0.2:
        return (1 << 64) - WINDOW - PAGE
    limit = (1 << (32 if kind < 0.4 else 64)) - WINDOW - PAGE
    return bits * PAGE % limit


class Mirror:
    """The content that all of the memory must have: a window at `base`, and nothing beyond."""

    def __init__(self, port: SimulatedPort, base: int) -> None:
        self.port, self.base = port, base
        self.window = np.full(WINDOW, UNWRITTEN, np.uint8)

    def move(self, base: int) -> None:
        """The window to another place, if it is another; the memory is empty then."""
        if base != self.base:
            self.port.forget_memory()
            self.base = base
            self.window[:] = UNWRITTEN

    def place(self, address: int, size: int) -> NDArray[np.uint8]:
        """A view of these bytes."""
        start = address - self.base
        assert start >= 0 and start + size <= WINDOW, f"{size} bytes at {address:#x}"
        return self.window[start : start + size]

    def load(self, address: int, content: bytes) -> None:
        """Into the memory and into this."""
        self.port.write_memory(address, content)
        self.place(address, len(content))[:] = np.frombuffer(content, np.uint8)

    def content(self) -> tuple[NDArray[np.uint8], list[int]]:
        """What the window holds in truth, and the pages beyond it that were written."""
        window = np.full(WINDOW, UNWRITTEN, np.uint8)
        beyond = []
        for address, page in self.port.read_pages().items():
            start = address - self.base
            if 0 <= start < WINDOW:
                window[start : start + PAGE] = np.frombuffer(page, np.uint8)
            elif page.strip(bytes([UNWRITTEN])):
                beyond.append(address)
        return window, beyond


def lay_out(
    rng: np.random.Generator, sizes: dict[str, int], base: int, beat: int
) -> dict[str, int]:
    """An address for each array, in any order, a third of them without room between."""
    address = base + beat * int(rng.integers(PAGE // beat))
    places = {}
    for name in rng.permutation(list(sizes)).tolist():
        places[name] = address
        address += -(-sizes[name] // beat) * beat
        if rng.random() < 2 / 3:
            address += beat * int(rng.integers(1, 40))
    assert address <= base + WINDOW
    return places
