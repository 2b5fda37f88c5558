# SPDX-License-Identifier: Apache-2.0
"""DE-SNE: reduce, distance, calibrate, embed, sample, and the engine that calls them in order."""

from golden.desne.engine import Parameters, TileResult, run_tile

__all__ = ["Parameters", "TileResult", "run_tile"]
