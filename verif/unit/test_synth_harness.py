# SPDX-License-Identifier: Apache-2.0
"""scripts/synth/harness.py: registers at every port of a netlist."""

import pytest

from scripts.synth import harness


def netlist() -> dict:
    """Yosys's JSON of a module that inverts two bits, in the parts that count."""
    ports = {
        "clk": {"direction": "input", "bits": [2]},
        "rst": {"direction": "input", "bits": [3]},
        "a": {"direction": "input", "bits": [4, 5]},
        "y": {"direction": "output", "bits": [6, 7, 6, "0", 5]},
    }
    cells = {
        f"not_{i}": {"type": "LUT4", "connections": {"A": [4 + i], "Z": [6 + i]}} for i in range(2)
    }
    names = {name: {"bits": port["bits"]} for name, port in ports.items()}
    return {"modules": {"small": {"ports": ports, "cells": cells, "netnames": names}, "lib": {}}}


def test_the_harness_puts_every_port_between_registers():
    before = netlist()
    made = harness.between_registers(before, "small")
    assert before == netlist(), "the document given is not changed"
    assert list(made["modules"]) == ["small"]
    module = made["modules"]["small"]
    assert {name: len(port["bits"]) for name, port in module["ports"].items()} == {
        "clk": 1,
        "serial_in": 1,
        "serial_out": 1,
    }
    cells = module["cells"].values()
    flip_flops = [cell["connections"] for cell in cells if cell["type"] == "TRELLIS_FF"]
    assert all(connections["CLK"] == [2] for connections in flip_flops)
    source_of = {connections["Q"][0]: connections["DI"][0] for connections in flip_flops}
    mixed = {cell["connections"]["Z"][0]: cell for cell in cells if "B" in cell["connections"]}
    # one chain from pin to pin, through the exclusive ors, walked from its end
    (bit,) = module["ports"]["serial_out"]["bits"]
    chain, ends = [], []
    while bit != module["ports"]["serial_in"]["bits"][0]:
        chain.append(bit)
        bit = source_of[bit]
        if bit in mixed:
            ends.append(mixed[bit]["connections"]["A"][0])
            bit = mixed[bit]["connections"]["B"][0]
    assert [source_of[bit] for bit in ends] == [7, 6], "each bit of y, no input and no constant"
    begins = {bit: source for bit, source in source_of.items() if bit not in (*chain, *ends)}
    assert list(begins) == [3, 4, 5], "reset and both bits of a"
    assert list(begins.values()) == chain[: len(ends) - 1 : -1], "each from its place in the chain"
    drivers = [
        cell["connections"][port][0]
        for cell in cells
        for port in ("Q", "Z")
        if port in cell["connections"]
    ]
    assert len(drivers) == len(set(drivers)), "no bit has two drivers"


def test_the_harness_needs_a_clock():
    document = netlist()
    del document["modules"]["small"]["ports"]["clk"]
    with pytest.raises(harness.HarnessError, match="small has no clock"):
        harness.between_registers(document, "small")
