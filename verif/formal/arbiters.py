# SPDX-License-Identifier: Apache-2.0
"""Several masters share one port: each keeps the rules, and gets what is its own, in its order."""

from amaranth.hdl import Cat, Mux, Signal, Value

from hw.bus.arbiter import ReadArbiter, WriteArbiter
from verif.formal.axi import ADDRESS, Lengths, held_rules
from verif.formal.bench import Bench
from verif.formal.broken import Broken
from verif.formal.proof import proof

ARBITER = "hw.bus.arbiter"
TURN = Broken(ARBITER, "reversed(range(1, count + 1))", "reversed(range(0, count))")
HOLD = Broken(ARBITER, "(chosen == number) & (~valid | ready)", "(chosen == number)")


def drive(bench: Bench, port, names: tuple[str, ...], title: str) -> None:
    """Free inputs on the members of that name."""
    for name in names:
        value = Value.cast(getattr(port, name))
        bench.m.d.comb += value.eq(bench.free(value.shape(), f"{title}_{name}"))


def addresses(bench: Bench, block, prefix: str) -> list[Value]:
    """Plays the masters' address channels and memory's ready; claims what memory sees, and that a
    master waits for each other at most once. Returns, for each master, its bursts that memory took.
    """
    m, memory = bench.m, block.memory
    drive(bench, memory, (f"{prefix}ready",), "memory")
    for rule in held_rules(bench, memory, prefix, ADDRESS):
        bench.claim(rule, f"{prefix} of memory: an address fell or changed before ready")
    taken = getattr(memory, f"{prefix}valid") & getattr(memory, f"{prefix}ready")
    grants = [
        getattr(manager, f"{prefix}valid") & getattr(manager, f"{prefix}ready")
        for manager in block.managers
    ]
    passed = []
    for number, manager in enumerate(block.managers):
        drive(bench, manager, (*(prefix + n for n in ADDRESS), f"{prefix}valid"), f"m{number}")
        for rule in held_rules(bench, manager, prefix, ADDRESS):
            bench.suppose(rule)
        mine = taken & (getattr(memory, f"{prefix}id") == number)
        sent, seen = (
            Cat(getattr(port, f"{prefix}{name}")[:2] for name in ("addr", "len"))
            for port in (manager, memory)
        )
        bench.in_order(grants[number], sent, mine, seen, 1, f"{prefix} of master {number}")
        passed.append(mine)
        waits = Signal(range(len(grants) + 1), name=f"{prefix}_waits_{number}")
        others = Cat(grants[other] for other in range(len(grants)) if other != number).any()
        with m.If(grants[number] | ~getattr(manager, f"{prefix}valid")):
            m.d.sync += waits.eq(0)
        with m.Elif(others & (waits != len(grants))):
            m.d.sync += waits.eq(waits + 1)
        bench.claim(waits < len(grants), f"master {number} was passed over")
    return passed


@proof(
    "ReadArbiter, 3 masters",
    "AXI4 to memory; each master's addresses in order, its beats to it alone; round robin",
    TURN,
    HOLD,
    Broken(ARBITER, "memory.rvalid & (memory.rid == number)", "memory.rvalid"),
)
def arbiter_read(bench: Bench) -> None:
    block = bench.block(ReadArbiter(3, 12, 64))
    memory = block.memory
    addresses(bench, block, "ar")
    drive(bench, memory, ("rid", "rdata", "rresp", "rlast", "rvalid"), "memory")
    bench.suppose(memory.rid < 3)
    beat = ("rdata", "rlast")
    for number, manager in enumerate(block.managers):
        drive(bench, manager, ("rready",), f"m{number}")
        mine = memory.rvalid & (memory.rid == number)
        bench.claim(manager.rvalid == mine, "a beat is at the wrong master")
        bench.claim(~mine | (memory.rready == manager.rready), "ready is another master's")
        same = Cat(getattr(manager, name) == getattr(memory, name) for name in beat).all()
        same &= Value.cast(manager.rresp) == Value.cast(memory.rresp)
        bench.claim(~mine | same, "a beat changed")


@proof(
    "WriteArbiter, 2 masters, 2 bursts",
    "AXI4 to memory: data in the order of the addresses, wlast where they say; answers to their "
    "master alone; round robin",
    TURN,
    HOLD,
    Broken(
        ARBITER,
        "turns.r_en.eq(memory.wvalid & memory.wready & memory.wlast)",
        "turns.r_en.eq(memory.wvalid & memory.wready)",
    ),
    Broken(
        ARBITER,
        "manager.bvalid.eq(memory.bvalid & (memory.bid == number))",
        "manager.bvalid.eq(memory.bvalid)",
    ),
)
def arbiter_write(bench: Bench) -> None:
    m, block = bench.m, bench.block(WriteArbiter(2, 12, 64, outstanding=2))
    memory = block.memory
    addresses(bench, block, "aw")
    drive(bench, memory, ("wready", "bid", "bresp", "bvalid"), "memory")
    for rule in held_rules(bench, memory, "w", ("data", "strb", "last")):
        bench.claim(rule, "w of memory: data fell or changed before ready")
    fresh, waits = Signal(), Signal()
    m.d.comb += fresh.eq(memory.awvalid & ~waits)
    m.d.sync += waits.eq(memory.awvalid & ~memory.awready)
    begun = Lengths(bench, "begun", 3, fresh, memory.awlen, at_once=True)
    begun.step(memory.wvalid & memory.wready)
    bench.claim(~memory.wvalid | begun.present, "data came without an address")
    bench.claim(~memory.wvalid | (memory.wlast == begun.last), "wlast is wrong")
    bench.claim(begun.count <= 2, "data of more than 2 bursts are to come")
    for number, manager in enumerate(block.managers):
        drive(bench, manager, ("wdata", "wstrb", "wvalid", "bready"), f"m{number}")
        for rule in held_rules(bench, manager, "w", ("data", "strb", "last")):
            bench.suppose(rule)
        granted = manager.awvalid & manager.awready
        own = Lengths(bench, f"own_{number}", 3, granted, manager.awlen, at_once=False)
        moves = manager.wvalid & manager.wready
        own.step(moves)
        # a master offers the data of a burst with its address or after it
        waiting = Signal(name=f"waiting_{number}")
        m.d.comb += waiting.eq(own.count == 0)
        last = Mux(waiting, manager.awlen == 0, own.last)
        m.d.comb += manager.wlast.eq(last)
        bench.suppose(~manager.wvalid | ~waiting | manager.awvalid)
        bench.claim(~moves | ~waiting, "data passed before their address")
        mine = memory.bvalid & (memory.bid == number)
        right = (manager.bvalid == mine) & (~mine | (memory.bready == manager.bready))
        bench.claim(right, "an answer is at the wrong master")
        same = Value.cast(manager.bresp) == Value.cast(memory.bresp)
        bench.claim(~mine | same, "an answer changed")
