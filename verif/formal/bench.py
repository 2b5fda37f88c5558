# SPDX-License-Identifier: Apache-2.0
"""What a proof is written with: a block between free inputs, claims, and suppositions.

Properties are Amaranth, as the hardware is: one language, the blocks' own signatures, and
elaboration at any parameter. Signals that nothing drives become free inputs of the model.
"""

from amaranth.asserts import AnyConst, Initial
from amaranth.back import rtlil
from amaranth.hdl import (
    Assert,
    Assume,
    ClockDomain,
    Elaboratable,
    Fragment,
    Module,
    Mux,
    Signal,
    Value,
    ValueLike,
)
from amaranth.lib import stream, wiring

__all__ = ["Bench"]


class Bench(Elaboratable):
    """A module around the block under proof.

    Every register begins undefined; reset is high in the first cycle, and in any later one too.
    Claims and suppositions are about cycles without reset.

    Attributes
    ----------
    m: the module; registers that a proof adds to it are reset with the block.
    inner_checks: whether the block's own checks (hw/check.py) are claims too.
    window: cycles from any state, or None; see from_any_state.
    settled: Signal(1), neither this cycle nor the one before was one of reset.
    """

    def __init__(self) -> None:
        self.m = Module()
        self.inner_checks = True
        self.window: int | None = None
        self.clock = ClockDomain("sync")
        self.m.domains.sync = self.clock
        self._free: list[Signal] = []
        self.settled = Signal()
        ran = Signal()
        self.m.d.sync += ran.eq(1)
        self.m.d.comb += self.settled.eq(ran & ~self.clock.rst)
        self._names = 0

    def from_any_state(self, cycles: int) -> None:
        """Without reset, from every state that the registers can hold at all, so many cycles.

        What holds in the last of them for all that enters in the first holds in every run: each of
        its cycles is such a first one. For pipelines and for what `start` begins anew.
        """
        self.window = cycles
        self._age = Signal(range(cycles + 2))
        self.m.d.sync += self._age.eq(Mux(Initial(), 1, self._age + 1))

    def at(self, cycle: int) -> Value:
        """Whether this is the cycle of that number, from 0; see from_any_state."""
        return Initial() if cycle == 0 else ~Initial() & (self._age == cycle)

    def once(self, port, name: str) -> Value:
        """Any value, on the input in the first cycle; any others follow. See from_any_state."""
        port = Value.cast(port)
        value = Signal(port.shape(), name=f"{name}_first")
        self.m.d.comb += value.eq(AnyConst(port.shape()))
        later = self.free(port.shape(), f"{name}_later")
        self.m.d.comb += port.eq(Mux(Initial(), value, later))
        return value

    def block(self, component, name: str = "block"):
        """Adds a block; its inputs are free until something drives them."""
        self.m.submodules[name] = component
        return component

    def free(self, shape, name: str) -> Signal:
        """An input that may have any value in every cycle."""
        signal = Signal(shape, name=name)
        self._free.append(Value.cast(signal))
        return signal

    def constant(self, shape) -> Value:
        """Any value, the same in all cycles."""
        return AnyConst(shape)

    def past(self, value: ValueLike) -> Value:
        """The value one cycle ago; only meaningful while `settled`."""
        value = Value.cast(value)
        self._names += 1
        before = Signal(value.shape(), name=f"past_{self._names}", reset_less=True)
        self.m.d.sync += before.eq(value)
        return before

    def claim(self, condition: ValueLike, message: str) -> None:
        """To be proved: in every cycle without reset, condition."""
        other = self.clock.rst if self.window != 0 else ~Initial()
        self.m.d.comb += Assert(other | Value.cast(condition).bool(), message)

    def suppose(self, condition: ValueLike) -> None:
        """Taken for granted: in every cycle without reset, condition."""
        self.m.d.comb += Assume(self.clock.rst | Value.cast(condition).bool())

    def stays(self, valid: Value, ready: Value, payload: ValueLike) -> tuple[Value, Value]:
        """Whether what was offered and not taken in the cycle before is offered still; and is the
        same."""
        waits = self.settled & self.past(valid & ~ready)
        payload = Value.cast(payload)
        return ~waits | valid, ~waits | (payload == self.past(payload))

    def source(self, port, name: str) -> Value:
        """Plays the other side of an input stream, with any payload at any time, by the rules;
        returns whether a beat moves."""
        self._attach(port, name, ("valid", "payload"))
        for rule in self.stays(port.valid, port.ready, port.payload):
            self.suppose(rule)
        return port.valid & port.ready

    def sink(self, port, name: str, *, claims: bool = True) -> Value:
        """Plays the other side of an output stream, ready at any time, and claims the rules;
        returns whether a beat moves."""
        self._attach(port, name, ("ready",))
        if claims:
            valid, payload = self.stays(port.valid, port.ready, port.payload)
            self.claim(valid, f"{name}: valid fell before ready")
            self.claim(payload, f"{name}: the payload changed before ready")
        return port.valid & port.ready

    def _attach(self, port, name: str, members: tuple[str, ...]) -> None:
        for member in members:
            value = Value.cast(getattr(port, member))
            if isinstance(value, Signal):  # not the constant of always_ready and always_valid
                self.m.d.comb += value.eq(self.free(value.shape(), f"{name}_{member}"))

    def surround(self, component, *, driven: frozenset[str] = frozenset()) -> None:
        """Attaches a source or a sink to every stream of the block, and a free input to every other
        input, but for the members named in `driven`."""
        for name, member in component.signature.members.items():
            if name in driven:
                continue
            self._surround(getattr(component, name), member, name)

    def _surround(self, value, member, name: str) -> None:
        if member.dimensions:
            inner = wiring.Member(member.flow, member._description)
            for dimension in reversed(member.dimensions[1:]):
                inner = inner.array(dimension)
            for number in range(member.dimensions[0]):
                self._surround(value[number], inner, f"{name}_{number}")
        elif member.is_port:
            if member.flow == wiring.In:
                value = Value.cast(value)
                self.m.d.comb += value.eq(self.free(value.shape(), name))
        elif isinstance(member.signature, stream.Signature):
            (self.source if member.flow == wiring.In else self.sink)(value, name)
        else:
            for inner, description in member.signature.members.items():
                self._surround(getattr(value, inner), description, f"{name}_{inner}")

    def in_order(
        self, taken: Value, entering: ValueLike, given: Value, leaving: ValueLike, most: int
    ) -> Signal:
        """Claims that what leaves is what entered, in its order, nothing lost, doubled or made up.

        One value, any one, is followed: the others in front of it are counted down as they leave,
        and then it must be the one that leaves. An entry may not leave in the cycle in which it
        enters. Returns the number of values inside.
        """
        m = self.m
        inside, ahead = Signal(range(most + 1)), Signal(range(most + 1))
        following = Signal()
        entering, leaving = Value.cast(entering), Value.cast(leaving)
        followed = Signal(entering.shape(), name="followed", reset_less=True)
        follow = self.free(1, "follow")
        self.claim(~given | (inside != 0), "a value left that had not entered")
        self.claim(~taken | (inside != most), f"more than {most} values are inside")
        self.claim(
            ~(following & given & (ahead == 0)) | (leaving == followed),
            "a value was lost, doubled, changed or overtaken",
        )
        m.d.sync += inside.eq(inside + taken - given)
        with m.If(taken & follow & ~following):
            m.d.sync += [following.eq(1), followed.eq(entering), ahead.eq(inside - given)]
        with m.Elif(following & given):
            m.d.sync += [ahead.eq(ahead - 1), following.eq(ahead != 0)]
        return inside

    def rtlil(self) -> str:
        """The model as Yosys reads it."""
        begins = self.clock.rst if self.window is None else ~self.clock.rst
        self.m.d.comb += Assume(begins | (~Initial() if self.window is None else 0))
        ports = {signal.name: (signal, None) for signal in (self.clock.clk, self.clock.rst)}
        ports |= {signal.name: (signal, None) for signal in self._free}
        text, _ = rtlil.convert_fragment(
            Fragment.get(self, None), ports=ports, name="top", emit_src=False
        )
        return text

    def elaborate(self, platform) -> Module:
        return self.m
