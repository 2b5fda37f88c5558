# SPDX-License-Identifier: Apache-2.0
"""Masters keep AXI4, whatever their users and the memory do within the rules."""

from amaranth.hdl import Signal, Value

from hw.bus.read_master import ReadMaster
from hw.bus.write_master import WriteMaster
from verif.formal.axi import ReadMemory, WriteMemory
from verif.formal.bench import Bench
from verif.formal.broken import Broken
from verif.formal.proof import proof

AXI = "AXI4; bursts in 4 KiB, not too long, not too many at a time; every answer accepted"
PAGE = Broken("hw.bus.bursts", "eq(-transfer.address[shift:]", "eq(1 - transfer.address[shift:]")
READ, WRITE = "hw.bus.read_master", "hw.bus.write_master"


def read_master(bench: Bench, burst: int, outstanding: int):
    """A read master between a user and a memory: block, memory, whether a beat of data moves."""
    block = bench.block(ReadMaster(12, 64, length_width=8, burst=burst, outstanding=outstanding))
    bench.source(block.transfers, "transfers")
    moves = bench.sink(block.data, "data", claims=False)
    for name in ("stop", "clear"):
        bench.m.d.comb += getattr(block, name).eq(bench.free(1, name))
    return block, ReadMemory(bench, block.axi, burst, outstanding), moves


def write_master(bench: Bench, burst: int, outstanding: int):
    """A write master between a user and a memory: block, memory, whether a beat of data moves."""
    block = bench.block(WriteMaster(12, 64, length_width=8, burst=burst, outstanding=outstanding))
    bench.source(block.transfers, "transfers")
    moves = bench.source(block.data, "data")
    for name in ("stop", "clear"):
        bench.m.d.comb += getattr(block, name).eq(bench.free(1, name))
    return block, WriteMemory(bench, block.axi, burst, outstanding), moves


def stopped(bench: Bench, block, failed: Value) -> Signal:
    """Stop came, or an error response did, at least two cycles ago, and no clear since."""
    m, came, state = bench.m, Signal(), Signal()
    with m.If(block.clear & block.idle):
        m.d.sync += came.eq(0)
    with m.If(block.stop | failed):
        m.d.sync += came.eq(1)
    m.d.comb += state.eq(came & bench.settled & bench.past(came))
    return state


def progress(bench: Bench, idle: Value, moves: Value, offers: dict[str, tuple], bound: int) -> None:
    """Claims that a busy block moves something every `bound` cycles, if all partners do what is
    theirs within a cycle: no deadlock.

    offers: of each channel, (the partner's turn, the partner does it).
    """
    m, quiet = bench.m, Signal(range(bound + 2))
    for name, (turn, done) in offers.items():
        late = Signal(name=f"{name}_late")
        m.d.sync += late.eq(turn & ~done)
        bench.suppose(~late | ~turn | done)
    with m.If(idle | moves):
        m.d.sync += quiet.eq(0)
    with m.Elif(quiet <= bound):
        m.d.sync += quiet.eq(quiet + 1)
    bench.claim(quiet <= bound, f"nothing moved for {bound} cycles")


@proof("ReadMaster, 2 bursts of 4 beats", AXI, PAGE)
def read_rules(bench: Bench) -> None:
    read_master(bench, 4, 2)


@proof(
    "ReadMaster, 3 bursts of 2 beats",
    f"{AXI}; a place for every beat asked for",
    Broken(READ, "& tails.w_rdy & (free >= burst.payload.beats)", "& tails.w_rdy"),
    Broken(READ, "& tails.w_rdy & (free", "& (free"),
)
def read_places(bench: Bench) -> None:
    read_master(bench, 2, 3)


@proof(
    "ReadMaster, 2 bursts of 2 beats",
    "without errors and stop each beat of R is a beat of data, in order",
    Broken(READ, "queue.r_en.eq(self.data.ready | stopped)", "queue.r_en.eq(1)"),
)
def read_order(bench: Bench) -> None:
    block, memory, moves = read_master(bench, 2, 2)
    bench.suppose(~block.stop & ~(block.axi.rvalid & Value.cast(block.axi.rresp)[1]))
    bench.in_order(memory.beat, block.axi.rdata[:2], moves, block.data.payload.data[:2], 4, "beat")


