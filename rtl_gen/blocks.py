# SPDX-License-Identifier: Apache-2.0
"""The blocks that become Verilog: a name, and how to build the component for a configuration."""

from collections.abc import Callable

from amaranth.lib import wiring

from hw.arith.exp2 import Exp2
from hw.arith.log2 import Log2
from hw.arith.reciprocal import Reciprocal
from hw.config import Configuration
from hw.desne.affinity import Affinity
from hw.desne.affinity_lane import total_width
from hw.desne.calibrate import Calibrate
from hw.desne.distance import Distance
from hw.desne.embed import Embed
from hw.desne.reduce import Reduce
from rtl_gen.verilog import Block, generate, top_name

Factory = Callable[[Configuration], wiring.Component]

WEIGHT_FRACTION_BITS = 16

BLOCKS: dict[str, Factory] = {
    "exp2": lambda config: Exp2(),
    "log2": lambda config: Log2(total_width(config)),
    "reciprocal": lambda config: Reciprocal(total_width(config), WEIGHT_FRACTION_BITS),
    "reduce": Reduce,
    "distance": Distance,
    "calibrate": Calibrate,
    "affinity": Affinity,
    "embed": Embed,
}
"""log2 and reciprocal are as wide as `calibrate` uses them: x is a row's sum of weights."""


def generate_block(configuration: Configuration, name: str) -> Block:
    """The Verilog of one block of the registry."""
    return generate(BLOCKS[name](configuration), top_name(configuration, name))
