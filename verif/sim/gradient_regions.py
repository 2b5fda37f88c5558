# SPDX-License-Identifier: Apache-2.0
"""The memory a sparse-gradient job may touch, from what its registers hold."""

from collections.abc import Mapping

from golden.sgmac.layout import piece_stride
from hw.config import Configuration
from hw.sgmac.registers import ADDRESSES, PREFIX, GradientOperation

Region = tuple[int, int]
"""Address and bytes."""


def gradient_regions(
    registers: Mapping[str, Mapping[str, int]], config: Configuration
) -> tuple[list[Region], list[Region]]:
    """What may be read, and what may be written; sizes that no job can have count as the largest.

    registers: fields of every register by name, as last written.
    """

    def of(name: str) -> Mapping[str, int]:
        return registers[f"{PREFIX}{name}"]

    address = {
        name: of(f"{name}_address_high")["value"] << 32 | of(f"{name}_address_low")["value"]
        for name in ADDRESSES
    }
    beat, mode = config.beat_bytes, of("mode")
    in_channels = min(of("in_channels")["value"], config.channels)
    outputs = min(of("outputs")["value"], 0xFFFF)
    selected = min(of("selected")["value"], config.channels)
    taps = min(of("kernel")["size"], config.kernel) ** 2
    planes = [
        piece_stride(
            min(of(f"{name}_size")["height"] * of(f"{name}_size")["width"], config.plane), beat
        )
        for name in ("input", "error")
    ]
    if mode["depthwise"]:
        row, gradients, weights, biases = taps, selected, in_channels, selected
        scale = selected * beat
    else:
        row, gradients, weights, biases = outputs, selected * taps, in_channels * taps, outputs
        scale = 4 * outputs
    if mode["operation"] != GradientOperation.GRADIENT:
        ranking = address["ranking"], 4 * in_channels
        if mode["operation"] == GradientOperation.RANK:
            return [(address["weights"], weights * piece_stride(row, beat))], [ranking]
        pool = min(of("pool")["value"], in_channels)
        return [(address["ranking"], 4 * pool)], [(address["channels"], 4 * selected)]
    result = address["result"], gradients * piece_stride(4 * row, beat)
    layer = address["weights"], weights * piece_stride(row, beat)
    bias = address["bias"], 4 * biases
    reads = [
        (address["channels"], 4 * selected),
        (address["input"], in_channels * planes[0]),
        (address["error"], (in_channels if mode["depthwise"] else outputs) * planes[1]),
    ]
    if mode["accumulate"]:
        reads += [result, bias] if mode["bias"] else [result]
    if mode["update"]:
        reads += [layer, (address["scale"], scale)]
    writes = [layer if mode["update"] else result]
    return reads, [*writes, bias] if mode["bias"] else writes
