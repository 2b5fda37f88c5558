# SPDX-License-Identifier: Apache-2.0
"""One step of gradient descent with momentum, a sample a cycle."""

from amaranth.hdl import Module, Signal
from amaranth.lib import data, memory, wiring
from amaranth.lib.wiring import In, Out

from hw.arith.multiply_signed import MultiplySigned
from hw.arith.rounding import round_shift, saturate
from hw.config import Configuration
from hw.desne.map_widths import (
    EXAGGERATION_WIDTH,
    MOMENTUM_WIDTH,
    POSITION,
    RATE_WIDTH,
    RATIO_WIDTH,
    VELOCITY,
    VELOCITY_MAXIMUM,
    attraction_maximum,
    repulsion_maximum,
    signed_for,
    stored_shape,
    vector,
)
from hw.pipeline import delayed

__all__ = ["Descent"]

FORCE_LATENCY = 4
STEP_LATENCY = 3
"""Cycles given to the products with the forces and with their difference; narrower ones wait."""

INPUT_LATENCY = 4
"""Cycles from an index to its position and forces."""


class Descent(wiring.Component):
    """Moves points by their forces; keeps their velocities.

    Equation, per axis (docs/numerics.md, embed, step 5):

        towards  = round_shift(exaggeration * attraction, 17)
        away     = round_shift(ratio * repulsion, 31)
        moved    = 16 * momentum * velocity - rate * (towards - away)
        velocity = saturate(round_shift(moved, 8), -2048, 2047)
        result   = position + velocity

    Flow control: none; a sample is taken whenever `step` or `clear`. The velocity of a sample must
    not be asked for again before it was written.

    Latency: `latency` = 17 cycles from step to write. Throughput: one sample a cycle.

    Parameters
    ----------
    config: sizes; samples, features and neighbours are used.

    Members
    -------
    step: In(1), clear: In(1): move, or only zero the velocity of, sample index: In(range(N)).
    position: In(struct of x, y: signed(15)), attraction, repulsion: In(struct of x, y: signed), all
    of the index INPUT_LATENCY = 4 cycles ago.
    ratio: In(24). exaggeration: In(4). momentum: In(4). rate: In(8).
    write: Out(1), write_index: Out(range(N)), moved: Out(struct of x, y: stored_shape).
    """

    _away_latency = INPUT_LATENCY + FORCE_LATENCY + 1
    _velocity_latency = _away_latency + 1 + STEP_LATENCY + 3
    latency = _velocity_latency + 1

    def __init__(self, config: Configuration):
        self.config = config
        super().__init__(
            {
                "step": In(1),
                "clear": In(1),
                "index": In(config.index_width),
                "position": In(POSITION),
                "attraction": In(vector(signed_for(attraction_maximum(config)))),
                "repulsion": In(vector(signed_for(repulsion_maximum(config)))),
                "ratio": In(RATIO_WIDTH),
                "exaggeration": In(EXAGGERATION_WIDTH),
                "momentum": In(MOMENTUM_WIDTH),
                "rate": In(RATE_WIDTH),
                "write": Out(1),
                "write_index": Out(config.index_width),
                "moved": Out(vector(stored_shape(config))),
            }
        )

    def elaborate(self, platform):
        m = Module()
        config = self.config
        m.submodules.velocities = velocities = memory.Memory(
            shape=VELOCITY, depth=config.samples, init=[]
        )
        write, read = velocities.write_port(), velocities.read_port()
        m.d.comb += read.addr.eq(self.index)
        velocity = data.View(VELOCITY, delayed(m, read.data, 1, "velocity"))
        step = delayed(m, self.step, self._velocity_latency, "step", reset_less=False)
        clear = delayed(m, self.clear, self._velocity_latency, "clear", reset_less=False)
        index = delayed(m, self.index, self._velocity_latency, "index")
        following = Signal(VELOCITY, reset_less=True)
        m.d.comb += [
            write.en.eq(step | clear),
            write.addr.eq(index),
            self.write.eq(delayed(m, step, 1, "write", reset_less=False)),
            self.write_index.eq(delayed(m, index, 1, "write_index")),
        ]
        with m.If(~clear):
            m.d.comb += write.data.eq(following)

        def product(name, left, right, latency):
            """left * right, `latency` cycles later."""
            multiply = MultiplySigned(len(left), len(right))
            m.submodules[name] = multiply
            m.d.comb += [multiply.left.eq(left), multiply.right.eq(right)]
            return delayed(m, multiply.product, latency - multiply.latency, f"{name}_product")

        def registered(name, value):
            register = Signal(value.shape(), name=name, reset_less=True)
            m.d.sync += register.eq(value)
            return register

        for axis in ("x", "y"):
            attraction = product(
                f"attraction_{axis}", self.attraction[axis], self.exaggeration, FORCE_LATENCY
            )
            repulsion = product(
                f"repulsion_{axis}", self.repulsion[axis], self.ratio, FORCE_LATENCY
            )
            towards = registered(f"towards_{axis}", round_shift(attraction, 17))
            away = registered(f"away_{axis}", round_shift(repulsion, 31))
            difference = registered(f"difference_{axis}", towards - away)
            change = product(f"step_{axis}", difference, self.rate, STEP_LATENCY)
            # the momentum meets it where it is due
            carried = registered(f"carried_{axis}", velocity[axis] * self.momentum)
            waiting = self._velocity_latency - 3 - 3
            carried = delayed(m, carried, waiting, f"carried_{axis}")
            moved = registered(f"moved_{axis}", (carried << 4) - change)
            rounded = registered(f"rounded_{axis}", round_shift(moved, 8))
            m.d.sync += following[axis].eq(
                saturate(rounded, -VELOCITY_MAXIMUM - 1, VELOCITY_MAXIMUM)
            )
            position = delayed(
                m, self.position[axis], self._velocity_latency - INPUT_LATENCY, f"position_{axis}"
            )
            m.d.sync += self.moved[axis].eq(position + following[axis])
        return m
