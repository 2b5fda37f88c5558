# SPDX-License-Identifier: Apache-2.0
"""AXI4-Lite in front of registers."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.bus.signature import Axi4Lite, Response


class RegisterBus(wiring.Signature):
    """One access a cycle to 32-bit registers, seen from the side that asks.

    Equation: in a cycle with `write_enable` the bytes of `write_data` that `write_strobe` marks go
    to the register at `address`; with `read_enable` the register is read; never both. `latency` = 2
    cycles later `read_data` holds what was read, and `error` whether the access, of either kind,
    was refused. A refused access changes nothing.

    Parameters
    ----------
    address_width: bits of a byte address, 2..64; the lowest two are always 0.

    Members
    -------
    address: Out(address_width). write_data: Out(32). write_strobe: Out(4). write_enable: Out(1).
    read_enable: Out(1). read_data: In(32). error: In(1).
    """

    latency = 2

    def __init__(self, address_width: int) -> None:
        self.address_width = address_width
        super().__init__(
            {
                "address": Out(address_width),
                "write_data": Out(32),
                "write_strobe": Out(4),
                "write_enable": Out(1),
                "read_enable": Out(1),
                "read_data": In(32),
                "error": In(1),
            }
        )

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.members == other.members

    def __repr__(self) -> str:
        return f"RegisterBus({self.address_width})"


class LiteSlave(wiring.Component):
    """AXI4-Lite slave, 32 bit, to a register bus.

    Flow control: address and data of a write are taken in any order, and held until both are there
    and the answer to the write before is taken. A write goes before a read, which waits one cycle
    at most. An address that is not a multiple of 4 is answered SLVERR without an access, whatever
    the strobes, and so is an access that the registers refuse; the data of such a read is 0. awprot
    and arprot are not looked at. Every ready, valid and payload comes from registers.

    Latency: `latency` = 5 cycles from the later of address and data to `bvalid`, or from the
    address to `rvalid`. Throughput: a write and a read every `spacing` = 4 cycles.

    Parameters
    ----------
    address_width: 2..64.

    Members
    -------
    axi: In(Axi4Lite). bus: Out(RegisterBus).
    """

    spacing = RegisterBus.latency + 2
    latency = spacing + 1

    def __init__(self, address_width: int):
        super().__init__(
            {"axi": In(Axi4Lite(address_width)), "bus": Out(RegisterBus(address_width))}
        )

    def elaborate(self, platform):
        m = Module()
        axi, bus = self.axi, self.bus

        # What was taken and not yet passed on, channel by channel.
        held = {}
        for prefix, payload in (("aw", ["addr"]), ("w", ["data", "strb"]), ("ar", ["addr"])):
            full = Signal(name=f"{prefix}_full")
            valid, ready = getattr(axi, f"{prefix}valid"), getattr(axi, f"{prefix}ready")
            m.d.comb += ready.eq(~full)
            for name in payload:
                source = getattr(axi, prefix + name)
                held[prefix + name] = copy = Signal.like(source, name=f"{prefix}{name}_held")
                with m.If(ready):
                    m.d.sync += copy.eq(source)
            with m.If(valid):
                m.d.sync += full.eq(1)
            held[prefix] = full

        # cycle 0: which access; cycle 1: on the bus; then the answer
        write, read = Signal(), Signal()
        writing, reading = Signal(self.spacing - 1), Signal(self.spacing - 1)  # 0: on the bus
        unaligned = Signal(self.spacing - 1)
        address = Signal.like(bus.address)
        odd = address[:2].any()
        m.d.comb += [
            write.eq(held["aw"] & held["w"] & (writing == 0) & (~axi.bvalid | axi.bready)),
            read.eq(held["ar"] & (reading == 0) & (~axi.rvalid | axi.rready) & ~write),
            address.eq(Mux(write, held["awaddr"], held["araddr"])),
        ]
        m.d.sync += [
            bus.address.eq(address & ~3),
            bus.write_data.eq(held["wdata"]),
            bus.write_strobe.eq(held["wstrb"]),
            bus.write_enable.eq(write & ~odd),
            bus.read_enable.eq(read & ~odd),
            writing.eq(Cat(write, writing)),
            reading.eq(Cat(read, reading)),
            unaligned.eq(Cat(odd, unaligned)),
        ]
        with m.If(write):
            m.d.sync += [held["aw"].eq(0), held["w"].eq(0)]
        with m.If(read):
            m.d.sync += held["ar"].eq(0)

        refused = Signal()
        response = Signal(Response)
        m.d.comb += [
            refused.eq(unaligned[-1] | bus.error),
            response.eq(Mux(refused, Response.SLVERR.value, Response.OKAY.value)),
        ]
        with m.If(axi.bready):
            m.d.sync += axi.bvalid.eq(0)
        with m.If(writing[-1]):
            m.d.sync += [axi.bvalid.eq(1), axi.bresp.eq(response)]
        with m.If(axi.rready):
            m.d.sync += axi.rvalid.eq(0)
        with m.If(reading[-1]):
            m.d.sync += [
                axi.rvalid.eq(1),
                axi.rresp.eq(response),
                axi.rdata.eq(Mux(refused, 0, bus.read_data)),
            ]
        return m
