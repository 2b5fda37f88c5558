# SPDX-License-Identifier: Apache-2.0
"""The AXI4-Lite slave answers every access once, rightly and in time."""

from amaranth.hdl import Cat, Mux, Signal, Value

from hw.bus.lite_slave import LiteSlave, RegisterBus
from verif.formal.axi import held_rules
from verif.formal.bench import Bench
from verif.formal.broken import Broken
from verif.formal.proof import proof

SLAVE = "hw.bus.lite_slave"
OKAY, SLVERR = 0, 2


def lite_slave(bench: Bench) -> LiteSlave:
    """A slave between a master and registers; the master's rules are supposed."""
    m, block = bench.m, bench.block(LiteSlave(4))
    axi = block.axi
    for prefix, payload in (
        ("aw", ("addr", "prot")),
        ("w", ("data", "strb")),
        ("ar", ("addr", "prot")),
    ):
        for name in (*payload, "valid"):
            port = getattr(axi, prefix + name)
            m.d.comb += port.eq(bench.free(port.shape(), prefix + name))
        for rule in held_rules(bench, axi, prefix, payload):
            bench.suppose(rule)
    for name in ("bready", "rready"):
        m.d.comb += getattr(axi, name).eq(bench.free(1, name))
    m.d.comb += [
        block.bus.read_data.eq(bench.free(32, "read_data")),
        block.bus.error.eq(bench.free(1, "error")),
    ]
    return block


def moves(axi, prefix: str) -> Value:
    """Whether something passes on a channel."""
    return getattr(axi, f"{prefix}valid") & getattr(axi, f"{prefix}ready")


def under_way(bench: Bench, name: str, begins: Value, ends: Value) -> Signal:
    """How many have begun and not ended, in the cycles before."""
    count = Signal(3, name=name)
    bench.m.d.sync += count.eq(count + begins - ends)
    return count


@proof(
    "LiteSlave",
    "AXI4-Lite: answers stay, one for each access and none without; two at most inside",
    Broken(SLAVE, "with m.If(axi.bready):", "with m.If(1):"),
    Broken(SLAVE, "& (~axi.rvalid | axi.rready) & ~write", "& ~write"),
    Broken(SLAVE, 'held["aw"].eq(0), held["w"].eq(0)', 'held["aw"].eq(0)'),
)
def slave_rules(bench: Bench) -> None:
    axi = lite_slave(bench).axi
    for prefix, payload in (("b", ("resp",)), ("r", ("data", "resp"))):
        valid, same = held_rules(bench, axi, prefix, payload)
        bench.claim(valid, f"{prefix}valid fell before ready")
        bench.claim(same, f"{prefix}: an answer changed before ready")
    for asked, answered in (("aw", "b"), ("w", "b"), ("ar", "r")):
        inside = under_way(bench, f"{asked}_inside", moves(axi, asked), moves(axi, answered))
        bench.claim(
            ~getattr(axi, f"{answered}valid") | (inside != 0), f"{answered} without {asked}"
        )
        bench.claim(inside <= 2, f"more than two {asked} are inside")


@proof(
    "LiteSlave",
    "answered in time: 6 cycles after both address and data, or the address, if none waits before",
    Broken(SLAVE, "axi.rready) & ~write", "axi.rready) & ~held['aw']"),
    Broken(SLAVE, "(reading == 0) & (~axi.rvalid", "(writing == 0) & (~axi.rvalid"),
)
def slave_time(bench: Bench) -> None:
    block = lite_slave(bench)
    axi, m = block.axi, bench.m
    for asked, answered in ((("aw", "w"), "b"), (("ar",), "r")):
        given = moves(axi, answered)
        counts = [under_way(bench, f"{name}_inside", moves(axi, name), given) for name in asked]
        complete = Signal(name=f"{answered}_due")
        m.d.comb += complete.eq(Cat(count != 0 for count in counts).all())
        waits = Signal(4, name=f"{answered}_waits")
        with m.If(~complete | getattr(axi, f"{answered}valid")):
            m.d.sync += waits.eq(0)
        with m.Elif(waits != 15):
            m.d.sync += waits.eq(waits + 1)
        bench.claim(waits <= block.latency, f"no {answered} in time")


@proof(
    "LiteSlave",
    "each write reaches the register bus once, with its address, data and strobes, in order; each "
    "read likewise; never both at once",
    Broken(SLAVE, "address.eq(Mux(write, ", "address.eq(Mux(read, "),
    Broken(SLAVE, 'bus.write_strobe.eq(held["wstrb"])', "bus.write_strobe.eq(axi.wstrb)"),
)
def slave_accesses(bench: Bench) -> None:
    block = lite_slave(bench)
    axi, bus = block.axi, block.bus
    aligned = axi.awaddr[:2] == 0
    bench.suppose(~axi.awvalid | aligned)
    bench.suppose(~axi.arvalid | (axi.araddr[:2] == 0))
    written, read = bus.write_enable, bus.read_enable
    bench.in_order(moves(axi, "aw"), axi.awaddr, written, bus.address, 2, "write address")
    data, on_bus = Cat(axi.wdata[:2], axi.wstrb), Cat(bus.write_data[:2], bus.write_strobe)
    bench.in_order(moves(axi, "w"), data, written, on_bus, 2, "write data")
    bench.in_order(moves(axi, "ar"), axi.araddr, read, bus.address, 2, "read address")
    bench.claim(~(written & read), "a write and a read at once")


@proof(
    "LiteSlave",
    "unaligned or refused: SLVERR, and a read's data 0; else OKAY and the register's data; what is "
    "unaligned never reaches the registers",
    Broken(SLAVE, "refused.eq(unaligned[-1] | bus.error)", "refused.eq(bus.error)"),
    Broken(SLAVE, "Mux(refused, 0, bus.read_data)", "bus.read_data"),
    Broken(SLAVE, "bus.read_enable.eq(read & ~odd)", "bus.read_enable.eq(read)"),
)
def slave_answers(bench: Bench) -> None:
    block = lite_slave(bench)
    axi, bus, m = block.axi, block.bus, bench.m
    for address, enable, kind in (("aw", bus.write_enable, "b"), ("ar", bus.read_enable, "r")):
        odd = getattr(axi, f"{address}addr")[:2].any()
        always = bench.constant(1)  # all accesses of this kind are unaligned, or none is
        bench.suppose(~getattr(axi, f"{address}valid") | (odd == always))
        bench.claim(~(always & enable), f"an unaligned {address} reached the registers")
        asked = enable
        for _ in range(RegisterBus.latency):
            asked = bench.past(asked)
        error, data = Signal(name=f"{kind}_error"), Signal(2, name=f"{kind}_data")
        with m.If(asked):
            m.d.sync += [error.eq(bus.error), data.eq(bus.read_data[:2])]
        valid, response = getattr(axi, f"{kind}valid"), Value.cast(getattr(axi, f"{kind}resp"))
        refused = always | error
        bench.claim(~valid | (response == Mux(refused, SLVERR, OKAY)), f"{kind}: wrong response")
        if kind == "r":
            right = axi.rdata[:2] == Mux(refused, 0, data)
            bench.claim(~valid | right, "r: wrong data")
