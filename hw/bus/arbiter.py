# SPDX-License-Identifier: Apache-2.0
"""Several AXI4 masters share one memory port."""

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.fifo import SyncFIFOBuffered
from amaranth.lib.wiring import In, Out

from hw.bus.signature import Axi4Read, Axi4Write

ADDRESS = ("addr", "len", "size", "burst", "lock", "cache", "prot", "qos")


def _grant(m: Module, name: str, requests: list, take) -> Signal:
    """The number of the master whose turn it is among those that ask; it moves on after `take`."""
    count = len(requests)
    last, chosen = Signal(range(count), name=f"{name}_last"), Signal(range(count), name=name)
    with m.Switch(last):
        for before in range(count):
            with m.Case(before):
                # the one asked last wins: it is the next in the round
                for distance in reversed(range(1, count + 1)):
                    number = (before + distance) % count
                    with m.If(requests[number]):
                        m.d.comb += chosen.eq(number)
    with m.If(take):
        m.d.sync += last.eq(chosen)
    return chosen


class ReadArbiter(wiring.Component):
    """Address bursts of several masters on one AR channel, in turn; beats of R back by identifier.

    A burst carries the number of its master as identifier (A5.1), so memory may answer different
    masters in any order. Round robin: with n masters a burst waits for at most n - 1 others.

    Flow control: AXI. A burst is taken into a register; what was offered stays until it is taken.

    Latency: 1 cycle on AR, none on R. Throughput: a burst and a beat a cycle.

    Parameters
    ----------
    managers: 2..16. address_width, data_width: as of Axi4.

    Members
    -------
    managers: array of In(Axi4Read). memory: Out(Axi4Read with identifiers of log2(managers) bits).
    """

    def __init__(self, managers: int, address_width: int, data_width: int):
        self.count = _checked(managers)
        width = (managers - 1).bit_length()
        super().__init__(
            {
                "managers": In(Axi4Read(address_width, data_width)).array(managers),
                "memory": Out(Axi4Read(address_width, data_width, width)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        memory = self.memory
        free, take = Signal(), Signal()
        requests = [manager.arvalid for manager in self.managers]
        chosen = _grant(m, "reads", requests, take)
        m.d.comb += free.eq(~memory.arvalid | memory.arready)
        with m.If(memory.arready):
            m.d.sync += memory.arvalid.eq(0)
        for number, manager in enumerate(self.managers):
            granted = Signal(name=f"granted_{number}")
            m.d.comb += [
                granted.eq(manager.arvalid & (chosen == number)),
                manager.arready.eq(granted & free),
                manager.rvalid.eq(memory.rvalid & (memory.rid == number)),
                manager.rid.eq(manager.arid),
                manager.rdata.eq(memory.rdata),
                manager.rresp.eq(memory.rresp),
                manager.rlast.eq(memory.rlast),
            ]
            with m.If(granted & free):
                m.d.comb += take.eq(1)
                m.d.sync += [memory.arvalid.eq(1), memory.arid.eq(number)]
                m.d.sync += [
                    getattr(memory, f"ar{name}").eq(getattr(manager, f"ar{name}"))
                    for name in ADDRESS
                ]
            with m.If(memory.rid == number):
                m.d.comb += memory.rready.eq(manager.rready)
        return m


class WriteArbiter(wiring.Component):
    """Write bursts of several masters on AW and W, in turn; answers on B back by identifier.

    A burst carries the number of its master as identifier (A5.1). W has none: the data of bursts
    follow in the order in which their addresses were taken. Round robin as in ReadArbiter.

    Flow control: AXI. An address is taken into a register; data pass through, and wait until their
    address was taken.

    Latency: 1 cycle on AW, none on W once its turn has come, none on B. Throughput: a beat a cycle;
    a burst every 2 cycles.

    Parameters
    ----------
    managers: 2..16. address_width, data_width: as of Axi4. outstanding: bursts whose data have not
    all passed, 1 or more.

    Members
    -------
    managers: array of In(Axi4Write). memory: Out(Axi4Write with identifiers of log2(managers)
    bits).
    """

    def __init__(self, managers: int, address_width: int, data_width: int, outstanding: int = 8):
        self.count = _checked(managers)
        self.outstanding = outstanding
        width = (managers - 1).bit_length()
        super().__init__(
            {
                "managers": In(Axi4Write(address_width, data_width)).array(managers),
                "memory": Out(Axi4Write(address_width, data_width, width)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        memory = self.memory
        width = len(memory.awid)
        m.submodules.turns = turns = SyncFIFOBuffered(width=width, depth=self.outstanding)
        free, take = Signal(), Signal()
        requests = [manager.awvalid for manager in self.managers]
        chosen = _grant(m, "writes", requests, take)
        m.d.comb += [
            free.eq((~memory.awvalid | memory.awready) & turns.w_rdy),
            turns.w_data.eq(chosen),
            turns.w_en.eq(take),
            turns.r_en.eq(memory.wvalid & memory.wready & memory.wlast),
        ]
        with m.If(memory.awready):
            m.d.sync += memory.awvalid.eq(0)
        for number, manager in enumerate(self.managers):
            granted, turn = Signal(name=f"granted_{number}"), Signal(name=f"turn_{number}")
            m.d.comb += [
                granted.eq(manager.awvalid & (chosen == number)),
                manager.awready.eq(granted & free),
                turn.eq(turns.r_rdy & (turns.r_data == number)),
                manager.wready.eq(turn & memory.wready),
                manager.bvalid.eq(memory.bvalid & (memory.bid == number)),
                manager.bid.eq(manager.awid),
                manager.bresp.eq(memory.bresp),
            ]
            with m.If(granted & free):
                m.d.comb += take.eq(1)
                m.d.sync += [memory.awvalid.eq(1), memory.awid.eq(number)]
                m.d.sync += [
                    getattr(memory, f"aw{name}").eq(getattr(manager, f"aw{name}"))
                    for name in ADDRESS
                ]
            with m.If(turn):
                m.d.comb += [
                    memory.wvalid.eq(manager.wvalid),
                    memory.wdata.eq(manager.wdata),
                    memory.wstrb.eq(manager.wstrb),
                    memory.wlast.eq(manager.wlast),
                ]
            with m.If(memory.bid == number):
                m.d.comb += memory.bready.eq(manager.bready)
        return m


def _checked(managers: int) -> int:
    if not 2 <= managers <= 16:
        raise ValueError(f"managers is {managers}: it must be from 2 to 16")
    return managers
