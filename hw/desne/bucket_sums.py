# SPDX-License-Identifier: Apache-2.0
"""Sums of a sample's bytes by bucket, from B lanes that cannot meet."""

from amaranth.hdl import Cat, Module, Mux, ShapeLike, Signal, signed
from amaranth.lib import data, memory, wiring
from amaranth.lib.wiring import In, Out

from hw.config import Configuration, width_for

LUT_RAM_DEPTH = 16
"""Words of the smallest memory of common devices: fewer to a bank would leave it partly empty."""


def banks(config: Configuration) -> int:
    """Sums that are read in a cycle, a power of two: at most B, and no bank below 16 words."""
    useful = max(config.features // LUT_RAM_DEPTH, 1)
    return min(1 << (useful - 1).bit_length(), config.raw_lanes)


def signed_width(magnitude: int) -> int:
    """Bits of a signed number of at most this magnitude."""
    return width_for(magnitude) + 1


def lane_byte(config: Configuration) -> data.StructLayout:
    """A byte with its sign, and the bucket it is added to."""
    return data.StructLayout({"bucket": width_for(config.features - 1), "value": signed(9)})


class BucketSums(wiring.Component):
    """Adds B signed bytes a cycle into F buckets, whatever buckets they name.

    B = `raw_lanes` of the configuration.

    Equation: total[b] = sum of the values of a sample that name bucket b.

    Each lane has sums of its own, in a memory that is read, added to and written in one cycle: two
    bytes of a beat never meet, and a bucket that comes again in the next beat finds the new sum. A
    complete sample is read out `banks` buckets a cycle, each summed over the lanes by a balanced
    tree, and cleared behind the reading, while the next sample is summed in a second set.

    Flow control: ``add`` only while ``open``, which is low while both sets hold complete samples.
    ``advance`` stops the reading. Both depend on registers alone.

    Latency: `latency` cycles from ``reading`` to ``valid`` with the totals; a row can be read one
    cycle after ``end``. Throughput: one beat in and one row out a cycle.

    Parameters
    ----------
    config: dimensions, features, lanes and data_width are used.

    Members
    -------
    clear: In(1), all sums of row ``clear_row`` become 0, and the sets start over.
    clear_row: In, 0..features / banks - 1.
    open: Out(1), values can be taken.
    add: In(1), values are taken; only while open. end: In(1), with add: they are the sample's last.
    values: In(array of B lane_byte).
    last_row: In, rows to read less one.
    advance: In(1), a row may be read.
    reading: Out(1), a row is read in this cycle. last: Out(1), with reading: the sample's last.
    valid: Out(1). totals: Out(array of banks signed sums), buckets row * banks to
        row * banks + banks - 1.
    """

    def __init__(self, config: Configuration):
        self.config = config
        self.latency = 2 + config.raw_lanes.bit_length() - 1
        self.banks = banks(config)
        self.rows = config.features // self.banks
        row = width_for(self.rows - 1)
        self._total: ShapeLike = signed(signed_width(config.dimensions * 255))
        super().__init__(
            {
                "clear": In(1),
                "clear_row": In(row),
                "open": Out(1, init=1),
                "add": In(1),
                "end": In(1),
                "values": In(data.ArrayLayout(lane_byte(config), config.raw_lanes)),
                "last_row": In(row),
                "advance": In(1),
                "reading": Out(1),
                "last": Out(1),
                "valid": Out(1),
                "totals": Out(data.ArrayLayout(self._total, self.banks)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        lanes = range(self.config.raw_lanes)
        banks = range(self.banks)
        bank_bits = self.banks.bit_length() - 1
        lane_sum = signed(signed_width(self.config.sample_beats * 255))
        sums = data.ArrayLayout(lane_sum, self.banks)

        filling, emptying = Signal(), Signal()  # which set
        full = Signal(2)  # of each set: it holds a complete sample
        row = Signal.like(self.last_row)
        ended, left = self.add & self.end, self.reading & self.last
        # what the lanes see of the reading, from registers; a set is free once they have done it
        read_1, last_1, set_1 = (Signal(name=f"{name}_1") for name in ("read", "last", "set"))
        row_1 = Signal.like(row, reset_less=True)
        m.d.sync += [read_1.eq(self.reading), last_1.eq(left), set_1.eq(emptying), row_1.eq(row)]
        m.d.comb += [
            self.reading.eq(full.bit_select(emptying, 1) & self.advance),
            self.last.eq(row == self.last_row),
        ]
        with m.If(self.reading):
            m.d.sync += row.eq(Mux(self.last, 0, row + 1))
        with m.If(ended):
            m.d.sync += [full.bit_select(filling, 1).eq(1), filling.eq(~filling)]
        with m.If(left):
            m.d.sync += emptying.eq(~emptying)
        with m.If(last_1):
            m.d.sync += full.bit_select(set_1, 1).eq(0)
        # from a register, for it holds up all lanes: of the set filled from the next cycle on
        following = filling ^ ended
        still_full = full & ~Cat(last_1 & ~set_1, last_1 & set_1)
        m.d.sync += self.open.eq(~still_full.bit_select(following, 1))
        with m.If(self.clear):
            m.d.sync += self.open.eq(1)
            m.d.sync += [filling.eq(0), emptying.eq(0), full.eq(0), row.eq(0), read_1.eq(0)]

        # a cycle later: read, add and write, or read and clear
        level = [
            [Signal(lane_sum, name=f"sum_{lane}_{b}", reset_less=True) for b in banks]
            for lane in lanes
        ]
        for lane in lanes:
            named = self.values[lane]
            bank, target = named.bucket[:bank_bits], named.bucket[bank_bits:]
            rows = []
            for number in range(2):
                store = memory.Memory(shape=sums, depth=self.rows, init=[])
                m.submodules[f"lane_{lane}_set_{number}"] = store
                read, write = store.read_port(domain="comb"), store.write_port(granularity=1)
                empty = read_1 & (set_1 == number)
                erase = self.clear | empty
                m.d.comb += read.addr.eq(Mux(empty, row_1, target))
                # zeros are the sum of two zeros: nothing comes behind the adder
                old = Signal(lane_sum, name=f"old_{lane}_{number}")
                new = Signal(lane_sum, name=f"new_{lane}_{number}")
                m.d.comb += [
                    old.eq(Mux(erase, 0, read.data[bank])),
                    new.eq(old + Mux(erase, 0, named.value)),
                    write.addr.eq(Mux(self.clear, self.clear_row, read.addr)),
                    *(write.data[b].eq(new) for b in banks),
                ]
                with m.If(erase):
                    m.d.comb += write.en.eq(-1)
                with m.Elif(self.add & (filling == number)):
                    m.d.comb += write.en.eq(1 << bank)
                rows.append(read.data)
            for bucket in banks:
                m.d.sync += level[lane][bucket].eq(Mux(set_1, rows[1][bucket], rows[0][bucket]))

        # then a level of the tree each
        count = len(lanes)
        while count > 1:
            count //= 2
            widest = signed(signed_width(self.config.dimensions * 255 // count))
            above = [
                [Signal(widest, name=f"level_{count}_{i}_{b}", reset_less=True) for b in banks]
                for i in range(count)
            ]
            for i in range(count):
                for b in banks:
                    m.d.sync += above[i][b].eq(level[2 * i][b] + level[2 * i + 1][b])
            level = above
        valid = self.reading
        for cycle in range(self.latency):
            later = self.valid if cycle == self.latency - 1 else Signal(name=f"valid_{cycle}")
            m.d.sync += later.eq(valid)
            valid = later
        m.d.comb += [self.totals[b].eq(level[0][b]) for b in banks]
        return m
