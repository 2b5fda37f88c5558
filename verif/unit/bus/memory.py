# SPDX-License-Identifier: Apache-2.0
"""AXI4 memories in the Amaranth simulator: pipelined latency, stalls, and errors where told."""

from collections import deque
from collections.abc import Iterator

from amaranth.hdl import Value

from verif.axi_rules import ReadRules, WriteRules, read_signals, write_signals

PATIENCE = 10_000
"""Cycles after which a test has hung."""


class ReadMemory:
    """Answers AR with R, in order; every cycle goes through `rules`.

    bytes_at: function address -> bytes of one beat. latency: cycles from the address handshake to
    the first beat, at least 1. stalls_ar, stalls_r: pauses before ready and before each beat.
    fail: {number of the beat since the start: response}.
    """

    def __init__(
        self,
        axi,
        rules: ReadRules,
        bytes_at,
        latency: int,
        stalls_ar: Iterator[int],
        stalls_r: Iterator[int],
        fail: dict[int, int] | None = None,
    ):
        self.axi, self.rules, self.bytes_at, self.latency = axi, rules, bytes_at, latency
        self.stalls_ar, self.stalls_r = stalls_ar, stalls_r
        self.fail = fail or {}

    async def run(self, ctx):
        """Background testbench."""
        axi, rules = self.axi, self.rules
        names = read_signals()
        beats: deque = deque()  # (earliest cycle, address, last, identifier)
        served = 0
        pause_ar, pause_r = next(self.stalls_ar), next(self.stalls_r)
        while True:
            ctx.set(axi.arready, pause_ar == 0)
            now = rules.cycle
            present = bool(beats) and pause_r == 0 and beats[0][0] <= now
            if beats and pause_r and beats[0][0] <= now:
                pause_r -= 1
            ctx.set(axi.rvalid, present)
            if present:
                _, address, last, identifier = beats[0]
                ctx.set(axi.rid, identifier)
                ctx.set(axi.rdata, int.from_bytes(self.bytes_at(address), "little"))
                ctx.set(axi.rlast, last)
                ctx.set(axi.rresp, self.fail.get(served, 0))
            values = await _tick(ctx, axi, names)
            rules.step(values)
            assert rules.cycle < PATIENCE, "the test hangs"
            if values["arvalid"] and values["arready"]:
                pause_ar = next(self.stalls_ar)
                beat, length = rules.beat, values["arlen"] + 1
                for index in range(length):
                    address = values["araddr"] + index * beat
                    last = index == length - 1
                    beats.append((now + self.latency, address, last, values["arid"]))
            elif pause_ar:
                pause_ar -= 1
            if present and values["rready"]:
                beats.popleft()
                served += 1
                pause_r = next(self.stalls_r)


class WriteMemory:
    """Takes AW and W, answers on B; every cycle goes through `rules`.

    contents: {address: byte} of what was written. latency: cycles from the last of address and data
    to the answer, at least 1. fail: {number of the burst since the start: response}.
    """

    def __init__(
        self,
        axi,
        rules: WriteRules,
        latency: int,
        stalls_aw: Iterator[int],
        stalls_w: Iterator[int],
        stalls_b: Iterator[int],
        fail: dict[int, int] | None = None,
    ):
        self.axi, self.rules, self.latency = axi, rules, latency
        self.stalls = {"aw": stalls_aw, "w": stalls_w}
        self.stalls_b = stalls_b
        self.fail = fail or {}
        self.contents: dict[int, int] = {}

    async def run(self, ctx):
        """Background testbench."""
        axi, rules = self.axi, self.rules
        names = write_signals()
        addresses: deque = deque()
        data: deque = deque()
        answers: deque = deque()
        answered = 0
        pause = {name: next(stalls) for name, stalls in self.stalls.items()}
        pause_b = next(self.stalls_b)
        while True:
            for name in pause:
                ctx.set(getattr(axi, f"{name}ready"), pause[name] == 0)
            now = rules.cycle
            due = bool(answers) and answers[0][0] <= now
            present = due and pause_b == 0
            if due and pause_b:
                pause_b -= 1
            ctx.set(axi.bvalid, present)
            ctx.set(axi.bid, answers[0][1] if present else 0)
            ctx.set(axi.bresp, self.fail.get(answered, 0))
            values = await _tick(ctx, axi, names)
            rules.step(values)
            assert rules.cycle < PATIENCE, "the test hangs"
            for name in pause:
                if values[f"{name}valid"] and values[f"{name}ready"]:
                    pause[name] = next(self.stalls[name])
                elif pause[name]:
                    pause[name] -= 1
            if values["awvalid"] and values["awready"]:
                addresses.append((values["awaddr"], values["awlen"] + 1, values["awid"]))
            if values["wvalid"] and values["wready"]:
                data.append((values["wdata"], values["wstrb"]))
            while addresses and len(data) >= addresses[0][1]:
                address, beats, identifier = addresses.popleft()
                for index in range(beats):
                    word, strobes = data.popleft()
                    for lane in range(rules.beat):
                        if strobes >> lane & 1:
                            place = address + index * rules.beat + lane
                            self.contents[place] = word >> 8 * lane & 255
                answers.append((now + self.latency, identifier))
            if present and values["bready"]:
                answers.popleft()
                answered += 1
                pause_b = next(self.stalls_b)


async def _tick(ctx, axi, names: list[str]) -> dict[str, int]:
    """One clock edge; the values of the named signals right before it."""
    ports = [Value.cast(getattr(axi, name)) for name in names]
    sampled = await ctx.tick().sample(*ports)
    return dict(zip(names, sampled[-len(names) :], strict=True))
