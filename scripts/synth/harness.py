# SPDX-License-Identifier: Apache-2.0
"""A block's netlist with registers at its ports: a device has fewer pins than a block has ports."""

from typing import Any

CLOCK = "clk"
FLIP_FLOP = {
    "GSR": "DISABLED",
    "CEMUX": "1 ",  # the blank makes it a string; without one it is a number to nextpnr
    "CLKMUX": "CLK",
    "LSRMUX": "LSR",
    "SRMODE": "LSR_OVER_CE",
    "REGSET": "RESET",
}
EXCLUSIVE_OR = {"INIT": "0110011001100110"}
"""A ^ B, whatever C and D."""


class HarnessError(ValueError):
    """The netlist cannot be put between registers; the message says why."""


def between_registers(document: dict[str, Any], top: str) -> dict[str, Any]:
    """Yosys's netlist of module `top`, all ports but the clock on chains of flip-flops.

    The inputs come from a shift register; the outputs go through exclusive ors into another. So
    every path begins and ends at a flip-flop, the clock is a pin on the global network, and two
    more pins suffice. Between the shift registers and the ports is another flip-flop: it lies where
    the block wants it, not where the shift register goes by. The result shares what it does not
    change with the document.

    Raises
    ------
    HarnessError: there is no port clk of one bit, or a name or bit is taken.
    """
    module = document["modules"][top]
    ports, cells, names = module["ports"], dict(module["cells"]), dict(module["netnames"])
    if len(ports.get(CLOCK, {}).get("bits", ())) != 1:
        raise HarnessError(f"{top} has no clock {CLOCK}")
    (clock,) = ports[CLOCK]["bits"]
    free = 1 + max(
        bit
        for bits in (
            *(net["bits"] for net in names.values()),
            *(bits for cell in cells.values() for bits in cell["connections"].values()),
        )
        for bit in bits
        if isinstance(bit, int)
    )

    def add(
        name: str, kind: str, parameters: dict[str, str], inputs: dict, output: str, bit
    ) -> None:
        if name in cells:
            raise HarnessError(f"{top} has a cell {name}")
        directions = {port: "input" for port in inputs} | {output: "output"}
        cells[name] = {
            "hide_name": 0,
            "type": kind,
            "parameters": parameters,
            "attributes": {},
            "port_directions": directions,
            "connections": {port: [net] for port, net in inputs.items()} | {output: [bit]},
        }

    def flip_flop(name: str, data: Any, bit: int) -> None:
        add(name, "TRELLIS_FF", FLIP_FLOP, {"CLK": clock, "DI": data}, "Q", bit)

    inward = [
        bit
        for name, port in ports.items()
        if port["direction"] == "input" and name != CLOCK
        for bit in port["bits"]
    ]
    outward = sorted(
        {
            bit
            for port in ports.values()
            if port["direction"] == "output"
            for bit in port["bits"]
            if isinstance(bit, int)
        }
        - set(inward)
    )
    serial_in, free = free, free + 1
    bit = serial_in
    for number, target in enumerate(inward):
        shifted, free = free, free + 1
        flip_flop(f"harness_shift_{number}", bit, shifted)
        flip_flop(f"harness_in_{number}", shifted, target)
        bit = shifted
    for number, source in enumerate(outward):
        left, mixed, registered, free = free, free + 1, free + 2, free + 3
        flip_flop(f"harness_out_{number}", source, left)
        inputs = {"A": left, "B": bit, "C": "0", "D": "0"}
        add(f"harness_mix_{number}", "LUT4", EXCLUSIVE_OR, inputs, "Z", mixed)
        flip_flop(f"harness_shift_out_{number}", mixed, registered)
        bit = registered
    pins = {
        CLOCK: {"direction": "input", "bits": [clock]},
        "serial_in": {"direction": "input", "bits": [serial_in]},
        "serial_out": {"direction": "output", "bits": [bit]},
    }
    for number in range(serial_in, free):
        names[f"harness_net_{number}"] = {"hide_name": 0, "bits": [number], "attributes": {}}
    for name in (*pins, *ports):
        names.pop(name, None)
    for name, pin in pins.items():
        names[name] = {"hide_name": 0, "bits": pin["bits"], "attributes": {}}
    harnessed = {**module, "ports": pins, "cells": cells, "netnames": names}
    return {**document, "modules": {top: harnessed}}
