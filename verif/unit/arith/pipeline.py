# SPDX-License-Identifier: Apache-2.0
"""Drives a fixed-latency unit, one input a cycle, in the Amaranth simulator."""

from collections.abc import Sequence

from amaranth.sim import Simulator


def run(unit, inputs: Sequence[int], input_name: str, output_names: Sequence[str]):
    """One list for each output: its value `unit.latency` cycles after each input.

    Inputs change in every cycle, so a result that came earlier or later would be another one's.
    """
    results = [[] for _ in output_names]

    async def testbench(ctx):
        for cycle in range(len(inputs) + unit.latency):
            if cycle >= unit.latency:
                for name, values in zip(output_names, results, strict=True):
                    values.append(ctx.get(getattr(unit, name)))
            ctx.set(getattr(unit, input_name), int(inputs[min(cycle, len(inputs) - 1)]))
            await ctx.tick()

    simulator = Simulator(unit)
    simulator.add_clock(1e-6)
    simulator.add_testbench(testbench)
    simulator.run()
    return results
