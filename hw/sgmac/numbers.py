# SPDX-License-Identifier: Apache-2.0
"""What follows from the numbers of a sparse-gradient job, and whether it can be done."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from hw.config import Configuration
from hw.sgmac.array_job import array_job_layout
from hw.sgmac.job import LENGTH_WIDTH, STRIDE_WIDTH, choice_job_layout, memory_job_layout
from hw.sgmac.products import Products
from hw.sgmac.registers import ADDRESSES, GradientOperation, GradientRefusal

MOST_ROWS = 1 << 16
"""Of a job with update: golden.sgmac.update.ROW_LIMIT."""
MOST_WEIGHTS = (1 << 18) - 1
"""Of a channel that is ranked: golden.sgmac.importance.TERM_LIMIT."""

MODE = ("depthwise", "accumulate", "update", "bias")


def asked_layout() -> data.StructLayout:
    """A job as the registers hold it."""
    return data.StructLayout(
        {f"{name}_address": 64 for name in ADDRESSES}
        | {name: 16 for name in ("width", "height", "out_width", "out_height")}
        | {name: 32 for name in ("in_channels", "outputs", "selected", "pool", "place")}
        | {name: 8 for name in ("kernel", "stride", "padding", "padding_above")}
        | {"operation": GradientOperation}
        | {name: 1 for name in MODE}
    )


class Numbers(wiring.Component):
    """Derives what the blocks are told and finds the first reason to refuse a job.

    Equation, with w the bytes of a beat: x_beats = ceil(H W / w), error_beats = ceil(H' W' / w),
    taps = k^2, a row has C_out values (depthwise taps), rows and pieces of weights are whole beats;
    resident if K x_beats fit the ring and the job is not depthwise.
    Legal: 1 <= k <= kernel, s >= 1, both paddings < k; 1 <= H W <= plane, 1 <= H' W' <= plane, and
    H', W' as golden.sgmac.shape.Convolution allows; 1 <= C_in <= channels; 1 <= C_out <= 65535,
    C_out = C_in when depthwise, C_out <= channels with bias; 1 <= K <= C_in; K k^2 <= 65536 when
    updating; every address that the job uses a multiple of w.
    rank asks this of k, C_in and C_out alone, and less than 2^18 weights a channel, less than 2^32
    bytes in all; schedule of C_in and K, and K <= pool <= C_in, place < pool.

    Flow control: none. Latency: `latency` cycles from the rise of ``check``, until which everything
    is what it was before. Throughput: one job at a time.

    Method: one multiplier works off all products; none is in a hurry.

    Parameters
    ----------
    config: outputs, plane, kernel, channels and data_width are used.

    Members
    -------
    asked: In(asked_layout), still while ``check``. check: In(1). refusal: Out(GradientRefusal).
    memory: Out(memory_job_layout). array: Out(array_job_layout). choice: Out(choice_job_layout).
    """

    latency = 21

    def __init__(self, config: Configuration):
        self.config = config
        super().__init__(
            {
                "asked": In(asked_layout()),
                "check": In(1),
                "refusal": Out(GradientRefusal),
                "memory": Out(memory_job_layout(config)),
                "array": Out(array_job_layout(config)),
                "choice": Out(choice_job_layout(config)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        config, asked = self.config, self.asked
        memory, array, choice = self.memory, self.array, self.choice
        gradient = asked.operation == GradientOperation.GRADIENT
        ranks = asked.operation == GradientOperation.RANK
        schedules = asked.operation == GradientOperation.SCHEDULE
        beat_bits = exact_log2(config.beat_bytes)

        def register(value, name):
            """A stage; what changes here is constant long before it counts."""
            result = Signal(len(value), name=name, reset_less=True)
            m.d.sync += result.eq(value)
            return result

        def beats(size):
            return (size + (config.beat_bytes - 1))[beat_bits:]

        products = Products(16, STRIDE_WIDTH)
        square = products.add(asked.kernel, asked.kernel, "taps")
        taps = square[: len(memory.taps)]
        sizes = {
            "x": products.add(asked.width, asked.height, "x_size"),
            "error": products.add(asked.out_width, asked.out_height, "error_size"),
        }
        reached = {
            side: products.add(asked.stride, (asked[f"out_{side}"] - 1)[:16], f"{side}_reached")
            for side in ("width", "height")
        }
        padded_lines = products.add(asked.padding_above, asked.width, "padded_lines")
        line = products.add(asked.stride, asked.width, "line")
        x_beats, error_beats = (register(beats(size), f"{n}_beats") for n, size in sizes.items())
        selected = asked.selected[: len(array.selected)]
        room = products.add(selected, x_beats[: len(array.x_beats)], "room")
        rows = products.add(selected, taps, "rows")
        weights = products.add(asked.outputs[:16], taps, "weights")
        values = Mux(asked.depthwise, square, asked.outputs[:16])
        row_beats = register(beats(values), "row_beats")
        gradient_beats = register(beats(values << 2), "gradient_beats")
        filters = products.add(row_beats, taps, "filters")
        piece = register(Mux(asked.depthwise, row_beats, filters), "piece")
        products.pause(products.latency)
        layer = products.add(asked.in_channels[: len(memory.in_channels)], piece, "layer")
        products.build(m, self.check)
        assert len(products) + products.latency + 1 == self.latency
        resident = register((room <= 2 * config.plane_beats) & ~asked.depthwise, "resident")
        same = ("kernel", "stride", "padding", "padding_above", "depthwise", "height", "width")
        for name in same:
            m.d.comb += array[name].eq(asked[name])
        m.d.comb += [
            array.positions.eq(sizes["error"]),
            array.taps.eq(square),
            array.line.eq(line),
            array.first_offset.eq(-(padded_lines + asked.padding)),
            array.out_height.eq(asked.out_height),
            array.out_width.eq(asked.out_width),
            array.x_beats.eq(x_beats),
            array.error_beats.eq(error_beats),
            memory.x_stride.eq(x_beats << beat_bits),
            memory.error_bytes.eq(sizes["error"]),
            memory.error_stride.eq(error_beats << beat_bits),
            memory.gradient_row.eq(gradient_beats << beat_bits),
            memory.weights_row.eq(row_beats << beat_bits),
            memory.weights_piece.eq(piece << beat_bits),
            memory.in_channels.eq(asked.in_channels),
            memory.taps.eq(taps),
            memory.x_address.eq(asked.input_address),
            memory.gradient_address.eq(asked.result_address),
        ]
        for job in (array, memory):
            m.d.comb += [
                job.selected.eq(asked.selected),
                job.outputs.eq(asked.outputs),
                job.resident.eq(resident),
            ]
        for name in ("channels", "error", "weights", "scale", "bias"):
            m.d.comb += memory[f"{name}_address"].eq(asked[f"{name}_address"])
        for name in ("depthwise", "accumulate", "update", "bias"):
            m.d.comb += memory[name].eq(asked[name])
        for name in ("weights", "ranking", "channels"):
            m.d.comb += choice[f"{name}_address"].eq(asked[f"{name}_address"])
        for name in ("in_channels", "selected", "pool", "place"):
            m.d.comb += choice[name].eq(asked[name])
        m.d.comb += [
            choice.layer_bytes.eq(layer << beat_bits),
            choice.rows.eq(Mux(asked.depthwise, 1, taps)),
            choice.row_bytes.eq(values),
        ]

        # ---- the verdict
        most = config.channels

        def outside(value, low, high, name):
            return register((value < low) | (value > high), f"{name}_outside")

        def illegal_side(side):
            """Whether the last window lies outside of the map, or one more would lie inside."""
            last = reached[side]
            above = asked.padding if side == "width" else asked.padding_above
            padded = register(asked[side] + above, f"padded_{side}")
            window = register(asked.stride + asked.kernel, f"window_{side}")
            beyond = register(last + window, f"beyond_{side}")
            return (last >= padded) | (beyond <= padded)

        used = {
            "channels": ~ranks,
            "input": gradient,
            "error": gradient,
            "result": gradient & (~asked.update | asked.accumulate),
            "weights": Mux(gradient, asked.update, ranks),
            "scale": gradient & asked.update,
            "bias": gradient & asked.bias,
            "ranking": ~gradient,
        }
        reasons = {
            GradientRefusal.OPERATION: ~(gradient | ranks | schedules),
            GradientRefusal.KERNEL: (~schedules & outside(asked.kernel, 1, config.kernel, "kernel"))
            | (gradient & (asked.stride == 0))
            | (gradient & (asked.padding >= asked.kernel))
            | (gradient & (asked.padding_above >= asked.kernel)),
            GradientRefusal.INPUT_SIZE: gradient & outside(sizes["x"], 1, config.plane, "x"),
            GradientRefusal.ERROR_SIZE: gradient
            & (
                outside(sizes["error"], 1, config.plane, "error")
                | register(Cat(illegal_side(side) for side in reached).any(), "illegal_sides")
            ),
            GradientRefusal.IN_CHANNELS: outside(asked.in_channels, 1, most, "in_channels"),
            GradientRefusal.OUTPUTS: ~schedules
            & (
                outside(asked.outputs, 1, 0xFFFF, "outputs")
                | (asked.depthwise & register(asked.outputs != asked.in_channels, "unlike"))
                | (gradient & asked.bias & register(asked.outputs > most, "too_wide"))
            ),
            GradientRefusal.SELECTED: ~ranks
            & (
                outside(asked.selected, 1, most, "selected")
                | register(asked.selected > asked.in_channels, "too_many")
                | (gradient & asked.update & (rows > MOST_ROWS))
            ),
            GradientRefusal.LAYER: ranks
            & (
                (~asked.depthwise & (weights > MOST_WEIGHTS))
                | ((layer >> (LENGTH_WIDTH - beat_bits)) != 0)
            ),
            GradientRefusal.POOL: schedules
            & outside(asked.pool, asked.selected, asked.in_channels, "pool"),
            GradientRefusal.PLACE: schedules & register(asked.place >= asked.pool, "place_beyond"),
        } | {
            GradientRefusal[f"{name.upper()}_ADDRESS"]: used[name]
            & (asked[f"{name}_address"][:beat_bits] != 0)
            for name in ADDRESSES
        }
        found = {reason: register(value, reason.name.lower()) for reason, value in reasons.items()}
        first = Signal(GradientRefusal)
        for reason, value in reversed(found.items()):
            with m.If(value):
                m.d.comb += first.eq(reason)
        m.d.sync += self.refusal.eq(first)
        return m
