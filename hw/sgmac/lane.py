# SPDX-License-Identifier: Apache-2.0
"""One lane of the sparse-gradient array: its plane, its tap, its multiplier and its sum."""

from amaranth.hdl import Cat, Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.config import Configuration
from hw.pipeline import delayed
from hw.sgmac.array_job import tap_layout
from hw.sgmac.plane_memory import PlaneMemory

__all__ = ["Lane"]


class Lane(wiring.Component):
    """Sums of products of its own bytes and those that all lanes share.

    Equation: total = sum over the positions of a row of own * shared, where own =
    half[position + offset] if the tap lies inside the map, else 0. Exact: `plane` products of two
    signed bytes fit sum_width bits.

    The tap is set beforehand (`set_tap`) and counts from `take_tap` on; without `use_tap` the
    offset is 0 and everything inside.

    Flow control: none. A row may follow the one before without a pause.

    Latency: 4 cycles from position to the own byte, which meets the shared byte of the same cycle;
    `latency` = 6 from a row's last position to its total, which then stays at least a cycle.
    Throughput: a product a cycle.

    Parameters
    ----------
    config: plane, kernel and data_width are used.

    Members
    -------
    write: In(1). write_half: In(1). write_address: In(range(plane_beats)). word: In(data_width).
    set_tap: In(1). tap: In(tap_layout). take_tap: In(1), from the next cycle on. use_tap: In(1).
    position: In(range(plane)). half: In(1), with it. rows, columns: In(kernel), with it: the taps
        that lie inside the map.
    shared: In(signed(8)). multiply: In(1), first: In(1): a cycle after shared, it counts and is a
        row's first.
    total: Out(signed(sum_width)).
    """

    latency = 1 + PlaneMemory.latency + 2

    def __init__(self, config: Configuration):
        self.config = config
        super().__init__(
            {
                "write": In(1),
                "write_half": In(1),
                "write_address": In(range(config.plane_beats)),
                "word": In(config.data_width),
                "set_tap": In(1),
                "tap": In(tap_layout(config)),
                "take_tap": In(1),
                "use_tap": In(1),
                "position": In(range(config.plane)),
                "half": In(1),
                "rows": In(config.kernel),
                "columns": In(config.kernel),
                "shared": In(signed(8)),
                "multiply": In(1),
                "first": In(1),
                "total": Out(signed(config.sum_width)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        config = self.config
        m.submodules.memory = store = PlaneMemory(config)
        m.d.comb += [
            store.write.eq(self.write),
            store.write_address.eq(Cat(self.write_address, self.write_half)),
            store.word.eq(self.word),
        ]
        following, tap = Signal(tap_layout(config)), Signal(tap_layout(config))
        with m.If(self.set_tap):
            m.d.sync += following.eq(self.tap)
        with m.If(self.take_tap):
            m.d.sync += tap.eq(following)
        # cycle 0: the address, and whether the tap lies inside
        place = Signal(range(config.plane), reset_less=True)
        half = delayed(m, self.half, 1, "half")
        inside = self.rows.bit_select(tap.u, 1) & self.columns.bit_select(tap.v, 1)
        m.d.sync += [
            place.eq(self.position + Mux(self.use_tap, tap.offset, 0)),
            store.inside.eq(inside | ~self.use_tap),
        ]
        m.d.comb += store.address.eq(Cat(place, half))
        # cycle 4: the product; cycle 5: the sum
        product = Signal(signed(16), reset_less=True)
        total = Signal(signed(config.sum_width), reset_less=True)
        m.d.sync += product.eq(store.byte * self.shared)
        with m.If(self.multiply):
            m.d.sync += total.eq(Mux(self.first, 0, total) + product)
        m.d.comb += self.total.eq(total)
        return m
