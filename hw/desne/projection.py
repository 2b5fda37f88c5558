# SPDX-License-Identifier: Apache-2.0
"""Random sign projection of the samples as they stream past: the raw start of the map."""

from amaranth.hdl import Module, Mux, Signal, Value, signed
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hw.arith import lfsr
from hw.config import Configuration
from hw.desne.distance import beat_layout
from hw.desne.map_widths import projection_maximum, signed_for, vector
from hw.pipeline import delayed

__all__ = ["Projection"]


class Projection(wiring.Component):
    """Two sums of signed features of each sample, the signs from the shift register.

    Equation: sum of +-feature per axis; for feature f two register bits, x first, a one means minus
    (docs/numerics.md, embed, step 1). Each sample begins with the register as loaded.

    Flow control: `features` takes n * beats beats from the cycle after `start` on, never stalling.
    Samples are padded with zeros to whole beats.

    Latency: `latency` = 3 + log2(W) cycles from a sample's last beat to its `write`. Throughput:
    one beat a cycle.

    Parameters
    ----------
    config: sizes; samples, features and lanes are used.

    Members
    -------
    start: In(1), while idle. samples: In(bits of config.samples), n; beats: In(bits of
    config.beats), beats a sample; register: In(32); all three held until done.
    features: In(stream of array of lanes unsigned bytes).
    write: Out(1), index: Out(range(N)), sums: Out(struct of x, y: signed): of a finished sample.
    done: Out(1), with the last write.
    """

    def __init__(self, config: Configuration):
        self.config = config
        self.latency = 3 + config.lanes.bit_length() - 1
        super().__init__(
            {
                "start": In(1),
                "samples": In(config.count_width),
                "beats": In(config.beats_width),
                "register": In(lfsr.WIDTH),
                "features": In(stream.Signature(beat_layout(config))),
                "write": Out(1),
                "index": Out(config.index_width),
                "sums": Out(vector(signed_for(projection_maximum(config)))),
                "done": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        lanes = self.config.lanes
        state = Signal(lfsr.WIDTH, reset_less=True)
        loading, step, first, last = Signal(), Signal(), Signal(init=1), Signal()
        beat = Signal(self.config.beats_width)
        left = Signal(self.config.count_width)  # samples, with this one
        m.d.comb += [
            self.features.ready.eq(loading),
            step.eq(loading & self.features.valid),
            last.eq(beat == self.beats - 1),
        ]
        with m.If(self.start):
            m.d.sync += [
                loading.eq(1),
                first.eq(1),
                beat.eq(0),
                left.eq(self.samples),
                state.eq(self.register),
                self.index.eq(0),
            ]
        with m.Elif(step):
            m.d.sync += [
                first.eq(last),
                beat.eq(Mux(last, 0, beat + 1)),
                state.eq(Mux(last, self.register, lfsr.lfsr_advance(state, 2 * lanes))),
            ]
            with m.If(last):
                m.d.sync += [left.eq(left - 1), loading.eq(left != 1)]

        # cycle 0: operands; cycle 1: signed terms; then the tree, a level a cycle; then the sum
        features = Signal.like(self.features.payload, reset_less=True)
        minus = Signal(2 * lanes, reset_less=True)
        m.d.sync += [
            features.eq(self.features.payload),
            minus.eq(lfsr.lfsr_bits(state, 2 * lanes)),
        ]
        summing = self.latency - 1
        step_n, first_n, last_n, end_n = (
            delayed(m, bit, summing, name, reset_less=False)
            for bit, name in (
                (step, "step"),
                (first, "first"),
                (step & last, "last"),
                (step & last & (left == 1), "end"),
            )
        )
        for number, axis in enumerate(("x", "y")):
            terms: list[Value] = []
            for lane in range(lanes):
                term = Signal(signed(9), name=f"term_{axis}_{lane}", reset_less=True)
                feature = features[lane]
                m.d.sync += term.eq(Mux(minus[2 * lane + number], -feature, feature))
                terms.append(term)
            while len(terms) > 1:
                level = []
                for low, high in zip(terms[::2], terms[1::2], strict=True):
                    total = Signal((low + high).shape(), name=f"sum_{axis}", reset_less=True)
                    m.d.sync += total.eq(low + high)
                    level.append(total)
                terms = level
            with m.If(step_n):
                m.d.sync += self.sums[axis].eq(Mux(first_n, 0, self.sums[axis]) + terms[0])
        m.d.sync += [self.write.eq(last_n), self.done.eq(end_n)]
        with m.If(self.write):
            m.d.sync += self.index.eq(self.index + 1)
        return m
