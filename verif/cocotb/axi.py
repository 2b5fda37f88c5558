# SPDX-License-Identifier: Apache-2.0
"""The bus partners of cocotbext-axi on generated Verilog, and the rules both sides are held to.

Amaranth joins a port's path with two underscores, so the signals of a member `axi` are
axi__araddr, axi__arvalid ...: prefix "axi", separator "__". Of an interface with one half only
(Axi4Read, Axi4Write) the bus of that half is made.

What cocotbext-axi calls a pause generator gives one value a cycle: 1 pauses.
"""

import logging
import random
import re
from collections.abc import Iterator
from typing import Any

import cocotb
from cocotb.triggers import First, RisingEdge
from cocotbext.axi import AxiBus, AxiLiteBus, AxiLiteMaster, AxiReadBus, AxiWriteBus

from verif.axi_rules import ReadRules, WriteRules, read_signals, write_signals
from verif.cocotb.streams import ClockInfo, stalls
from verif.coverage import observers

SEPARATOR = "__"


def axi_read_bus(dut: Any, member: str = "axi") -> AxiReadBus:
    """AR and R of a port whose signature is Axi4Read or Axi4."""
    return AxiReadBus.from_prefix(dut, member, bus_separator=SEPARATOR)


def axi_write_bus(dut: Any, member: str = "axi") -> AxiWriteBus:
    """AW, W and B of a port whose signature is Axi4Write or Axi4."""
    return AxiWriteBus.from_prefix(dut, member, bus_separator=SEPARATOR)


def axi_bus(dut: Any, member: str = "axi") -> AxiBus:
    """All five channels of a port whose signature is Axi4."""
    return AxiBus.from_prefix(dut, member, bus_separator=SEPARATOR)


def axi_lite_bus(dut: Any, member: str = "axi") -> AxiLiteBus:
    """A port whose signature is Axi4Lite."""
    return AxiLiteBus.from_prefix(dut, member, bus_separator=SEPARATOR)


def quiet(dut: Any) -> None:
    """No line of log for every burst."""
    logging.getLogger(f"cocotb.{dut._name}").setLevel(logging.ERROR)


def pauses(pattern: str, seed: object) -> Iterator[int]:
    """A pause generator with the pauses of `streams.stalls`."""
    for length in stalls(pattern, random.Random(str(seed))):
        yield from [1] * length
        yield 0


def pause_all(partner: Any, pattern: str, seed: object) -> None:
    """Let every channel of a memory or master of cocotbext-axi stall on its own."""
    if pattern == "none":
        return  # a generator would wake in every cycle
    for name in ("aw", "w", "b", "ar", "r"):
        for side in (
            partner,
            getattr(partner, "read_if", None),
            getattr(partner, "write_if", None),
        ):
            channel = getattr(side, f"{name}_channel", None)
            if channel is not None:
                channel.set_pause_generator(pauses(pattern, f"{seed} {name}"))


async def lite_write(master: AxiLiteMaster, address: int, word: int, strobes: int) -> int:
    """One write of an idle master with any strobes and any address; returns BRESP.

    AxiLiteMaster itself gives the first byte's address with the strobes of a part of a word.
    """
    side = master.write_if
    await side.aw_channel.send(side.aw_channel._transaction_obj(awaddr=address, awprot=0))
    await side.w_channel.send(side.w_channel._transaction_obj(wdata=word, wstrb=strobes))
    return int((await side.b_channel.recv()).bresp)


async def lite_read(master: AxiLiteMaster, address: int) -> tuple[int, int]:
    """One read of an idle master at any address; returns RRESP and the word."""
    side = master.read_if
    await side.ar_channel.send(side.ar_channel._transaction_obj(araddr=address, arprot=0))
    answer = await side.r_channel.recv()
    return int(answer.rresp), int(answer.rdata)


def watch(
    dut: Any,
    clock: ClockInfo,
    rules: ReadRules | WriteRules,
    member: str = "axi",
    *,
    sleeps: bool = True,
) -> None:
    """Step `rules` in every cycle from now on; a broken rule fails the test.

    In Verilator it sleeps while no channel is valid, where nothing can break; elsewhere a signal
    may become X in any cycle. `rules.cycle` rests meanwhile: sleeps=False for who reads it.
    """
    names = read_signals() if isinstance(rules, ReadRules) else write_signals()
    handles = {name: dut[f"{member}{SEPARATOR}{name}"] for name in names}

    valids = [handle for name, handle in handles.items() if name.endswith("valid")]
    edge, rises = RisingEdge(clock.handle), [RisingEdge(valid) for valid in valids]
    seen = observers.Port("read" if isinstance(rules, ReadRules) else "write", rules, member)
    sleeps = sleeps and cocotb.SIM_NAME.startswith("Verilator")

    async def run() -> None:
        while True:
            await edge
            values = _known({name: handle.value for name, handle in handles.items()})
            rules.step(values)
            seen.step(values)
            if sleeps and not any(valid.value == 1 for valid in valids):
                before = clock.cycle
                await First(*rises)
                rules.cycle += clock.cycle - before  # the edge to come counts itself

    cocotb.start_soon(run())


def _known(values: dict[str, Any]) -> dict[str, int]:
    """As numbers; a payload that is not valid may be X and counts as 0, nothing else may be X."""
    unknown = {name for name, value in values.items() if not value.is_resolvable}
    for name in unknown:
        valid = f"{re.match('a?[rwb]', name)[0]}valid"
        idle = not name.endswith(("valid", "ready")) and valid not in unknown and not values[valid]
        assert idle, f"{name} is {values[name]}"
    return {name: 0 if name in unknown else int(value) for name, value in values.items()}


class Refused(Exception):
    """A memory answers SLVERR to an access that raises this."""


class Region:
    """Memory behind AxiSlaveRead or AxiSlaveWrite: random bytes, and SLVERR where told.

    contents: bytes, repeated over the whole address space. fail: numbers, counted from 0 in
    `accesses`, of the accesses to refuse.
    """

    def __init__(self, contents: bytes) -> None:
        self.contents = bytearray(contents)
        self.fail: set[int] = set()
        self.accesses = 0

    def _count(self) -> None:
        self.accesses += 1
        if self.accesses - 1 in self.fail:
            raise Refused

    async def read(self, address: int, length: int) -> bytes:
        self._count()
        return self.at(address, length)

    async def write(self, address: int, data: bytes) -> None:
        self._count()
        place = address % len(self.contents)
        self.contents[place : place + len(data)] = data

    def at(self, address: int, length: int) -> bytes:
        """The bytes from there on, within one turn of the contents."""
        place = address % len(self.contents)
        return bytes(self.contents[place : place + length])
