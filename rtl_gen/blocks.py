# SPDX-License-Identifier: Apache-2.0
"""The blocks that become Verilog: a name, and how to build the component for a configuration."""

from collections.abc import Callable

from amaranth.lib import wiring

from hw.arith.exp2 import Exp2
from hw.arith.log2 import Log2
from hw.arith.reciprocal import Reciprocal
from hw.bus.lite_slave import LiteSlave
from hw.bus.read_master import ReadMaster
from hw.bus.write_master import WriteMaster
from hw.config import Configuration
from hw.desne.affinity import Affinity
from hw.desne.affinity_lane import total_width
from hw.desne.calibrate import Calibrate
from hw.desne.distance import Distance
from hw.desne.embed import Embed
from hw.desne.reduce import Reduce
from hw.desne.sample import Sample
from hw.register_block import RegisterBlock
from hw.registers import ADDRESS_WIDTH
from hw.sgmac.array import GradientArray
from hw.sgmac.bias import Bias
from hw.sgmac.importance import Importance
from hw.sgmac.rows import Rows
from hw.sgmac.schedule import Schedule
from hw.sgmac.unit import SparseGradient
from hw.sgmac.update import Update
from hw.top import Top
from rtl_gen.verilog import Block, generate, top_name

Factory = Callable[[Configuration], wiring.Component]

WEIGHT_FRACTION_BITS = 16
MEMORY_ADDRESS_WIDTH = 64

BLOCKS: dict[str, Factory] = {
    "exp2": lambda config: Exp2(),
    "log2": lambda config: Log2(total_width(config)),
    "reciprocal": lambda config: Reciprocal(total_width(config), WEIGHT_FRACTION_BITS),
    "reduce": Reduce,
    "distance": Distance,
    "calibrate": Calibrate,
    "affinity": Affinity,
    "read_master": lambda config: ReadMaster(MEMORY_ADDRESS_WIDTH, config.data_width),
    "write_master": lambda config: WriteMaster(MEMORY_ADDRESS_WIDTH, config.data_width),
    "lite_slave": lambda config: LiteSlave(ADDRESS_WIDTH),
    "registers": RegisterBlock,
    "embed": Embed,
    "sample": Sample,
    "gradient_array": GradientArray,
    "gradient": SparseGradient,
    "rows": Rows,
    "update": lambda config: Update(config.outputs),
    "bias": Bias,
    "importance": Importance,
    "schedule": lambda config: Schedule(config.channels, config.data_width),
    "top": Top,
}
"""log2 and reciprocal are as wide as `calibrate` uses them: x is a row's sum of weights."""

SPARSE_GRADIENT = frozenset(
    {"gradient", "gradient_array", "rows", "update", "bias", "importance", "schedule"}
)
"""Blocks that only a configuration with the sparse-gradient unit has (outputs is not 0)."""


def names_for(configuration: Configuration) -> list[str]:
    """The blocks that a configuration has."""
    return [name for name in BLOCKS if configuration.outputs or name not in SPARSE_GRADIENT]


def generate_block(configuration: Configuration, name: str) -> Block:
    """The Verilog of one block of the registry."""
    return generate(BLOCKS[name](configuration), top_name(configuration, name))
