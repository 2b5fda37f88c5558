# SPDX-License-Identifier: Apache-2.0
"""Is the entropy of a row at or above the target? Without a division."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.arith.log2 import Log2
from hw.arith.multiply import Multiply, multiply_latency
from hw.config import Configuration, width_for
from hw.desne.affinity_lane import moment_width, total_width
from hw.pipeline import delayed

__all__ = ["EntropyTest", "target_width"]

LOG2_FRACTION_BITS = 16
UNIT = 16 << LOG2_FRACTION_BITS
"""log2 of a weight of one, which is 2^16."""


def target_width(config: Configuration) -> int:
    """Bits of h = log2 perplexity as U.16; the perplexity is at most K."""
    return LOG2_FRACTION_BITS + width_for(config.neighbours.bit_length() - 1)


class EntropyTest(wiring.Component):
    """Compares the entropy log2 S + T/S of a row with a target.

    Equation: reached = 256 * moment >= total * (target - (log2(total) - 16 * 2^16)).

    Flow control: none; sums are taken and an answer is given in every cycle.

    Latency: `latency` cycles. Throughput: one row a cycle.

    Parameters
    ----------
    config: neighbours K is used.

    Members
    -------
    total: In, S as U.16, 2^16..K * 2^16. moment: In, T as U.24. target: In, h as U.16, 0..log2 K,
    holds still.
    reached: Out(1). reached_total: Out, the total that `reached` is about.
    """

    def __init__(self, config: Configuration):
        self.config = config
        self.latency = self.latency_of(config)
        super().__init__(
            {
                "total": In(total_width(config)),
                "moment": In(moment_width(config)),
                "target": In(target_width(config)),
                "reached": Out(1),
                "reached_total": Out(total_width(config)),
            }
        )

    @staticmethod
    def latency_of(config: Configuration) -> int:
        """Logarithm, difference, product, comparison."""
        return Log2.latency + 1 + multiply_latency(total_width(config), target_width(config)) + 1

    def elaborate(self, platform):
        m = Module()
        m.submodules.log2 = log2 = Log2(len(self.total))
        m.submodules.multiply = multiply = Multiply(len(self.total), len(self.target))

        m.d.comb += log2.x.eq(self.total)
        # A deficit of 0 or less is reached whatever T is: a factor of 0 says so.
        threshold = Signal(len(log2.log2) + 1)
        deficit = Signal.like(self.target, reset_less=True)
        m.d.comb += threshold.eq(self.target + UNIT)
        m.d.sync += deficit.eq(
            Mux(log2.log2 < threshold, (threshold - log2.log2)[: len(deficit)], 0)
        )
        total = delayed(m, self.total, log2.latency + 1, "total")
        m.d.comb += [multiply.left.eq(total), multiply.right.eq(deficit)]
        total = delayed(m, total, multiply.latency + 1, "late_total")
        moment = delayed(m, self.moment, log2.latency + 1 + multiply.latency, "moment")
        m.d.sync += self.reached.eq((moment << 8) >= multiply.product)
        m.d.comb += self.reached_total.eq(total)
        return m