@proof(
    "ReadMaster, 2 bursts of 2 beats",
    "stopped, by stop or an error: no data, no further burst, until cleared",
    Broken(READ, "self.data.valid.eq(queue.r_rdy & ~stopped)", "self.data.valid.eq(queue.r_rdy)"),
    Broken(READ, "planner.drop.eq(stopped)", "planner.drop.eq(self.stop)"),
)
def read_stop(bench: Bench) -> None:
    block, _, _ = read_master(bench, 2, 2)
    axi = block.axi
    state = stopped(bench, block, axi.rvalid & Value.cast(axi.rresp)[1])
    bench.claim(~(state & block.data.valid), "data is offered")
    bench.claim(~(state & axi.arvalid) | bench.past(axi.arvalid & ~axi.arready), "a burst begins")


@proof(
    "ReadMaster, 2 bursts of 2 beats",
    "no deadlock: busy, something moves every 5 cycles while partners answer in 2",
    Broken(READ, "free.eq(free - reserved + taken),", "free.eq(free - reserved),"),
)
def read_progress(bench: Bench) -> None:
    block, memory, moves = read_master(bench, 2, 2)
    axi = block.axi
    began = block.transfers.valid & block.transfers.ready
    taken = axi.arvalid & axi.arready
    progress(
        bench,
        block.idle,
        moves | began | taken | memory.beat,
        {
            "address": (axi.arvalid, axi.arready),
            "beat": (memory.pending, axi.rvalid),
            "data": (block.data.valid, block.data.ready),
        },
        5,
    )


@proof(
    "WriteMaster, 2 bursts of 4 beats",
    f"{AXI}; wlast",
    PAGE,
    Broken(WRITE, "one_left.eq(Mux(none_left, beats == 2, left == 2))", "one_left.eq(left == 2)"),
    Broken(WRITE, "answerable.eq(unanswered != self.outstanding - 1)", "answerable.eq(1)"),
)
def write_rules(bench: Bench) -> None:
    write_master(bench, 4, 2)


@proof(
    "WriteMaster, 2 bursts of 2 beats",
    "without errors, stop and clear each beat of data is a beat of W, in order",
    Broken(WRITE, "queue.r_en.eq(offer)", "queue.r_en.eq(begin)"),
)
def write_order(bench: Bench) -> None:
    block, memory, moves = write_master(bench, 2, 2)
    axi = block.axi
    bench.suppose(~block.stop & ~(axi.bvalid & Value.cast(axi.bresp)[1]))
    bench.suppose(~block.clear)
    bench.in_order(moves, block.data.payload[:2], memory.beat, axi.wdata[:2], 6, "beat")


@proof(
    "WriteMaster, 2 bursts of 2 beats",
    "stopped, by stop or an error: nothing further is written, no further burst, until cleared",
    Broken(WRITE, "Cat(~stopped & (~last", "Cat((~last"),
    Broken(WRITE, "planner.drop.eq(stopped)", "planner.drop.eq(self.stop)"),
)
def write_stop(bench: Bench) -> None:
    block, _, _ = write_master(bench, 2, 2)
    axi = block.axi
    state = stopped(bench, block, axi.bvalid & Value.cast(axi.bresp)[1])
    waited = bench.past(axi.wvalid & ~axi.wready)
    bench.claim(~(state & axi.wvalid & ~waited) | (axi.wstrb == 0), "bytes are written")
    bench.claim(~(state & axi.awvalid) | bench.past(axi.awvalid & ~axi.awready), "a burst begins")


@proof(
    "WriteMaster, 2 bursts of 2 beats",
    "no deadlock: busy, something moves every 5 cycles while partners answer in 2",
    Broken(WRITE, "with m.Elif(answered & ~begin):", "with m.Elif(answered & begin):"),
)
def write_progress(bench: Bench) -> None:
    block, memory, moves = write_master(bench, 2, 2)
    axi = block.axi
    began = block.transfers.valid & block.transfers.ready
    taken = axi.awvalid & axi.awready
    progress(
        bench,
        block.idle,
        moves | began | taken | memory.beat | memory.answered,
        {
            "address": (axi.awvalid, axi.awready),
            "beat": (axi.wvalid, axi.wready),
            "answer": (memory.answerable, axi.bvalid),
            "data": (~block.data.valid, block.data.valid),
        },
        5,
    )
