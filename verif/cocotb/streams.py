# SPDX-License-Identifier: Apache-2.0
"""Drivers and a monitor for Amaranth streams: ports x__payload, x__valid and x__ready.

The sampling rule of verif/README.md holds: a handshake is judged on the values read right after
`RisingEdge(clock)`, which are those from before the edge; what is written there takes effect after
it. Each task sleeps while nothing can happen: a source without beats or before a stalled ready, a
sink or monitor before an idle stream.
"""

import random
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import cocotb
from cocotb.simtime import get_sim_time
from cocotb.triggers import Event, RisingEdge, SimTimeoutError, Timer, with_timeout

PATTERNS = ("none", "random", "long")


def stalls(pattern: str, rng: random.Random) -> Iterator[int]:
    """Cycles to wait before each beat.

    none: never. random: none half of the time, else 1 to 4. long: 20 to 60 in one beat of 16.
    """
    if pattern not in PATTERNS:
        raise ValueError(f"pattern {pattern!r} is none of {', '.join(PATTERNS)}")
    while True:
        if pattern == "none":
            yield 0
        elif pattern == "random":
            yield rng.choice((0, 0, 0, 0, 1, 2, 3, 4))
        else:
            yield rng.randint(20, 60) if rng.randrange(16) == 0 else 0


@dataclass(frozen=True)
class ClockInfo:
    """The clock all tasks follow: its handle and its period in steps of the simulator."""

    handle: Any
    period: int

    @property
    def cycle(self) -> int:
        """Clock cycles since the simulation began."""
        return int(get_sim_time("step")) // self.period

    async def edges(self, count: int) -> None:
        """Wait for `count` rising edges, asleep but for the last; to be called at an edge."""
        if count > 1:
            await Timer((count - 1) * self.period - self.period // 4, "step")
        if count:
            await RisingEdge(self.handle)

    async def within(self, awaitable: Any, cycles: int, what: Any) -> None:
        """Await, but no longer than `cycles`; `what()` says in the error what was waited for."""
        try:
            await with_timeout(awaitable, cycles * self.period, "step")
        except SimTimeoutError:
            raise AssertionError(f"timeout after {cycles} cycles: {what()}") from None


class _Ports:
    """Handles of one stream, fetched once; a handshake that is constant has no port."""

    def __init__(self, dut: Any, name: str, description: dict[str, Any], clock: ClockInfo) -> None:
        self.name = name
        self.clock = clock
        self.payload = dut[f"{name}__payload"]
        self.valid = None if description["always_valid"] else dut[f"{name}__valid"]
        self.ready = None if description["always_ready"] else dut[f"{name}__ready"]

    def is_valid(self) -> bool:
        return self.valid is None or self.valid.value == 1

    def is_ready(self) -> bool:
        return self.ready is None or self.ready.value == 1


class StreamSource(_Ports):
    """Drives an input stream with the beats given to `send`, in order."""

    def __init__(self, dut, name, description, clock, idle: Iterator[int]) -> None:
        super().__init__(dut, name, description, clock)
        self._idle = idle
        self._queue: deque[int] = deque()
        self._filled, self._empty = Event(), Event()
        self.sent = 0
        self.first_cycle: int | None = None  # of the first transfer
        self.valid.value = 0
        cocotb.start_soon(self._run())

    def send(self, beats: Iterable[int]) -> None:
        """Append payloads (unsigned, as the port sees them)."""
        self._queue.extend(beats)
        if self._queue:
            self._empty.clear()
            self._filled.set()

    async def drained(self, cycles: int) -> None:
        """Wait until every beat was taken."""
        if self._queue:
            await self.clock.within(
                self._empty.wait(),
                cycles,
                lambda: (
                    f"source {self.name!r} waits for ready, {self.sent} beats taken, "
                    f"{len(self._queue)} left"
                ),
            )

    async def _run(self) -> None:
        edge = RisingEdge(self.clock.handle)
        driving = False
        while True:
            if not self._queue:
                self._empty.set()
                if driving:
                    self.valid.value, driving = 0, False
                self._filled.clear()
                await self._filled.wait()
                await edge
            pause = next(self._idle)
            if pause:
                if driving:
                    self.valid.value, driving = 0, False
                await self.clock.edges(pause)
            self.payload.value = self._queue[0]
            if not driving:
                self.valid.value, driving = 1, True
            await edge
            while not self.is_ready():
                await RisingEdge(self.ready)
                await edge
            self._queue.popleft()
            self.sent += 1
            if self.first_cycle is None:
                self.first_cycle = self.clock.cycle


class StreamSink(_Ports):
    """Takes an output stream; `beats` are the payloads so far."""

    def __init__(self, dut, name, description, clock, backpressure: Iterator[int]) -> None:
        super().__init__(dut, name, description, clock)
        self._backpressure = backpressure
        self._wanted = 0
        self._reached = Event()
        self.beats: list[int] = []
        self.first_cycle: int | None = None
        self.last_cycle: int | None = None
        if self.ready is not None:
            self.ready.value = 0
        cocotb.start_soon(self._run())

    async def receive(self, count: int, cycles: int) -> list[int]:
        """The first `count` beats, waiting for them at most `cycles`."""
        if len(self.beats) < count:
            self._wanted = count
            self._reached.clear()
            await self.clock.within(
                self._reached.wait(),
                cycles,
                lambda: f"sink {self.name!r} waits for valid, {len(self.beats)} of {count} beats",
            )
        return self.beats[:count]

    async def _run(self) -> None:
        edge = RisingEdge(self.clock.handle)
        taking = False
        await edge
        while True:
            pause = next(self._backpressure) if self.ready is not None else 0
            if pause:
                if taking:
                    self.ready.value, taking = 0, False
                await self.clock.edges(pause)
            if not taking and self.ready is not None:
                self.ready.value, taking = 1, True
            await edge
            while not self.is_valid():
                await RisingEdge(self.valid)
                await edge
            self.beats.append(int(self.payload.value))
            self.last_cycle = self.clock.cycle
            if self.first_cycle is None:
                self.first_cycle = self.last_cycle
            if len(self.beats) == self._wanted:
                self._reached.set()


class StreamMonitor(_Ports):
    """Watches any stream, drives nothing, and holds it to the stream rules.

    Once valid, a beat stays valid with the same payload until it is taken.

    Attributes
    ----------
    beats: payloads transferred so far. cycles: the clock cycle of each transfer.
    """

    def __init__(self, dut, name, description, clock) -> None:
        super().__init__(dut, name, description, clock)
        self.beats: list[int] = []
        self.cycles: list[int] = []
        cocotb.start_soon(self._run())

    async def _run(self) -> None:
        edge = RisingEdge(self.clock.handle)
        waiting: int | None = None
        await edge
        while True:
            if not self.is_valid():
                assert waiting is None, f"{self.name!r}: valid fell before the beat was taken"
                await RisingEdge(self.valid)
                await edge
                continue
            payload = int(self.payload.value)
            assert waiting in (None, payload), (
                f"{self.name!r}: payload changed from {waiting:#x} to {payload:#x} while waiting"
            )
            if self.is_ready():
                self.beats.append(payload)
                self.cycles.append(self.clock.cycle)
                waiting = None
            else:
                waiting = payload
            await edge
