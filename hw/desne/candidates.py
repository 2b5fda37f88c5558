# SPDX-License-Identifier: Apache-2.0
"""The candidates of a tile on chip, read by position or through an order of positions."""

from amaranth.hdl import Module, Mux, Signal, unsigned
from amaranth.lib import data, enum, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from hw.config import Configuration
from hw.desne.map_widths import POSITION
from hw.pipeline import delayed

__all__ = ["Candidates", "Pass", "Source", "answer", "candidate", "order_write", "request"]


class Source(enum.IntEnum, shape=unsigned(2)):
    """What a step of a pass means."""

    POSITION = 0  #: the position itself
    FIRST = 1  #: a place in the first order
    SECOND = 2  #: a place in the second order


def candidate(config: Configuration) -> data.StructLayout:
    """A candidate: where it is on the map, S7.8, and which sample of the tile it is."""
    return data.StructLayout({"map": POSITION, "sample": unsigned(config.index_width)})


def request(config: Configuration) -> data.StructLayout:
    """A question to the store of candidates."""
    return data.StructLayout({"valid": 1, "source": Source, "step": unsigned(config.index_width)})


def answer(config: Configuration) -> data.StructLayout:
    """Its answer: the step again, the position, and the candidate there."""
    index = unsigned(config.index_width)
    return data.StructLayout(
        {"valid": 1, "step": index, "position": index, "candidate": candidate(config)}
    )


def order_write(config: Configuration) -> data.StructLayout:
    """order[place] = position, in the second order or else in the first."""
    index = unsigned(config.index_width)
    return data.StructLayout({"valid": 1, "second": 1, "place": index, "position": index})


class Candidates(wiring.Component):
    """Memory of the candidates, and of two orders of them.

    Equation: position = step, first[step] or second[step]; candidate = candidates[position].

    Flow control: none. A write is seen by the requests of the next cycle on.

    Latency: `latency` cycles from request to answer. Throughput: a request, a write and a write to
    an order every cycle.

    Parameters
    ----------
    config: samples N is used.

    Members
    -------
    request: In(request). answer: Out(answer).
    write: In(1), with position: In(range(N)) and candidate: In(candidate).
    order: In(order_write).
    """

    latency = 4

    def __init__(self, config: Configuration):
        self.config = config
        super().__init__(
            {
                "request": In(request(config)),
                "answer": Out(answer(config)),
                "write": In(1),
                "position": In(config.index_width),
                "candidate": In(candidate(config)),
                "order": In(order_write(config)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        config = self.config
        # cycle 0: the orders are asked
        orders = []
        for number, name in enumerate(("first", "second")):
            memory = Memory(shape=config.index_width, depth=config.samples, init=[])
            m.submodules[name] = memory
            write, read = memory.write_port(), memory.read_port()
            m.d.comb += [
                write.addr.eq(self.order.place),
                write.data.eq(self.order.position),
                write.en.eq(self.order.valid & (self.order.second == number)),
                read.addr.eq(self.request.step),
            ]
            orders.append(read.data)
        # cycle 1: they answer; cycle 2: the candidates are asked
        source_1 = delayed(m, self.request.source, 1, "source")
        step_1 = delayed(m, self.request.step, 1, "step")
        position_2 = Signal(config.index_width, reset_less=True)
        m.d.sync += position_2.eq(
            Mux(
                source_1 == Source.SECOND,
                orders[1],
                Mux(source_1 == Source.FIRST, orders[0], step_1),
            )
        )
        m.submodules.memory = memory = Memory(
            shape=candidate(config), depth=config.samples, init=[]
        )
        write, read = memory.write_port(), memory.read_port()
        m.d.comb += [
            write.addr.eq(self.position),
            write.data.eq(self.candidate),
            write.en.eq(self.write),
            read.addr.eq(position_2),
            # cycle 3: the store answers; cycle 4: a register behind it
            self.answer.candidate.eq(delayed(m, read.data, 1, "candidate")),
            self.answer.position.eq(delayed(m, position_2, 2, "position")),
            self.answer.step.eq(delayed(m, step_1, 3, "later_step")),
            self.answer.valid.eq(delayed(m, self.request.valid, 4, "valid", reset_less=False)),
        ]
        return m


class Pass(wiring.Component):
    """Counts the steps of a pass over a list, and then waits until the last has had its effect.

    Equation: step = 0, 1, ..., length - 1.

    Flow control: none; ``start`` is for when no pass is under way, and may come with ``done``.

    Latency: the steps are in the cycles 1..length after ``start``, ``done`` is in cycle length +
    drain. Throughput: a step a cycle.

    Parameters
    ----------
    limit: most steps, at least 1.
    drain: cycles from the last step to done, at least 1.

    Members
    -------
    start: In(1), with length: In(range(limit + 1)), at least 1.
    valid: Out(1), with step: Out(range(limit)).
    done: Out(1).
    """

    def __init__(self, limit: int, drain: int):
        self.limit = limit
        self.drain = drain
        super().__init__(
            {
                "start": In(1),
                "length": In(range(limit + 1)),
                "valid": Out(1),
                "step": Out(range(limit)),
                "done": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        left = Signal.like(self.length)  # steps, this one too
        at_end = Signal()
        m.d.comb += [
            at_end.eq(self.valid & (left == 1)),
            self.done.eq(delayed(m, at_end, self.drain, "ended", reset_less=False)),
        ]
        with m.If(self.valid):
            m.d.sync += [self.step.eq(self.step + 1), left.eq(left - 1)]
            with m.If(at_end):
                m.d.sync += self.valid.eq(0)
        with m.If(self.start):
            m.d.sync += [self.valid.eq(1), self.step.eq(0), left.eq(self.length)]
        return m
