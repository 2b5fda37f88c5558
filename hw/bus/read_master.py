# SPDX-License-Identifier: Apache-2.0
"""Reads memory over AXI4 in INCR bursts, several outstanding."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import data, fifo, stream, wiring
from amaranth.lib.wiring import In, Out

from hw.bus.bursts import Bursts, check_burst, transfer_layout
from hw.bus.signature import Axi4Read, drive_constants
from hw.check import check

COUNTER_WIDTH = 32


def read_layout(data_width: int) -> data.StructLayout:
    """One beat read; `last` marks the last one of a transfer."""
    return data.StructLayout({"data": data_width, "last": 1})


class ReadMaster(wiring.Component):
    """Transfers in, their bytes out, in order.

    A transfer (address, bytes) becomes ceil(bytes / W) beats of W = data_width / 8 bytes: whole
    beats are read, and those bytes of the last one that lie beyond the transfer are not its own.
    Bursts are cut as hw/bus/bursts.py says: INCR, within 4 KiB, as long as `burst` allows.

    Flow control: `transfers` and `data` are streams. A burst is issued only when a place for every
    one of its beats is free in a queue of outstanding * burst beats, so `rready` is always high and
    a reader that waits never holds up the bus. At most `outstanding` bursts are under way.

    Errors: a beat with SLVERR or DECERR sets `error` one cycle later, and the master stops; so it
    does on `stop`. Stopped, it issues no burst (one already offered stays offered until it is
    taken, as the protocol asks), receives what is outstanding and drops it, takes transfers and
    drops them, and `data` is withdrawn: valid falls even before a ready, the one exception to the
    rules of streams. It stays so until `clear` while idle.

    Latency: 3 cycles from a transfer to `arvalid`, 2 from a beat on R to `data`. Throughput: one
    beat a cycle while the memory answers, counted from address handshake to first beat, within
    (outstanding - 1) * burst - overhead cycles, and transfers have 3 beats or more.

    Parameters
    ----------
    address_width: 12..64. data_width: 64, 128 or 256. length_width: bits of a transfer's bytes.
    burst: most beats of a burst, 1..min(256, 4096/W). outstanding: bursts under way, 1..64.

    Members
    -------
    transfers: In(stream of transfer_layout): address, a multiple of W; bytes.
    data: Out(stream of read_layout): data, lowest address in the lowest byte; last.
    axi: Out(Axi4Read).
    stop: In(1), a pulse stops the master.
    clear: In(1), a pulse while idle: no error, not stopped, counters 0. Ignored while not idle.
    error: Out(1), an error response came. decode_error: Out(1), the first such was DECERR.
    idle: Out(1), no transfer under way, every burst answered, all data taken or dropped; rises one
    cycle after that.
    bursts: Out(32), bursts issued since clear. bytes: Out(32), bytes of transfers that arrived
    without error since clear; both wrap.
    """

    overhead = 3
    """Cycles a place in the queue is taken for beyond the memory's latency and its burst."""

    def __init__(
        self,
        address_width: int,
        data_width: int,
        *,
        length_width: int = 32,
        burst: int = 64,
        outstanding: int = 4,
    ):
        if not 1 <= outstanding <= 64:
            raise ValueError(f"outstanding is {outstanding}: it must be from 1 to 64")
        self.outstanding = outstanding
        check_burst(data_width, length_width, burst)
        self.address_width, self.length_width = address_width, length_width
        self.burst = burst
        self.data_width = data_width
        self.places = max(outstanding * burst, 3)
        super().__init__(
            {
                "transfers": In(stream.Signature(transfer_layout(address_width, length_width))),
                "data": Out(stream.Signature(read_layout(data_width))),
                "axi": Out(Axi4Read(address_width, data_width)),
                "stop": In(1),
                "clear": In(1),
                "error": Out(1),
                "decode_error": Out(1),
                "idle": Out(1, init=1),
                "bursts": Out(COUNTER_WIDTH),
                "bytes": Out(COUNTER_WIDTH),
            }
        )

    def elaborate(self, platform):
        m = Module()
        axi = self.axi
        m.submodules.planner = planner = Bursts(
            self.address_width, self.data_width, self.length_width, self.burst
        )
        wiring.connect(m, wiring.flipped(self.transfers), planner.transfers)
        burst = planner.bursts
        drive_constants(m, axi, "ar")

        stopped = Signal()
        resume = Signal()
        m.d.comb += [planner.drop.eq(stopped), resume.eq(self.clear & self.idle)]

        # Of each burst under way: whether it ends its transfer, and the bytes of its last beat.
        tails = fifo.SyncFIFO(width=1 + len(burst.payload.tail), depth=self.outstanding)
        m.submodules.tails = tails
        m.submodules.queue = queue = fifo.SyncFIFOBuffered(
            width=self.data_width + 1, depth=self.places
        )
        free = Signal(range(self.places + 1), init=self.places)

        issue = Signal()
        m.d.comb += [
            burst.ready.eq(
                (~axi.arvalid | axi.arready) & tails.w_rdy & (free >= burst.payload.beats)
            ),
            issue.eq(burst.valid & burst.ready),
            tails.w_data.eq(Cat(burst.payload.final, burst.payload.tail)),
            tails.w_en.eq(issue),
        ]
        with m.If(axi.arready):
            m.d.sync += axi.arvalid.eq(0)
        with m.If(issue):
            m.d.sync += [
                axi.arvalid.eq(1),
                axi.araddr.eq(burst.payload.address),
                axi.arlen.eq(burst.payload.beats - 1),
                self.bursts.eq(self.bursts + 1),
            ]

        final, tail = tails.r_data[0], tails.r_data[1:]
        failed = Signal()
        last = Signal()
        m.d.comb += [
            axi.rready.eq(1),
            failed.eq(axi.rvalid & axi.rresp.as_value()[1]),
            last.eq(axi.rlast & final),
            tails.r_en.eq(axi.rvalid & axi.rlast),
            queue.w_en.eq(axi.rvalid),
            queue.w_data.eq(Cat(axi.rdata, last)),
        ]
        with m.If(resume):
            m.d.sync += [
                Cat(stopped, self.error, self.decode_error).eq(0),
                Cat(self.bursts, self.bytes).eq(0),
            ]
        with m.If(failed & ~self.error):
            m.d.sync += self.decode_error.eq(axi.rresp.as_value()[0])
        with m.If(failed):
            m.d.sync += self.error.eq(1)
        with m.If(failed | self.stop):
            m.d.sync += stopped.eq(1)

        taken = Signal()
        reserved = Signal.like(burst.payload.beats)
        m.d.comb += [
            self.data.payload.as_value().eq(queue.r_data),
            self.data.valid.eq(queue.r_rdy & ~stopped),
            queue.r_en.eq(self.data.ready | stopped),
            taken.eq(queue.r_rdy & queue.r_en),
            reserved.eq(Mux(issue, burst.payload.beats, 0)),
        ]
        m.d.sync += [
            free.eq(free - reserved + taken),
            # nothing was under way and no transfer began: so it is a cycle later
            self.idle.eq(planner.idle & (free == self.places) & (stopped | ~self.transfers.valid)),
        ]

        good = Signal()
        good_bytes = Signal(range(planner.beat + 1))
        m.d.sync += [
            good_bytes.eq(Mux(last, tail, planner.beat - 1) + 1),
            good.eq(axi.rvalid & ~failed & ~stopped),
        ]
        with m.If(good):
            m.d.sync += self.bytes.eq(self.bytes + good_bytes)
        check(m, ~axi.rvalid | queue.w_rdy, "a beat came that no burst had asked for")
        check(m, ~axi.rvalid | tails.r_rdy, "a beat came while no burst was under way")
        return m
