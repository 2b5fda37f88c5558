# SPDX-License-Identifier: Apache-2.0
"""The exact k nearest samples of R rows at a time, by radix selection."""

from amaranth.hdl import Array, Cat, Module, Signal, signed, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from hw.config import Configuration, width_for
from hw.desne.distance import distances_layout
from hw.desne.row_select import RowSelect, control_word, digit_widths, kept_entry
from hw.pipeline import delayed

__all__ = ["NeighbourCut"]

PASS_DRAIN = 3
"""Cycles from the last address of a pass until its last distance has had its effect."""


class NeighbourCut(wiring.Component):
    """Keeps of each row the k nearest samples, the sample itself left out, in ascending order.

    Equation, for row i = b*R + r: the k smallest by (d[i][j], j) over j != i, each as (j, delta)
    with delta = d[i][j] - min over j != i of d[i][j].

    Flow control: ``distances`` is a stream of ceil(n / R) blocks of n beats. Rows are buffered
    twice, so a block arrives while the one before is worked on, and ``ready`` is low only when both
    buffers are taken. A block's lists are written once ``open`` is high; it must stay high until
    ``done``. Rows i >= n of the last block are worked on like the others; see ``present``.

    Method: the distance is cut into three digits. Per digit a histogram, the first one built while
    the block arrives, and a scan for the bin that holds the rank k; together they are the k-th
    smallest distance, and how many that equal it have a place. A last pass in index order keeps
    what is below, and equals while there are places. All R rows go in lockstep, and the time does
    not depend on the data.

    Latency, with a, b, c the widths of the digits (22 bits: 8, 7, 7): from ``start`` to ``ready``
    1 cycle, but not before 2^a + 1 cycles after reset, in which the histograms are cleared; from a
    block's last beat to its ``done`` 3*n + 2^a + 2^b + 2^c + 12 cycles. Throughput: a block in
    3*n + 2^a + 2^b + 2^c + 10 cycles.

    Parameters
    ----------
    config: samples N, rows R, neighbours K and the width of a distance are used.

    Members
    -------
    start: In(1), a pulse while idle; samples and neighbours then hold still until the final done.
    samples: In(range(N + 1)), n = 2..N.
    neighbours: In(range(K + 1)), k = 1..min(K, n - 1).
    distances: In(stream of distances_layout): R distances of range(F * 255^2 + 1), and last.
    open: In(1), the lists may be written.
    kept: Out(array of R kept_entry), write, position = 0..k-1 and delta of each row.
    index: Out(range(N)), the j that all of kept are about.
    done: Out(1), in the cycle of the last possible write of a block.
    equal: Out(R), with done: all k distances of the row are equal.
    present: Out(R), with done: the row is a sample, b*R + r < n.
    final: Out(1), with done: this is the last block of the job.
    """

    def __init__(self, config: Configuration):
        self.config = config
        super().__init__(
            {
                "start": In(1),
                "samples": In(config.count_width),
                "neighbours": In(config.neighbours_width),
                "distances": In(stream.Signature(distances_layout(config))),
                "open": In(1),
                "kept": Out(data.ArrayLayout(kept_entry(config), config.rows)),
                "index": Out(config.index_width),
                "done": Out(1),
                "equal": Out(config.rows),
                "present": Out(config.rows),
                "final": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        config = self.config
        rows = range(config.rows)
        widths = digit_widths(config.distance_width)
        row_shape = data.ArrayLayout(unsigned(config.distance_width), config.rows)
        base_shape = unsigned(width_for(config.samples + config.rows))
        relative_shape = signed(base_shape.width + 1)
        control = Signal(control_word(config))

        m.submodules.store = store = Memory(shape=row_shape, depth=2 << config.index_width, init=[])
        read, write = store.read_port(), store.write_port()
        occupied, full = Signal(2), Signal(2)  # of each buffer: being filled or full; full

        # ---- arrival, cycle 0: take a beat
        wanted, receiving, bank, accept = (Signal() for _ in range(4))
        address = Signal(config.index_width)
        base = Signal(base_shape)
        relative = Signal(relative_shape)  # index - base: row r meets itself at r
        beat = self.distances.payload
        next_base = (base + config.rows)[: base_shape.width]
        m.d.comb += [
            self.distances.ready.eq(receiving & ~occupied.bit_select(bank, 1)),
            accept.eq(self.distances.valid & self.distances.ready),
        ]
        with m.If(accept):
            m.d.sync += [address.eq(address + 1), relative.eq(relative + 1)]
            with m.If(beat.last):
                m.d.sync += [
                    occupied.bit_select(bank, 1).eq(1),
                    bank.eq(~bank),
                    address.eq(0),
                    base.eq(next_base),
                    relative.eq(-next_base),
                    receiving.eq(next_base < self.samples),
                ]
        # cycle 1: into the store, the minimum and the histogram
        arrived_last = Signal()
        arrived = Signal(row_shape, reset_less=True)
        arrived_self = Signal(config.rows)
        m.d.sync += [
            control.arrive.eq(accept),
            control.first.eq(address == 0),
            control.arrive_bank.eq(bank),
            arrived_last.eq(accept & beat.last),
            arrived.eq(beat.distance),
            arrived_self.eq(Cat(relative == r for r in rows)),
            write.addr.eq(Cat(address, bank)),
        ]
        m.d.comb += [write.data.eq(arrived), write.en.eq(control.arrive)]
        with m.If(arrived_last):
            m.d.sync += full.bit_select(control.arrive_bank, 1).eq(1)

        # ---- work, cycle 0: the sequencer gives a bin or an address
        work_bank = Signal()
        work_base = Signal(base_shape)
        work_relative = Signal(relative_shape)
        phase = Signal(2)
        step = Signal(max(config.index_width, widths[0]))
        drain = Signal(range(PASS_DRAIN))
        counting, selecting, at_end = Signal(), Signal(), Signal()
        last_sample = Signal(config.index_width)
        m.d.sync += last_sample.eq(self.samples - 1)
        m.d.comb += [
            read.addr.eq(Cat(step[: config.index_width], work_bank)),
            at_end.eq(step[: config.index_width] == last_sample),
            control.work_bank.eq(work_bank),
            control.phase.eq(phase),
            control.bin.eq(step),
        ]
        last_bin = Array((1 << width) - 1 for width in widths)[phase]
        with m.If(self.start):
            m.d.sync += [
                Cat(bank, work_bank, occupied, full).eq(0),
                Cat(address, base, work_base, relative).eq(0),
            ]
        with m.FSM():
            with m.State("CLEAR"):  # once after reset; from then on every scan clears behind it
                m.d.comb += control.clear.eq(1)
                m.d.sync += [step.eq(step + 1), wanted.eq(wanted | self.start)]
                with m.If(step == (1 << widths[0]) - 1):
                    m.next = "IDLE"
            with m.State("IDLE"):
                m.d.sync += [step.eq(0), phase.eq(0)]
                with m.If(self.start | wanted):
                    m.d.sync += [receiving.eq(1), wanted.eq(0)]
                with m.Elif(full.bit_select(work_bank, 1)):
                    m.d.comb += control.load.eq(1)
                    m.next = "SCAN"
            with m.State("SCAN"):
                m.d.comb += [control.scan.eq(1), control.arm.eq(step == 0)]
                m.d.sync += [step.eq(step + 1), work_relative.eq(-work_base)]
                with m.If(step == last_bin):
                    m.d.sync += [step.eq(0), phase.eq(phase + 1)]
                    with m.If(phase == 2):
                        m.next = "SELECT"
                    with m.Else():
                        m.next = "COUNT"
            with m.State("COUNT"):
                m.d.comb += counting.eq(1)
                with m.If(at_end):
                    m.next = "DRAIN"
            with m.State("SELECT"):
                m.d.comb += selecting.eq(self.open)
                with m.If(selecting & at_end):
                    m.d.sync += [
                        occupied.bit_select(work_bank, 1).eq(0),
                        full.bit_select(work_bank, 1).eq(0),
                    ]
                    m.next = "DRAIN"
            with m.State("DRAIN"):
                m.d.sync += [step.eq(0), drain.eq(drain + 1)]
                with m.If(drain == PASS_DRAIN - 1):
                    m.d.sync += drain.eq(0)
                    with m.If(phase == 3):
                        m.d.sync += [
                            work_bank.eq(~work_bank),
                            work_base.eq(work_base + config.rows),
                        ]
                        m.next = "IDLE"
                    with m.Else():
                        m.next = "SCAN"
        with m.If(counting | selecting):
            m.d.sync += [step.eq(step + 1), work_relative.eq(work_relative + 1)]

        # cycle 1: the memories answer; cycle 2: registers behind them; cycles 3 and 4: RowSelect
        own = delayed(m, Cat(work_relative == r for r in rows), 2, "self")
        stored = Signal(row_shape, reset_less=True)
        m.d.sync += [
            stored.eq(read.data),
            self.index.eq(delayed(m, step[: config.index_width], 3, "index")),
            self.done.eq(delayed(m, selecting & at_end, 3, "last", reset_less=False)),
            self.final.eq((work_base + config.rows) >= self.samples),
            self.present.eq(Cat(work_base + r < self.samples for r in rows)),
        ]
        m.d.comb += [
            control.count.eq(delayed(m, counting, 2, "count", reset_less=False)),
            control.select.eq(delayed(m, selecting, 2, "select", reset_less=False)),
            control.answer.eq(delayed(m, control.scan, 2, "answer", reset_less=False)),
            control.answer_bin.eq(delayed(m, control.bin, 2, "answer_bin")),
            control.answer_phase.eq(delayed(m, phase, 2, "answer_phase")),
        ]
        for r in rows:
            m.submodules[f"row_{r}"] = row = RowSelect(config)
            m.d.comb += [
                row.control.eq(control),
                row.rank.eq(self.neighbours),
                row.arrived.eq(arrived[r]),
                row.arrived_self.eq(arrived_self[r]),
                row.stored.eq(stored[r]),
                row.stored_self.eq(own[r]),
                self.kept[r].eq(row.kept),
                self.equal[r].eq(row.equal),
            ]
        return m
