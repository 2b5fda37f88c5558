# SPDX-License-Identifier: Apache-2.0
"""The generated hardware, run in Verilator on the samples of a selection and compared."""

from collections.abc import Callable
from typing import Any

from host.errors import UserError
from host.selection import Selection

KEYS = ("samples", "blocks", "rows", "values", "mismatches", "cycles")


def compare_hardware(
    selection: Selection, config: str, on_tile: Callable[[], None] = lambda: None
) -> dict[str, Any]:
    """Runs the affinity hardware (distance, calibrate) of `config` on every tile of `selection`.

    Returns the document that goes into hardware.json and the report: per tile and in total the
    samples, blocks of rows, rows, values compared, mismatches and clock cycles, and the first
    mismatch if any.
    """
    from verif.sim.compare import compare_affinity
    from verif.sim.toolchain import ToolchainError, find_verilator

    try:
        verilator = find_verilator()
    except ToolchainError as error:
        raise UserError(str(error)) from None
    perplexity = selection.document["parameters"]["perplexity"]
    tiles, first = [], None
    several = len({tile.label for tile in selection.tiles}) < len(selection.tiles)
    for number, tile in enumerate(selection.tiles):
        result = compare_affinity(tile.result.features, perplexity, config)
        figures = {
            "samples": len(tile.indices),
            **{key: int(getattr(result, key)) for key in KEYS[1:]},
        }
        name = f"class {tile.label}" + (f" tile {number}" if several else "")
        tiles.append({"name": name, **figures})
        if result.mismatches and first is None:
            first = f"{name}: {result.first_mismatch}"
        on_tile()
    return {
        "config": config,
        "tool": f"Verilator {verilator.version_text}",
        "tiles": tiles,
        "total": {key: sum(tile[key] for tile in tiles) for key in KEYS},
        "first_mismatch": first,
    }
