# SPDX-License-Identifier: Apache-2.0
"""Several AXI4 masters share one memory port."""

from amaranth.hdl import Cat, Const, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.fifo import SyncFIFOBuffered
from amaranth.lib.wiring import In, Out

from hw.bus.signature import Axi4Read, Axi4Write

ADDRESS = ("addr", "len", "size", "burst", "lock", "cache", "prot", "qos")


def _addresses(m: Module, prefix: str, managers, memory, free) -> tuple[Signal, list[Signal]]:
    """Joins the address channels `prefix`, "ar" or "aw", of the managers to that of the memory.

    An address is taken into a register while `free` and the register is; then the next asked in the
    round has its turn. Returns the number of the manager whose turn it is, and for each
    whether its address is taken.
    """
    count = len(managers)
    chosen, last = Signal(range(count), name="chosen"), Signal(range(count), name="last_chosen")
    valid, ready = (getattr(memory, prefix + name) for name in ("valid", "ready"))
    requests = [getattr(manager, f"{prefix}valid") for manager in managers]
    with m.Switch(last):
        for before in range(count):
            with m.Case(before):
                # the one asked last wins: it is the next in the round
                for distance in reversed(range(1, count + 1)):
                    number = (before + distance) % count
                    with m.If(requests[number]):
                        m.d.comb += chosen.eq(number)
    with m.If(ready):
        m.d.sync += valid.eq(0)
    taken = [Signal(name=f"taken_{number}") for number in range(count)]
    for number, (manager, granted) in enumerate(zip(managers, taken, strict=True)):
        m.d.comb += [
            granted.eq(requests[number] & (chosen == number) & (~valid | ready) & free),
            getattr(manager, f"{prefix}ready").eq(granted),
        ]
        with m.If(granted):
            m.d.sync += [valid.eq(1), getattr(memory, f"{prefix}id").eq(number), last.eq(number)]
            m.d.sync += [
                getattr(memory, prefix + name).eq(getattr(manager, prefix + name))
                for name in ADDRESS
            ]
    return chosen, taken


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
        _addresses(m, "ar", self.managers, memory, Const(1))
        for number, manager in enumerate(self.managers):
            m.d.comb += [
                manager.rvalid.eq(memory.rvalid & (memory.rid == number)),
                manager.rid.eq(manager.arid),
                manager.rdata.eq(memory.rdata),
                manager.rresp.eq(memory.rresp),
                manager.rlast.eq(memory.rlast),
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
        chosen, taken = _addresses(m, "aw", self.managers, memory, turns.w_rdy)
        m.d.comb += [
            turns.w_data.eq(chosen),
            turns.w_en.eq(Cat(taken).any()),
            turns.r_en.eq(memory.wvalid & memory.wready & memory.wlast),
        ]
        for number, manager in enumerate(self.managers):
            turn = Signal(name=f"turn_{number}")
            m.d.comb += [
                turn.eq(turns.r_rdy & (turns.r_data == number)),
                manager.wready.eq(turn & memory.wready),
                manager.bvalid.eq(memory.bvalid & (memory.bid == number)),
                manager.bid.eq(manager.awid),
                manager.bresp.eq(memory.bresp),
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
