# SPDX-License-Identifier: Apache-2.0
"""All lanes of the sparse-gradient array, how they are filled, and their sums as a row."""

from amaranth.hdl import Module, Mux, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from hw.check import check
from hw.config import Configuration
from hw.pipeline import delayed
from hw.sgmac.array_job import array_job_layout, tap_layout
from hw.sgmac.counting import passes, tally
from hw.sgmac.lane import Lane

__all__ = ["Lanes"]


class Lanes(wiring.Component):
    """P_o lanes with two halves each: one is read while the other is filled.

    Equation: that of Lane, for every lane; the products of a row are those from a position with
    `first` to the next with `last`.

    Filling: words go to lane after lane, error_beats each, until all lanes that the block has are
    full: P_o, or what is left of C_out. Depthwise, x_beats words go to all lanes at once, K times.
    The taps of the next row are set lane after lane, from lane 0 on; `set_taps` tells of the last.

    Flow control: a word may be written in every cycle with `space`; positions are taken in every
    cycle with `multiply`, from a half that is there. `follow` goes on to the other half.

    Latency: `latency` = 7 cycles from a row's last position to sums, which are there for a cycle at
    least, together with `summed`; a half is ready in the cycle after its last word, and free
    `release` = 4 cycles after follow, behind the reads under way. Throughput: a word and P_o
    products a cycle, no bubble between rows or halves.

    Parameters
    ----------
    config: outputs, plane, kernel, channels and data_width are used.

    Members
    -------
    begin: In(1). job: In(array_job_layout), still from the cycle before begin on.
    write: In(1), only while space. word: In(data_width). space: Out(1).
    ready: Out(1), a half is full. follow: In(1), only while ready, a cycle before the half's last
        position.
    set_tap: In(1), of the next lane. tap: In(tap_layout). restart_taps: In(1), the next is lane 0.
        last_tap: Out(1), the next lane is the last. take_taps: In(1), they count from the
        next cycle on (depthwise only).
    multiply: In(1). first, last: In(1), of a row. position: In(range(plane)). rows, columns:
        In(kernel). All of one position.
    shared: In(signed(8)), 5 cycles after its position.
    sums: Out(array of P_o signed(sum_width)). summed: Out(1).
    """

    latency = 1 + Lane.latency
    release = 4

    def __init__(self, config: Configuration):
        self.config = config
        super().__init__(
            {
                "begin": In(1),
                "job": In(array_job_layout(config)),
                "write": In(1),
                "word": In(config.data_width),
                "space": Out(1),
                "ready": Out(1),
                "follow": In(1),
                "set_tap": In(1),
                "tap": In(tap_layout(config)),
                "restart_taps": In(1),
                "last_tap": Out(1),
                "take_taps": In(1),
                "multiply": In(1),
                "first": In(1),
                "last": In(1),
                "position": In(range(config.plane)),
                "rows": In(config.kernel),
                "columns": In(config.kernel),
                "shared": In(signed(8)),
                "sums": Out(data.ArrayLayout(signed(config.sum_width), config.outputs)),
                "summed": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        config = self.config
        job = self.job
        depthwise = Signal()
        m.d.sync += depthwise.eq(job.depthwise)

        # ---- filling: word, lane, half
        select = Signal(config.outputs)  # one-hot
        write_half, loading = Signal(), Signal()
        address = Signal(range(config.plane_beats))
        beats = Mux(depthwise, job.x_beats, job.error_beats)
        last_word = passes(m, "word", beats, self.begin, self.write)
        plane_ends = self.write & last_word
        planes = Mux(depthwise, job.selected, job.outputs)
        last_plane = passes(m, "plane", planes, self.begin, plane_ends)
        half_ends = plane_ends & (depthwise | select[-1] | last_plane)
        _, waiting = tally(m, "waiting", 2, self.begin, half_ends, self.follow)
        left = delayed(m, self.follow, self.release - 1, "left", reset_less=False)
        taken, _ = tally(m, "taken", 2, self.begin, half_ends, left)
        m.d.comb += [self.space.eq(loading & ~taken[1]), self.ready.eq(waiting)]
        with m.If(self.begin):
            m.d.sync += [select.eq(1), write_half.eq(0), loading.eq(1), address.eq(0)]
        with m.Elif(self.write):
            m.d.sync += address.eq(Mux(last_word, 0, address + 1))
            with m.If(plane_ends):
                m.d.sync += select.eq(Mux(half_ends, 1, select.rotate_left(1)))
            with m.If(half_ends):
                m.d.sync += write_half.eq(~write_half)
            with m.If(plane_ends & last_plane):
                m.d.sync += loading.eq(0)
        check(m, ~self.write | self.space, "a word was written to a full half")

        # ---- reading
        half = Signal()
        followed = delayed(m, self.follow, 1, "followed", reset_less=False)
        with m.If(self.begin):
            m.d.sync += half.eq(0)
        with m.Elif(followed):
            m.d.sync += half.eq(~half)
        check(m, ~self.follow | self.ready, "a half was left that is not there")

        # ---- the lane whose tap is set
        slot = Signal(config.outputs)
        m.d.comb += self.last_tap.eq(slot[-1])
        with m.If(self.begin | self.restart_taps):
            m.d.sync += slot.eq(1)
        with m.Elif(self.set_tap):
            m.d.sync += slot.eq(slot.rotate_left(1))

        # ---- a row's sums
        multiply = delayed(m, self.multiply, 6, "multiply", reset_less=False)
        first = delayed(m, self.first, 6, "first")
        ends = self.multiply & self.last
        m.d.comb += self.summed.eq(delayed(m, ends, self.latency, "ends", reset_less=False))
        position = delayed(m, self.position, 1, "position")
        half_1 = delayed(m, half, 1, "half")
        rows = delayed(m, self.rows, 1, "rows")
        columns = delayed(m, self.columns, 1, "columns")
        for number in range(config.outputs):
            m.submodules[f"lane_{number}"] = lane = Lane(config)
            m.d.comb += [
                lane.write.eq(self.write & (select[number] | depthwise)),
                lane.write_half.eq(write_half),
                lane.write_address.eq(address),
                lane.word.eq(self.word),
                lane.set_tap.eq(self.set_tap & slot[number]),
                lane.tap.eq(self.tap),
                lane.take_tap.eq(self.take_taps),
                lane.use_tap.eq(depthwise),
                lane.position.eq(position),
                lane.half.eq(half_1),
                lane.rows.eq(rows),
                lane.columns.eq(columns),
                lane.shared.eq(self.shared),
                lane.multiply.eq(multiply),
                lane.first.eq(first),
                self.sums[number].eq(lane.total),
            ]
        return m
