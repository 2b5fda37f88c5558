# SPDX-License-Identifier: Apache-2.0
"""The rules of AXI as claims about the side under proof and suppositions about the other.

Source: Arm, "AMBA AXI and ACE Protocol Specification", IHI 0022 issue E: A3.2.1 (handshake), A3.3
(dependencies), A3.4.1 (bursts), A3.4.3 (strobes).
"""

from amaranth.hdl import Cat, Mux, Signal, Value

from hw.bus.signature import PAGE, Burst
from verif.formal.bench import Bench

__all__ = ["Lengths", "ReadMemory", "WriteMemory", "address_rules", "held_rules"]

ADDRESS = ("id", "addr", "len", "size", "burst", "lock", "cache", "prot", "qos")


def held_rules(bench: Bench, port, prefix: str, payload: tuple[str, ...]) -> tuple[Value, Value]:
    """What a side that offers must keep: valid stays; the payload stays."""
    valid, ready = (getattr(port, prefix + name) for name in ("valid", "ready"))
    values = Cat(Value.cast(getattr(port, prefix + name)) for name in payload)
    return bench.stays(valid, ready, values)


def address_rules(bench: Bench, port, prefix: str, beat: int, burst: int) -> None:
    """Claims that what is on an address channel is right, and stays until it is taken."""
    valid, payload = held_rules(bench, port, prefix, ADDRESS)
    bench.claim(valid, f"{prefix}valid fell before ready")
    bench.claim(payload, f"{prefix}: an address changed before ready")
    get = {name: Value.cast(getattr(port, prefix + name)) for name in (*ADDRESS, "valid")}
    end = get["addr"][:12] + ((get["len"] + 1) * beat)
    for right, message in (
        (get["burst"] == Burst.INCR.value, "is not INCR"),
        (1 << get["size"] == beat, "is not of whole beats"),
        (get["addr"] % beat == 0, "is not aligned"),
        (get["len"] < burst, "is too long"),
        (end <= PAGE, "crosses 4 KiB"),
        (get["lock"] == 0, "is locked"),
    ):
        bench.claim(~get["valid"] | right, f"{prefix}: a burst {message}")


class Lengths:
    """Lengths less one of the bursts whose beats are to come, in order.

    Parameters
    ----------
    places: bursts at a time. push, length: a burst begins, and its length less one. at_once: its
    first beat may pass in that cycle already.

    Attributes
    ----------
    count: bursts begun before. present: there is a burst. last: its next beat is its last.
    """

    def __init__(
        self, bench: Bench, name: str, places: int, push: Value, length: Value, *, at_once: bool
    ) -> None:
        m, self.bench = bench.m, bench
        self.places, self.push, self.length = places, push, length
        self.held = [Signal(8, name=f"{name}_{n}", reset_less=True) for n in range(places)]
        self.count = Signal(range(places + 1), name=f"{name}_count")
        self.beat = Signal(8, name=f"{name}_beat")
        self.last, self.present = Signal(name=f"{name}_last"), Signal(name=f"{name}_present")
        empty = self.count == 0
        first = Mux(empty, length, self.held[0]) if at_once else self.held[0]
        m.d.comb += [
            self.present.eq(~empty | (push if at_once else 0)),
            self.last.eq(self.beat == first),
        ]

    def step(self, passes: Value) -> None:
        """Tells when a beat passes."""
        m = self.bench.m
        ends, place = Signal(), Signal.like(self.count)
        m.d.comb += [ends.eq(passes & self.last), place.eq(self.count - ends)]
        m.d.sync += self.count.eq(self.count + self.push - ends)
        with m.If(passes):
            m.d.sync += self.beat.eq(Mux(self.last, 0, self.beat + 1))
        for number, held in enumerate(self.held):
            with m.If(ends & (number + 1 < self.places)):
                m.d.sync += held.eq(self.held[min(number + 1, self.places - 1)])
            with m.If(self.push & (place == number)):
                m.d.sync += held.eq(self.length)


