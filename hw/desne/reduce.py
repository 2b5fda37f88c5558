# SPDX-License-Identifier: Apache-2.0
"""reduce: D bytes of a sample become F bytes, each a signed sum over a bucket."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, signed, unsigned
from amaranth.lib import data, memory, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from hw.config import Configuration, width_for
from hw.desne.bucket_sums import BucketSums
from hw.stream import CreditQueue

SHIFT_WIDTH = 5


def table_entry(config: Configuration) -> data.StructLayout:
    """Where a byte of the sample goes; sign = 1 subtracts it."""
    return data.StructLayout({"bucket": width_for(config.features - 1), "sign": 1})


class Reduce(wiring.Component):
    """Sums the bytes of each sample into buckets, B bytes a cycle whatever the table.

    B = `raw_lanes` of the configuration: W, or the bytes of the memory port's beat if that is less.

    Equation (docs/numerics.md, reduce):

        total[b] = sum over the bucket of sign[d] * sample[d]
        feature[b] = saturate((total[b] >> shift) + offset, 0, 255)

    Flow control: the table is written entry by entry while idle, and stays from job to job. A job
    takes n times ``sample_beats`` beats of ``bytes`` and gives n times ``beats`` beats of
    ``features``, in order. A last beat that D does not fill ends with zero bytes, which add
    nothing. Features beyond F in the last beat are buckets that no byte goes to: they hold
    ``offset``, and their difference is zero between any two samples.

    Latency: `latency` cycles from the last beat of a sample until the first beat of its features is
    valid, when nothing before it is in the way; the first beat of ``bytes`` is taken `clearing`
    cycles after ``start``. Throughput: a beat of features takes `rows` = W / banks cycles, where
    banks is F / 16 within 1..B; a sample max(sample_beats, rows * beats), and every other sample a
    cycle more when the two are equal.

    Parameters
    ----------
    config: dimensions, features, lanes, data_width and samples are used.

    Members
    -------
    start: In(1), a pulse while idle: begins a job and latches the settings.
    busy: Out(1), from start until the last beat of features is taken.
    samples: In(range(N + 1)), n = 1..N.
    sample_beats: In(range(dimensions / B + 1)), beats of a raw sample, at least 1.
    beats: In(range(features / W + 1)), beats of a reduced sample, at least 1.
    shift: In(5), 0..31. offset: In(8).
    entry_written: In(1), entry goes into the table; only while idle.
    entry_position: In(range(dimensions)), the byte of the sample. entry: In(table_entry).
    bytes: In(stream of array of B unsigned bytes).
    features: Out(stream of array of W unsigned bytes).
    """

    def __init__(self, config: Configuration):
        self.config = config
        raw = data.ArrayLayout(unsigned(8), config.raw_lanes)
        beat = data.ArrayLayout(unsigned(8), config.lanes)
        self._sums = BucketSums(config)
        self._places = self._sums.latency + 3 + CreditQueue.round_trip
        self.rows = config.lanes // self._sums.banks
        self.latency = self._sums.latency + self.rows + 5 + CreditQueue.latency
        self.clearing = self._sums.rows + 1
        super().__init__(
            {
                "start": In(1),
                "busy": Out(1),
                "samples": In(config.count_width),
                "sample_beats": In(config.sample_beats_width),
                "beats": In(config.beats_width),
                "shift": In(SHIFT_WIDTH),
                "offset": In(8),
                "entry_written": In(1),
                "entry_position": In(width_for(config.dimensions - 1)),
                "entry": In(table_entry(config)),
                "bytes": In(stream.Signature(raw)),
                "features": Out(stream.Signature(beat)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        config = self.config
        lanes = range(config.raw_lanes)
        lane_bits = exact_log2(config.raw_lanes)
        m.submodules.sums = sums = self._sums
        m.submodules.queue = queue = CreditQueue(self.features.payload.shape(), self._places)
        m.submodules.table = table = memory.Memory(
            shape=data.ArrayLayout(table_entry(config), config.raw_lanes),
            depth=config.sample_beats,
            init=[],
        )
        load, entry = table.write_port(granularity=1), table.read_port()
        wiring.connect(m, queue.output, wiring.flipped(self.features))

        to_receive, to_read = Signal(config.count_width), Signal(config.count_width)
        last_beat = Signal(config.sample_beats_width)
        shift, offset = Signal(SHIFT_WIDTH), Signal(8)
        position = Signal(range(config.sample_beats))
        receiving, taken, at_end = Signal(), Signal(), Signal()
        add, end, advance = Signal(), Signal(), Signal()
        m.d.comb += [
            at_end.eq(position == last_beat),
            advance.eq(~add | sums.open),
            self.bytes.ready.eq(receiving & advance),
            taken.eq(self.bytes.valid & self.bytes.ready),
            load.addr.eq(self.entry_position >> lane_bits),
            load.en.eq(self.entry_written << self.entry_position[:lane_bits]),
            *(load.data[lane].eq(self.entry) for lane in lanes),
            entry.addr.eq(position),
            entry.en.eq(advance),
        ]
        with m.If(taken):
            m.d.sync += position.eq(Mux(at_end, 0, position + 1))
        with m.If(taken & at_end):
            m.d.sync += to_receive.eq(to_receive - 1)
        with m.If(sums.reading & sums.last):
            m.d.sync += to_read.eq(to_read - 1)

        # cycle 0: a beat is taken, the table asked. Cycle 1: the sign
        taken_1, end_1 = Signal(), Signal()
        values_1 = Signal(self.bytes.payload.shape(), reset_less=True)
        values_2 = Signal(sums.values.shape(), reset_less=True)
        m.d.comb += sums.values.eq(values_2)
        with m.If(advance):
            m.d.sync += [
                Cat(taken_1, end_1).eq(Cat(taken, taken & at_end)),
                values_1.eq(self.bytes.payload),
                Cat(add, end).eq(Cat(taken_1, end_1)),
            ]
            for lane in lanes:
                entry_1, value_2 = entry.data[lane], values_2[lane]
                m.d.sync += [
                    value_2.bucket.eq(entry_1.bucket),
                    value_2.value.eq(Mux(entry_1.sign, -values_1[lane], values_1[lane])),
                ]
        # cycle 2: the sums, which tell when a row of them is read
        m.d.comb += [
            sums.add.eq(add & sums.open),
            sums.end.eq(end),
            sums.advance.eq(queue.available),
            queue.reserve.eq(sums.reading & self._every(m, sums.reading, "read")),
        ]
        # behind the totals: shift, offset, saturate, and together they make a beat
        valid = Signal(2)
        complete = self._every(m, valid[1], "complete")
        m.d.sync += [
            valid.eq(Cat(sums.valid, valid[0])),
            queue.write.eq(valid[1] & complete),
        ]
        features = []
        for bank in range(sums.banks):
            total = sums.totals[bank]
            shifted = Signal(signed(len(total)), name=f"shifted_{bank}", reset_less=True)
            moved = Signal(signed(len(total) + 1), name=f"moved_{bank}", reset_less=True)
            m.d.sync += [shifted.eq(total >> shift), moved.eq(shifted + offset)]
            features.append(Mux(moved < 0, 0, Mux(moved > 255, 255, moved))[:8])
        beat = Signal(8 * config.lanes, reset_less=True)
        with m.If(valid[1]):
            m.d.sync += beat.eq(Cat(beat, *features)[8 * sums.banks :])
        m.d.comb += queue.result.eq(beat)

        m.d.comb += self.busy.eq(1)
        with m.FSM():
            with m.State("IDLE"):
                m.d.comb += self.busy.eq(0)
                with m.If(self.start):
                    m.d.sync += [
                        to_receive.eq(self.samples),
                        to_read.eq(self.samples),
                        last_beat.eq(self.sample_beats - 1),
                        sums.last_row.eq(self.beats * self.rows - 1),
                        shift.eq(self.shift),
                        offset.eq(self.offset),
                        Cat(position, sums.clear_row).eq(0),
                    ]
                    m.next = "CLEAR"
            with m.State("CLEAR"):
                m.d.comb += sums.clear.eq(1)
                m.d.sync += sums.clear_row.eq(sums.clear_row + 1)
                with m.If(sums.clear_row == sums.rows - 1):
                    m.next = "SUM"
            with m.State("SUM"):
                m.d.comb += receiving.eq(to_receive != 0)
                with m.If((to_read == 0) & queue.empty):
                    m.next = "IDLE"
        return m

    def _every(self, m: Module, step: Signal, name: str) -> Value:
        """High in the last of each `rows` steps."""
        if self.rows == 1:
            return Const(1)
        count = Signal(range(self.rows), name=f"{name}_row")
        with m.If(step):
            m.d.sync += count.eq(count + 1)
        return count == self.rows - 1
