# SPDX-License-Identifier: Apache-2.0
"""Cuts a transfer of any length into AXI4 bursts."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hw.bus.signature import BURST_BEATS, PAGE
from hw.config import DATA_WIDTHS


def transfer_layout(address_width: int, length_width: int) -> data.StructLayout:
    """A transfer: byte address, a multiple of the bytes a beat, and its length in bytes."""
    return data.StructLayout({"address": address_width, "bytes": length_width})


def burst_layout(address_width: int, data_width: int) -> data.StructLayout:
    """A burst: byte address, beats, and of a transfer's final burst the bytes of its last beat.

    `tail` is that number less one; it is all ones in any other burst.
    """
    return data.StructLayout(
        {
            "address": address_width,
            "beats": range(BURST_BEATS + 1),
            "final": 1,
            "tail": range(data_width // 8),
        }
    )


def most_beats(data_width: int) -> int:
    """Beats of the longest legal burst: 256, and no more than 4 KiB."""
    return min(BURST_BEATS, PAGE // (data_width // 8))


def check_burst(data_width: int, length_width: int, burst: int) -> None:
    """A ValueError if the parameters of that name are illegal; see Bursts."""
    if data_width not in DATA_WIDTHS:
        raise ValueError(f"data_width is {data_width}: it must be 64, 128 or 256")
    most = most_beats(data_width)
    if not 1 <= burst <= most:
        raise ValueError(f"burst is {burst}: with {data_width} bits it must be from 1 to {most}")
    low = (data_width // 8).bit_length()
    if not low <= length_width <= 32:
        raise ValueError(f"length_width is {length_width}: it must be from {low} to 32")


class Bursts(wiring.Component):
    """Transfers to bursts, each as long as the 4 KiB rule, `burst` and the transfer allow.

    Equation, with a the address in beats of W = data_width / 8 bytes and left the beats to go:
    beats = min(left, burst, 4096/W - a mod 4096/W).

    Flow control: two streams. A transfer of 0 bytes is taken and gives nothing. While `drop` is
    high, transfers are taken and dropped and no burst is offered.

    Latency: 2 cycles from a transfer to its first burst. Throughput: a burst every 2 cycles, and
    one more cycle between transfers.

    Parameters
    ----------
    address_width: 12..64. data_width: 64, 128 or 256. length_width: bits of a transfer's bytes, at
    least those of W, at most 32. burst: most beats of a burst, 1..min(256, 4096/W).

    Members
    -------
    transfers: In(stream of transfer_layout). The bits of the address below W are ignored.
    bursts: Out(stream of burst_layout).
    drop: In(1).
    idle: Out(1), no transfer is being worked on.
    """

    def __init__(self, address_width: int, data_width: int, length_width: int, burst: int):
        check_burst(data_width, length_width, burst)
        self.burst = burst
        self.beat = data_width // 8
        super().__init__(
            {
                "transfers": In(stream.Signature(transfer_layout(address_width, length_width))),
                "bursts": Out(stream.Signature(burst_layout(address_width, data_width))),
                "drop": In(1),
                "idle": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        shift = self.beat.bit_length() - 1
        page = PAGE // self.beat
        transfer, burst = self.transfers.payload, self.bursts.payload

        address = Signal(len(transfer.address) - shift)  # in beats
        left = Signal(len(transfer.bytes) - shift + 1)  # beats
        tail = Signal(shift)
        length = Signal(range(self.burst + 1))
        final = Signal()
        offered = Signal()

        # beats to the end of the page, modulo the page; a burst reaches as far as that
        room = Signal(range(page))
        following_room = Signal.like(room)
        reach = Signal.like(length)
        follows = (following_room != 0) & (following_room < self.burst)
        m.d.comb += [
            burst.address.eq(address << shift),
            burst.beats.eq(length),
            burst.final.eq(final),
            burst.tail.eq(Mux(final, tail, self.beat - 1)),
            self.bursts.valid.eq(offered & ~self.drop),
        ]
        with m.FSM():
            with m.State("IDLE"):
                m.d.comb += [self.transfers.ready.eq(1), self.idle.eq(1)]
                m.d.comb += following_room.eq(-transfer.address[shift:][: len(room)])
                m.d.sync += [
                    room.eq(following_room),
                    reach.eq(Mux(follows, following_room, self.burst)),
                    address.eq(transfer.address[shift:]),
                    left.eq((transfer.bytes + (self.beat - 1)) >> shift),
                    tail.eq(transfer.bytes[:shift] - 1),
                ]
                with m.If(self.transfers.valid & transfer.bytes.any() & ~self.drop):
                    m.next = "PLAN"
            with m.State("PLAN"):
                m.d.sync += [
                    length.eq(Mux(left <= reach, left, reach)),
                    final.eq(left <= reach),
                ]
                m.next = "OFFER"
                with m.If(self.drop):
                    m.next = "IDLE"
            with m.State("OFFER"):
                m.d.comb += [offered.eq(1), following_room.eq(room - length)]
                with m.If(self.bursts.ready):
                    m.d.sync += [
                        room.eq(following_room),
                        reach.eq(Mux(follows, following_room, self.burst)),
                        address.eq(address + length),
                        left.eq(left - length),
                    ]
                    m.next = "PLAN"
                with m.If(self.drop | (self.bursts.ready & final)):
                    m.next = "IDLE"
        return m
