# SPDX-License-Identifier: Apache-2.0
"""What software has to know of the hardware: its configurations and its registers, no Amaranth.

A driver takes every offset, width, name and number from here, so that hardware and driver cannot
tell different tables.
"""

from hw.bus.register_map import Register, RegisterMap
from hw.config import PRESETS, Configuration, load
from hw.registers import COUNTED, register_map
from hw.sgmac.registers import GradientOperation

__all__ = [
    "COUNTED",
    "PRESETS",
    "Configuration",
    "GradientOperation",
    "Register",
    "RegisterMap",
    "load",
    "register_map",
]
