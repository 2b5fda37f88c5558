# SPDX-License-Identifier: Apache-2.0
"""rows: rows of sums become rows of gradients, or of updated weights, in beats of memory."""

from amaranth.hdl import Module, Mux, Signal, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.fifo import SyncFIFOBuffered
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from hw.arith.lfsr import WIDTH
from hw.check import check
from hw.config import Configuration, width_for
from hw.pipeline import delayed
from hw.sgmac.array_job import rows_layout
from hw.sgmac.beat_pack import VALUE_WIDTH, BeatPack
from hw.sgmac.job import OUTPUTS_WIDTH
from hw.sgmac.row_walk import RowWalk
from hw.sgmac.update import COUNTER_WIDTH, MULTIPLIER_WIDTH, SHIFT_LIMIT, Update

__all__ = ["Rows"]

_GROUP = 8
"""Lanes of which one is chosen in a cycle."""
_ADDED = 3
"""Cycles until a value has its partial sum."""


class Rows(wiring.Component):
    """Takes rows from the array and gives what is written to memory, value by value.

    Equation, for each value of each row: total = sum + partial sum (0 unless ``accumulate``). Given
    is total, 32 bits, or with ``update`` the new weight, 8 bits, as hw/sgmac/update.py says. Values
    of a row are packed little-endian; a row starts at a new beat, and zeros fill its last one.

    Rows, with P = config.outputs: for each block of P outputs, each of ``selected`` channels, each
    of ``taps``, a row of min(P, outputs left) values. Depthwise: for each channel, each block of P
    taps, a row of min(P, taps left) values. The order of values is that of lanes.

    Partial sums (32 bits) and weights (8 bits) come packed as what is given, a row after the other.
    Scales (multiplier in bits 15..0, shift in bits 21..16 of 32) come P to a row, once a block of
    outputs; depthwise one a beat, in its lowest bits, once a channel.

    Flow control: streams. Queues take the partial sums and weights of a row, and the scales of two
    blocks, before the row is there; without ``accumulate`` and ``update`` nothing is taken of them.

    Latency: `setup` = 3 cycles from ``start`` to the first value at the earliest, `latency` cycles
    from the last value of a beat to the beat, `latency_updated` with ``update``. Throughput: a
    value a cycle, without a pause between rows.

    Parameters
    ----------
    config: outputs (P, at least the bytes of a beat), plane, kernel, channels and data_width are
        used.

    Members
    -------
    start: In(1), begins a job; the numbers of the job hold still from then until ``idle``.
    outputs: In(16), C_out, at least 1. taps: In(range(kernel^2 + 1)), k * k.
    selected: In(range(channels + 1)), K, at least 1.
    depthwise, accumulate, update, stochastic: In(1), of the job. seed: In(32), random state.
    rows: In(stream of rows_layout).
    partials, weights, scales: In(stream of data_width bits).
    beats: Out(stream of data_width bits).
    saturated: Out(32), weights that saturated in this job.
    idle: Out(1), no job, or all rows of the job were taken and all beats given.
    """

    setup = RowWalk.latency
    latency = _ADDED + BeatPack.latency
    latency_updated = latency + Update.latency

    def __init__(self, config: Configuration):
        if config.outputs < config.beat_bytes:
            raise ValueError(
                f"outputs is {config.outputs}: it must be at least {config.beat_bytes}, the bytes "
                "of a beat, so that parts of a row start at a beat"
            )
        self.config = config
        beats = stream.Signature(config.data_width)
        super().__init__(
            {
                "start": In(1),
                "outputs": In(OUTPUTS_WIDTH),
                "taps": In(width_for(config.kernel**2)),
                "selected": In(width_for(config.channels)),
                **{n: In(1) for n in ("depthwise", "accumulate", "update", "stochastic")},
                "seed": In(WIDTH),
                "rows": In(stream.Signature(rows_layout(config))),
                **{name: In(beats) for name in ("partials", "weights", "scales")},
                "beats": Out(beats),
                "saturated": Out(COUNTER_WIDTH),
                "idle": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        config = self.config
        lanes, size = config.outputs, config.beat_bytes
        words = config.data_width // VALUE_WIDTH
        values = self.rows.payload.sums
        m.submodules.walk = walk = RowWalk(config)
        m.submodules.update = update = Update(lanes)
        m.submodules.pack = pack = BeatPack(config.data_width, places=16)
        queues = {}
        for name, beats in (
            ("partials", lanes // words),
            ("weights", lanes // size),
            ("scales", 2 * lanes // words),
        ):
            # two more, so that rows of one beat each come without a pause
            m.submodules[name] = queue = SyncFIFOBuffered(width=config.data_width, depth=beats + 2)
            port = getattr(self, name)
            m.d.comb += [
                queue.w_data.eq(port.payload),
                queue.w_en.eq(port.valid),
                port.ready.eq(queue.w_rdy),
            ]
            queues[name] = queue
        partials, weights, scales = queues.values()

        # cycle 0: a value is issued when everything it needs is there
        issue, begins, ends, fresh = Signal(), Signal(), Signal(), Signal()
        accumulates, updates = Signal(), Signal()  # of the job, near at hand
        lane = walk.lane
        word, byte = lane[: (words - 1).bit_length()], lane[: (size - 1).bit_length()]
        m.d.comb += [
            walk.start.eq(self.start),
            *(
                getattr(walk, name).eq(getattr(self, name))
                for name in ("outputs", "taps", "selected", "depthwise")
            ),
            fresh.eq(updates & walk.fresh),
            ends.eq(walk.ends | Mux(updates, byte.all(), word.all())),
            issue.eq(
                walk.running
                & self.rows.valid
                & (~accumulates | partials.r_rdy)
                & (~updates | weights.r_rdy)
                & (~fresh | scales.r_rdy)
                & (~begins | pack.available)
            ),
            walk.step.eq(issue),
            pack.reserve.eq(issue & begins),
            self.rows.ready.eq(issue & walk.ends),
            partials.r_en.eq(issue & accumulates & (walk.ends | word.all())),
            weights.r_en.eq(issue & updates & (walk.ends | byte.all())),
            scales.r_en.eq(issue & fresh & (walk.ends | self.depthwise | word.all())),
        ]
        m.d.sync += [accumulates.eq(self.accumulate), updates.eq(self.update)]
        with m.If(self.start):
            m.d.sync += begins.eq(1)
        with m.Elif(issue):
            m.d.sync += begins.eq(ends)
        check(
            m,
            ~self.rows.ready | (self.rows.payload.last == walk.last),
            "the array ended the job at another row",
        )

        # cycle 1: a sum of each group of lanes; cycle 2: a sum
        groups = [range(low, min(low + _GROUP, lanes)) for low in range(0, lanes, _GROUP)]
        within = lane[: (len(groups[0]) - 1).bit_length()]
        chosen_1 = data.ArrayLayout(signed(config.sum_width), len(groups))
        sums_1 = Signal(chosen_1, reset_less=True)
        for number, group in enumerate(groups):
            own = [values[index] for index in group]
            m.d.sync += sums_1[number].eq(_choice(m, own, within, f"group_{number}"))
        group_1 = delayed(m, lane[len(within) :], 1, "group")
        sum_2 = Signal(signed(config.sum_width), reset_less=True)
        m.d.sync += sum_2.eq(_choice(m, [sums_1[n] for n in range(len(groups))], group_1, "sum"))

        # cycle 3: with the partial sum
        partial = Mux(accumulates, partials.r_data.word_select(word, VALUE_WIDTH), 0)
        partial_2 = delayed(m, partial.as_signed(), 2, "partial")
        total_3 = Signal(signed(VALUE_WIDTH), reset_less=True)
        m.d.sync += total_3.eq(sum_2 + partial_2)

        # scales of the outputs under way are kept; a fresh one is taken past the memory
        scale = data.StructLayout({"multiplier": MULTIPLIER_WIDTH, "shift": range(SHIFT_LIMIT + 1)})
        m.submodules.kept_scales = kept = Memory(shape=scale, depth=lanes, init=[])
        read, write = kept.read_port(domain="comb"), kept.write_port()
        place = Mux(self.depthwise, 0, lane)
        valid_1 = delayed(m, issue, 1, "valid", reset_less=False)
        fresh_1, place_1 = delayed(m, fresh, 1, "fresh"), delayed(m, place, 1, "place")
        index = Mux(self.depthwise, 0, word)
        new = scales.r_data.word_select(index, VALUE_WIDTH)[: scale.size]
        new_1 = delayed(m, new, 1, "new_scale")
        scale_2 = Signal(scale, reset_less=True)
        m.d.comb += [
            read.addr.eq(place_1),
            write.addr.eq(place_1),
            write.data.eq(new_1),
            write.en.eq(valid_1 & fresh_1),
        ]
        m.d.sync += scale_2.eq(Mux(fresh_1, new_1, read.data.as_value()))
        scale_3 = Signal(scale, reset_less=True)
        m.d.sync += scale_3.eq(scale_2)

        # cycle 3 on: the update, if there is one
        valid_3 = delayed(m, valid_1, 2, "issued", reset_less=False)
        ends_3 = delayed(m, ends, _ADDED, "ends")
        weight = weights.r_data.word_select(byte, 8).as_signed()
        operand = update.operand
        m.d.comb += [
            update.start.eq(self.start),
            update.seed.eq(self.seed),
            update.stochastic.eq(self.stochastic),
            update.valid.eq(valid_3 & self.update),
            operand.weight.eq(delayed(m, weight, _ADDED, "weight")),
            operand.gradient.eq(total_3),
            operand.multiplier.eq(scale_3.multiplier),
            operand.shift.eq(scale_3.shift),
            operand.fresh.eq(delayed(m, fresh_1, 2, "fresh_in")),
            operand.place.eq(delayed(m, place_1, 2, "place_in")),
            self.saturated.eq(update.saturated),
            pack.narrow.eq(self.update),
            pack.valid.eq(Mux(self.update, update.done, valid_3)),
            pack.value.eq(Mux(self.update, update.weight, total_3)),
            pack.completes.eq(
                Mux(self.update, delayed(m, ends_3, Update.latency, "updated_ends"), ends_3)
            ),
            self.idle.eq(~walk.busy & pack.empty),
        ]
        wiring.connect(m, pack.beats, wiring.flipped(self.beats))
        return m


def _choice(m: Module, values, index, name: str):
    """values[index]."""
    if len(values) == 1:
        return values[0]
    chosen = Signal(signed(len(values[0])), name=f"choice_{name}")
    with m.Switch(index):
        for number, value in enumerate(values):
            with m.Case(number):
                m.d.comb += chosen.eq(value)
    return chosen
