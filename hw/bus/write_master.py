# SPDX-License-Identifier: Apache-2.0
"""Writes memory over AXI4 in INCR bursts, several unanswered."""

from amaranth.hdl import Cat, Module, Mux, ResetInserter, Signal
from amaranth.lib import fifo, stream, wiring
from amaranth.lib.wiring import In, Out

from hw.bus.bursts import Bursts, check_burst, transfer_layout
from hw.bus.read_master import COUNTER_WIDTH
from hw.bus.signature import Axi4Write, drive_constants
from hw.check import check


class WriteMaster(wiring.Component):
    """Transfers and their data in, bytes into memory.

    A transfer (address, bytes) takes ceil(bytes / W) beats of W = data_width / 8 bytes from `data`;
    of the last one only the bytes of the transfer are written (byte strobes). Bursts are cut as
    hw/bus/bursts.py says: INCR, within 4 KiB, as long as `burst` allows.

    Flow control: `transfers` and `data` are streams. A burst begins when its first beat is there,
    address and data at the same time; neither waits for the other. Four beats are buffered, so
    `data.ready` comes from registers. At most `outstanding` bursts are unanswered; `bready` is
    always high.

    Errors: an answer with SLVERR or DECERR sets `error` one cycle later, and the master stops; so
    it does on `stop`. Stopped, it begins no burst, completes the one begun with all strobes off (a
    beat already offered stays as it is until it is taken, as the protocol asks), and takes
    transfers and data and drops them. It stays so until `clear` while idle.

    Latency: 3 cycles from a transfer to `awvalid` and `wvalid`, or 3 from a beat, whichever comes
    later. Throughput: one beat a cycle while memory takes them and answers in time, and bursts have
    3 beats or more.

    Parameters
    ----------
    address_width: 12..64. data_width: 64, 128 or 256. length_width: bits of a transfer's bytes.
    burst: most beats of a burst, 1..min(256, 4096/W). outstanding: bursts unanswered, 1..64.

    Members
    -------
    transfers: In(stream of transfer_layout): address, a multiple of W; bytes.
    data: In(stream of data_width bits), lowest address in the lowest byte.
    axi: Out(Axi4Write).
    stop: In(1), a pulse stops the master.
    clear: In(1), a pulse while idle: no error, not stopped, counters 0, no data buffered. Ignored
    while not idle.
    error: Out(1), an error response came. decode_error: Out(1), the first such was DECERR.
    idle: Out(1), no transfer under way and every burst answered; rises one cycle after that.
    bursts: Out(32), bursts begun since clear. bytes: Out(32), bytes with their strobe on that
    memory took since clear; both wrap.
    """

    buffered = 4

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
        self.data_width = data_width
        check_burst(data_width, length_width, burst)
        self.address_width, self.length_width = address_width, length_width
        self.burst = burst
        super().__init__(
            {
                "transfers": In(stream.Signature(transfer_layout(address_width, length_width))),
                "data": In(stream.Signature(data_width)),
                "axi": Out(Axi4Write(address_width, data_width)),
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
        drive_constants(m, axi, "aw")

        stopped = Signal()
        resume = Signal()
        m.d.comb += [planner.drop.eq(stopped), resume.eq(self.clear & self.idle)]
        queue = fifo.SyncFIFOBuffered(width=self.data_width, depth=self.buffered)
        m.submodules.queue = ResetInserter(stopped | resume)(queue)
        m.d.comb += [
            queue.w_data.eq(self.data.payload),
            queue.w_en.eq(self.data.valid),
            self.data.ready.eq(queue.w_rdy),
        ]

        # A burst begins together with its first beat.
        unanswered = Signal(range(self.outstanding + 1))
        left = Signal(range(self.burst + 1))  # beats of the burst begun, not yet offered
        none_left, one_left = Signal(init=1), Signal()
        answerable = Signal(init=1)  # less than `outstanding` are unanswered
        tail = Signal.like(burst.payload.tail)
        room = Signal()
        begin = Signal()
        offer = Signal()
        answered = Signal()
        m.d.comb += [
            room.eq(~axi.wvalid | axi.wready),
            burst.ready.eq(
                none_left & room & queue.r_rdy & (~axi.awvalid | axi.awready) & answerable
            ),
            begin.eq(burst.valid & burst.ready),
            offer.eq(begin | (~none_left & room & (queue.r_rdy | stopped))),
            queue.r_en.eq(offer),
        ]
        with m.If(axi.awready):
            m.d.sync += axi.awvalid.eq(0)
        with m.If(begin):
            m.d.sync += [
                axi.awvalid.eq(1),
                axi.awaddr.eq(burst.payload.address),
                axi.awlen.eq(burst.payload.beats - 1),
                tail.eq(burst.payload.tail),
                self.bursts.eq(self.bursts + 1),
            ]

        # a beat that is offered begins a burst just when none is left: that is known early
        last = Signal()
        beats, final = burst.payload.beats, Signal.like(tail)  # the last byte of the last beat
        last_byte = Signal.like(tail)
        m.d.comb += [
            last.eq(Mux(none_left, beats == 1, one_left)),
            final.eq(Mux(none_left, burst.payload.tail, tail)),
            last_byte.eq(Mux(last, final, planner.beat - 1)),
        ]
        offered_bytes = Signal(range(planner.beat + 1))
        with m.If(axi.wready):
            m.d.sync += axi.wvalid.eq(0)
        with m.If(offer):
            m.d.sync += [
                left.eq(Mux(none_left, beats - 1, left - 1)),
                one_left.eq(Mux(none_left, beats == 2, left == 2)),
                none_left.eq(last),
                axi.wvalid.eq(1),
                axi.wdata.eq(queue.r_data),
                axi.wlast.eq(last),
                axi.wstrb.eq(
                    Cat(~stopped & (~last | (final >= byte)) for byte in range(planner.beat))
                ),
                offered_bytes.eq(Mux(stopped, 0, last_byte + 1)),
            ]

        failed = Signal()
        m.d.comb += [
            axi.bready.eq(1),
            answered.eq(axi.bvalid),
            failed.eq(axi.bvalid & axi.bresp.as_value()[1]),
        ]
        # nothing was under way and no transfer began: so it is a cycle later
        m.d.sync += self.idle.eq(
            planner.idle & (unanswered == 0) & (stopped | ~self.transfers.valid)
        )
        m.d.sync += unanswered.eq(unanswered + begin - answered)
        with m.If(begin & ~answered):
            m.d.sync += answerable.eq(unanswered != self.outstanding - 1)
        with m.Elif(answered & ~begin):
            m.d.sync += answerable.eq(1)
        with m.If(resume):
            m.d.sync += [
                Cat(stopped, self.error, self.decode_error).eq(0),
                Cat(self.bursts, self.bytes).eq(0),
            ]
        with m.Elif(axi.wvalid & axi.wready):
            m.d.sync += self.bytes.eq(self.bytes + offered_bytes)
        with m.If(failed & ~self.error):
            m.d.sync += self.decode_error.eq(axi.bresp.as_value()[0])
        with m.If(failed):
            m.d.sync += self.error.eq(1)
        with m.If(failed | self.stop):
            m.d.sync += stopped.eq(1)
        check(m, ~axi.bvalid | (unanswered != 0), "an answer came to no burst")
        return m
