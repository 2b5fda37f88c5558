# SPDX-License-Identifier: Apache-2.0
"""Fixed-point arithmetic of the datapath, as exact integer functions; `hw/arith` builds them."""

from golden.arith.exp2 import exp2, mantissa
from golden.arith.log2 import floor_log2, log2
from golden.arith.reciprocal import reciprocal
from golden.arith.rounding import divide_round, round_shift, saturate

__all__ = [
    "divide_round",
    "exp2",
    "floor_log2",
    "log2",
    "mantissa",
    "reciprocal",
    "round_shift",
    "saturate",
]
