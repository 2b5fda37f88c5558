# SPDX-License-Identifier: Apache-2.0
"""Is a job one that this hardware can do?"""

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.config import Configuration
from hw.desne.sample_control import Rule
from hw.registers import Refusal

CHECKED = (
    "samples",
    "sample_bytes",
    "features",
    "neighbours",
    "iterations",
    "rule",
    "drop",
    "spread",
    "budget",
)
MOST_ITERATIONS = 1023
MOST_DROP = 2
MOST_SPREAD = 256


class JobCheck(wiring.Component):
    """Finds the first reason to refuse a job, in the order of Refusal.

    Equation: NONE if 2 <= n <= N, 1 <= D <= dimensions, 1 <= F <= features, k from 1 to K and below
    n, iterations <= 1023, rule is one of Rule, drop <= 2, spread <= 256, 1 <= budget <= n, and both
    addresses are multiples of the bytes a beat.

    Flow control: none. Latency: `latency` = 2 cycles. Throughput: one job a cycle.

    Parameters
    ----------
    config: sizes; samples, dimensions, features, neighbours and data_width are used.

    Members
    -------
    the numbers of CHECKED: In(32) each, as the job registers hold them.
    sample_address, result_address: In(64).
    refusal: Out(Refusal).
    """

    latency = 2

    def __init__(self, config: Configuration):
        self.config = config
        super().__init__(
            {name: In(32) for name in CHECKED}
            | {"sample_address": In(64), "result_address": In(64), "refusal": Out(Refusal)}
        )

    def elaborate(self, platform):
        m = Module()
        config = self.config
        offset = (config.data_width // 8).bit_length() - 1

        def outside(value, low, high):
            return (value < low) | (value > high)

        reasons = {
            Refusal.SAMPLES: outside(self.samples, 2, config.samples),
            Refusal.SAMPLE_BYTES: outside(self.sample_bytes, 1, config.dimensions),
            Refusal.FEATURES: outside(self.features, 1, config.features),
            Refusal.NEIGHBOURS: outside(self.neighbours, 1, config.neighbours)
            | (self.neighbours >= self.samples),
            Refusal.ITERATIONS: self.iterations > MOST_ITERATIONS,
            Refusal.RULE: self.rule > max(Rule).value,
            Refusal.DROP: self.drop > MOST_DROP,
            Refusal.SPREAD: self.spread > MOST_SPREAD,
            Refusal.BUDGET: (self.budget == 0) | (self.budget > self.samples),
            Refusal.SAMPLE_ADDRESS: self.sample_address[:offset] != 0,
            Refusal.RESULT_ADDRESS: self.result_address[:offset] != 0,
        }
        found = {reason: Signal(name=reason.name.lower()) for reason in reasons}
        m.d.sync += [found[reason].eq(value) for reason, value in reasons.items()]
        first = Signal(Refusal)
        for reason, value in reversed(found.items()):
            with m.If(value):
                m.d.comb += first.eq(reason)
        m.d.sync += self.refusal.eq(first)
        return m
