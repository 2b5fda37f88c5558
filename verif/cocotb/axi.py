# SPDX-License-Identifier: Apache-2.0
"""The bus partners of cocotbext-axi on generated Verilog.

Amaranth joins a port's path with two underscores, so the signals of a member `axi` are
axi__araddr, axi__arvalid ...: prefix "axi", separator "__". Of an interface with one half only
(Axi4Read, Axi4Write) the bus of that half is made.
"""

from typing import Any

from cocotbext.axi import AxiBus, AxiLiteBus, AxiReadBus, AxiWriteBus

SEPARATOR = "__"


def axi_read_bus(dut: Any, member: str = "axi") -> AxiReadBus:
    """AR and R of a port whose signature is Axi4Read or Axi4."""
    return AxiReadBus.from_prefix(dut, member, bus_separator=SEPARATOR)


def axi_write_bus(dut: Any, member: str = "axi") -> AxiWriteBus:
    """AW, W and B of a port whose signature is Axi4Write or Axi4."""
    return AxiWriteBus.from_prefix(dut, member, bus_separator=SEPARATOR)


def axi_bus(dut: Any, member: str = "axi") -> AxiBus:
    """All five channels of a port whose signature is Axi4."""
    return AxiBus.from_prefix(dut, member, bus_separator=SEPARATOR)


def axi_lite_bus(dut: Any, member: str = "axi") -> AxiLiteBus:
    """A port whose signature is Axi4Lite."""
    return AxiLiteBus.from_prefix(dut, member, bus_separator=SEPARATOR)
