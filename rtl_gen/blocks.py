# SPDX-License-Identifier: Apache-2.0
"""The blocks that become Verilog: a name, and how to build the component for a configuration."""

from collections.abc import Callable

from amaranth.lib import wiring

from hw.config import Configuration

Factory = Callable[[Configuration], wiring.Component]

BLOCKS: dict[str, Factory] = {}
