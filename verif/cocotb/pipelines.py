# SPDX-License-Identifier: Apache-2.0
"""Drives a generated unit without flow control: one input a cycle, results `latency` later."""

from collections.abc import Sequence

from cocotb.triggers import RisingEdge

from verif.cocotb.bench import Bench


async def feed(
    bench: Bench, input_name: str, inputs: Sequence[int], outputs: Sequence[str], latency: int
) -> list[list[int]]:
    """For each output its value `latency` cycles after each input."""
    source, sinks = bench.dut[input_name], [bench.dut[name] for name in outputs]
    results: list[list[int]] = [[] for _ in outputs]
    edge = RisingEdge(bench.clock.handle)
    for cycle in range(len(inputs) + latency + 1):
        if cycle > latency:  # an input written at one edge is taken at the next
            for sink, values in zip(sinks, results, strict=True):
                values.append(int(sink.value))
        if cycle < len(inputs):
            source.value = int(inputs[cycle])
        await edge
    return results
