# SPDX-License-Identifier: Apache-2.0
"""The start of the map brought to a mean magnitude of 1/4."""

from amaranth.hdl import Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.arith.multiply_signed import MultiplySigned
from hw.arith.rounding import round_shift, saturate
from hw.config import Configuration, width_for
from hw.desne.map_widths import (
    POSITION,
    POSITION_MAXIMUM,
    RATIO_WIDTH,
    centred_shape,
    magnitude_maximum,
    vector,
)
from hw.pipeline import delayed

__all__ = ["Rescale"]

PRODUCT_LATENCY = 3
SCALE_FRACTION_BITS = 16


class Rescale(wiring.Component):
    """Sums the magnitudes of centred projections, and scales them.

    Equation: magnitude = sum of |x| + |y| over what came while `measure` was high, since `clear`;
    scaled = saturate(round_shift(centred * scale, 16), -2^14, 2^14 - 1) per axis
    (docs/numerics.md, embed, step 1).

    Flow control: none; a pair is taken and one is given in every cycle.

    Latency: 3 cycles from `measure` to the sum; `latency` = 5 from centred to scaled.
    Throughput: one a cycle.

    Parameters
    ----------
    config: sizes; samples and features are used.

    Members
    -------
    clear: In(1). measure: In(1), centred counts.
    centred: In(struct of x, y: centred_shape).
    magnitude: Out(range(magnitude_maximum + 1)).
    scale: In(24). scaled: Out(struct of x, y: signed(15)).
    """

    magnitude_latency = 3
    latency = PRODUCT_LATENCY + 2

    def __init__(self, config: Configuration):
        self.config = config
        super().__init__(
            {
                "clear": In(1),
                "measure": In(1),
                "centred": In(vector(centred_shape(config))),
                "magnitude": Out(width_for(magnitude_maximum(config))),
                "scale": In(RATIO_WIDTH),
                "scaled": Out(POSITION),
            }
        )

    def elaborate(self, platform):
        m = Module()
        width = centred_shape(self.config).width
        sizes = []
        for axis in ("x", "y"):
            centred = self.centred[axis]
            size = Signal(width, name=f"size_{axis}", reset_less=True)
            m.d.sync += size.eq(Mux(centred < 0, -centred, centred))
            sizes.append(size)

            multiply = MultiplySigned(width, RATIO_WIDTH)
            m.submodules[f"multiply_{axis}"] = multiply
            m.d.comb += [multiply.left.eq(centred), multiply.right.eq(self.scale)]
            product = delayed(
                m, multiply.product, PRODUCT_LATENCY - multiply.latency, f"product_{axis}"
            )
            rounded = Signal(
                signed(width + RATIO_WIDTH - SCALE_FRACTION_BITS + 1),
                name=f"rounded_{axis}",
                reset_less=True,
            )
            m.d.sync += [
                rounded.eq(round_shift(product, SCALE_FRACTION_BITS)),
                self.scaled[axis].eq(saturate(rounded, -POSITION_MAXIMUM - 1, POSITION_MAXIMUM)),
            ]
        both = Signal(width + 1, reset_less=True)
        m.d.sync += both.eq(sizes[0] + sizes[1])
        measured = delayed(m, self.measure, 2, "measure", reset_less=False)
        with m.If(self.clear):
            m.d.sync += self.magnitude.eq(0)
        with m.Elif(measured):
            m.d.sync += self.magnitude.eq(self.magnitude + both)
        return m