class ReadMemory:
    """Plays a memory on a read port, at any speed, and claims the master's rules.

    Attributes
    ----------
    beat: a beat is taken. pending: one may come. under_way: bursts offered, not yet answered in
    full.
    """

    def __init__(self, bench: Bench, axi, burst: int, outstanding: int) -> None:
        m = bench.m
        beat = len(axi.rdata) // 8
        address_rules(bench, axi, "ar", beat, burst)
        taken = axi.arvalid & axi.arready
        lengths = Lengths(bench, "read", outstanding, taken, axi.arlen, at_once=False)
        for name in ("arready", "rvalid", "rdata", "rresp"):
            port = Value.cast(getattr(axi, name))
            m.d.comb += port.eq(bench.free(port.shape(), f"axi_{name}"))
        m.d.comb += [axi.rlast.eq(lengths.last), axi.rid.eq(axi.arid)]
        bench.suppose(~axi.rvalid | (lengths.present))
        for rule in held_rules(bench, axi, "r", ("data", "resp", "last")):
            bench.suppose(rule)
        self.beat = axi.rvalid & axi.rready
        lengths.step(self.beat)
        self.pending = lengths.present
        self.under_way = Signal(range(outstanding + 3))
        m.d.comb += self.under_way.eq(lengths.count + axi.arvalid)
        bench.claim(self.under_way <= outstanding, f"more than {outstanding} bursts are under way")
        bench.claim(~axi.rvalid | axi.rready, "a beat was not accepted")


class WriteMemory:
    """Plays a memory on a write port, at any speed, and claims the master's rules.

    Attributes
    ----------
    beat: a beat is taken. answered: an answer is. answerable: one may come. under_way: bursts
    offered and unanswered.
    """

    def __init__(self, bench: Bench, axi, burst: int, outstanding: int) -> None:
        m = bench.m
        size = len(axi.wdata) // 8
        address_rules(bench, axi, "aw", size, burst)
        for rule, message in zip(
            held_rules(bench, axi, "w", ("data", "strb", "last")),
            ("wvalid fell before ready", "data changed before ready"),
            strict=True,
        ):
            bench.claim(rule, message)
        for name in ("awready", "wready", "bvalid", "bresp"):
            port = Value.cast(getattr(axi, name))
            m.d.comb += port.eq(bench.free(port.shape(), f"axi_{name}"))
        m.d.comb += axi.bid.eq(axi.awid)
        # a burst begins when its address is first offered; its data may be taken before it
        fresh, waits = Signal(), Signal()
        m.d.comb += fresh.eq(axi.awvalid & ~waits)
        m.d.sync += waits.eq(axi.awvalid & ~axi.awready)
        begun = Lengths(bench, "begun", outstanding, fresh, axi.awlen, at_once=True)
        self.beat = axi.wvalid & axi.wready
        begun.step(self.beat)
        bench.claim(~axi.wvalid | begun.present, "data came without a burst")
        bench.claim(~axi.wvalid | (axi.wlast == begun.last), "wlast is wrong")
        taken, ended = (Signal(range(outstanding + 2), name=n) for n in ("addresses", "data_ended"))
        self.answered = axi.bvalid & axi.bready
        m.d.sync += [
            taken.eq(taken + (axi.awvalid & axi.awready) - self.answered),
            ended.eq(ended + (self.beat & axi.wlast) - self.answered),
        ]
        self.answerable = (taken != 0) & (ended != 0)
        bench.suppose(~axi.bvalid | self.answerable)
        for rule in held_rules(bench, axi, "b", ("resp",)):
            bench.suppose(rule)
        self.under_way = taken + axi.awvalid
        bench.claim(self.under_way <= outstanding, f"more than {outstanding} bursts are under way")
        bench.claim(~axi.bvalid | axi.bready, "an answer was not accepted")
