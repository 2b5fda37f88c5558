# SPDX-License-Identifier: Apache-2.0
"""The set of chosen samples, and its elements in ascending order."""

from amaranth.hdl import Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.fifo import SyncFIFOBuffered
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from hw.check import check
from hw.config import Configuration
from hw.pipeline import delayed

__all__ = ["Chosen"]

_PLACES = 8
_ON_THE_WAY = 3
_QUEUE_LATENCY = 3


class Chosen(wiring.Component):
    """One bit for each sample of the tile.

    Equation: ``chosen`` = all sample indices below ``samples`` whose bit is set, ascending.

    Flow control: ``chosen`` is a stream; nothing may be written or asked between ``emit`` and
    ``done``. All else has none. Its valid and payload come from registers, and ready goes to
    registers only.

    Latency: a write is seen by the questions of the next cycle on; `latency` cycles from a question
    to ``answer``; samples + 6 cycles from ``emit`` to ``done``, when ``chosen`` is always ready.
    Throughput: one write and one question a cycle; ``chosen``: one sample tested a cycle.

    Parameters
    ----------
    config: samples N is used.

    Members
    -------
    write: In(1), with sample: In(range(N)) and value: In(1): sets or clears a bit.
    question: In(range(N)). answer: Out(1), its bit.
    emit: In(1), with samples: In(range(N + 1)), at least 1. done: Out(1), all were taken.
    chosen: Out(stream of range(N)).
    """

    latency = 2

    def __init__(self, config: Configuration):
        self.config = config
        super().__init__(
            {
                "write": In(1),
                "sample": In(config.index_width),
                "value": In(1),
                "question": In(config.index_width),
                "answer": Out(1),
                "emit": In(1),
                "samples": In(config.count_width),
                "done": Out(1),
                "chosen": Out(stream.Signature(config.index_width)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        config = self.config
        m.submodules.bits = bits = Memory(shape=1, depth=config.samples, init=[])
        write, read = bits.write_port(), bits.read_port()
        m.submodules.queue = queue = SyncFIFOBuffered(width=config.index_width, depth=_PLACES)
        m.d.comb += [
            write.addr.eq(self.sample),
            write.data.eq(self.value),
            write.en.eq(self.write),
        ]
        m.d.sync += self.answer.eq(read.data)

        emitting, emptying = Signal(), Signal()
        step, last_step = Signal(config.index_width), Signal(config.index_width)
        test, at_end = Signal(), Signal()
        m.d.comb += [
            test.eq(emitting & (queue.level <= _PLACES - _ON_THE_WAY)),
            at_end.eq(test & (step == last_step)),
        ]
        m.d.comb += read.addr.eq(self.question)
        with m.If(emitting):
            m.d.comb += read.addr.eq(step)
        with m.If(test):
            m.d.sync += step.eq(step + 1)
        with m.If(self.emit):
            m.d.sync += [emitting.eq(1), step.eq(0), last_step.eq(self.samples - 1)]
        with m.Elif(at_end):
            m.d.sync += emitting.eq(0)
        # two cycles later the bit is here, and what is chosen goes to the queue
        m.d.comb += [
            queue.w_en.eq(delayed(m, test, self.latency, "tested", reset_less=False) & self.answer),
            queue.w_data.eq(delayed(m, step, self.latency, "sample")),
            self.chosen.payload.eq(queue.r_data),
            self.chosen.valid.eq(queue.r_rdy),
            queue.r_en.eq(self.chosen.ready),
        ]
        ended = delayed(m, at_end, self.latency + _QUEUE_LATENCY, "ended", reset_less=False)
        with m.If(ended):
            m.d.sync += emptying.eq(1)
        with m.Elif(self.done):
            m.d.sync += emptying.eq(0)
        m.d.comb += self.done.eq(emptying & (queue.level == 0))
        check(m, ~queue.w_en | queue.w_rdy, "a chosen sample found no place in the queue")
        return m
