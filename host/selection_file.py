# SPDX-License-Identifier: Apache-2.0
"""selection.json: the chosen indices with everything needed to use, check and repeat them."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from golden.desne import Parameters
from golden.desne.calibrate import Status
from golden.desne.reduce import ReduceTable
from host.datasets import Dataset
from host.errors import SelectionError
from host.files import as_json, read_json, write_whole

if TYPE_CHECKING:
    from host.selection import Options, Tile

FORMAT = "near-memory-sampling selection"
FORMAT_VERSION = 1
BYTES_PER_INDEX = 4


@dataclass(frozen=True)
class SelectionFile:
    """The chosen indices (ascending int64) and the whole document of a selection file."""

    indices: np.ndarray
    document: dict[str, Any]

    def write(self, path: Path) -> None:
        """Writes selection.json whole or not at all; the same selection gives the same bytes."""
        write_whole(path, as_json(self.document, one_line="indices"))


def about(dataset: Dataset) -> dict[str, Any]:
    """What a selection file says of its data."""
    return {
        "source": dataset.source,
        "name": dataset.name,
        "sha256": dataset.sha256,
        "shape": list(dataset.x_train.shape),
        "scale": asdict(dataset.scale),
    }


def make_document(
    dataset: Dataset,
    options: Options,
    parameters: Parameters,
    table: ReduceTable,
    tiles: list[Tile],
    tiles_total: int,
    members: dict[int, np.ndarray],
    indices: np.ndarray,
) -> dict[str, Any]:
    """Everything needed to use, check and repeat the selection; no time stamp, so bytes repeat."""
    status = np.concatenate([tile.result.status for tile in tiles])
    samples = sum(len(part) for part in members.values())
    sample_bytes = dataset.x_train[0].size
    labels = dataset.y_train[indices]
    return {
        "format": FORMAT,
        "version": FORMAT_VERSION,
        "data": about(dataset),
        "parameters": {
            "keep": options.keep,
            **{field.name: getattr(parameters, field.name) for field in fields(Parameters)},
            "perplexity_given": options.perplexity is not None,
            "rule_given": options.rule is not None,
            "spread_given": options.spread is not None,
            "features": options.features,
            "tile": options.tile,
            "tiles": options.tiles,
            "limit": options.limit,
            "backend": options.backend,
            "preset": options.preset,
        },
        "reduce": {
            "kind": table.kind,
            "features": int(table.features),
            "shift": int(table.shift),
            "offset": int(table.offset),
        },
        "tiles": {
            "used": len(tiles),
            "total": tiles_total,
            "smallest": min(len(tile.indices) for tile in tiles),
            "largest": max(len(tile.indices) for tile in tiles),
            "samples_embedded": sum(len(tile.indices) for tile in tiles),
        },
        "rows": {kind.name.lower(): int(np.sum(status == kind)) for kind in Status},
        "traffic": {
            "all_samples_bytes": samples * sample_bytes,
            "selection_bytes": len(indices) * (sample_bytes + BYTES_PER_INDEX),
        },
        "counts": {
            str(label): {"of": len(part), "chosen": int(np.sum(labels == label))}
            for label, part in members.items()
        },
        "tool": {name: version(name) for name in ("near-memory-sampling", "numpy", "numba")},
        "indices": indices.tolist(),
    }


def read_selection(path: Path, dataset: Dataset) -> SelectionFile:
    """The selection in `path`, checked to belong to `dataset`; SelectionError if it does not."""
    document = read_json(path, "the selection")
    if document.get("format") != FORMAT or document.get("version") != FORMAT_VERSION:
        raise SelectionError(
            f"{path} is not a selection of version {FORMAT_VERSION}: run nms select"
        )
    data = document.get("data")
    recorded = data.get("sha256") if isinstance(data, dict) else None
    if recorded != dataset.sha256:
        raise SelectionError(
            f"{path} was made from other data ({str(recorded)[:12]}...) than {dataset.source} "
            f"({dataset.sha256[:12]}...): select again from the data you train on"
        )
    listed = document.get("indices")
    # not as numpy would: it makes integers of fractions, truth values and digits in quotes
    if not isinstance(listed, list) or any(type(index) is not int for index in listed):
        raise SelectionError(f"{path} holds no list of indices: run nms select again")
    try:
        indices = np.array(listed, np.int64)
    except OverflowError:
        raise SelectionError(f"{path} holds indices of no sample: run nms select again") from None
    inside = indices.ndim == 1 and len(indices) and indices[0] >= 0
    if not inside or indices[-1] >= len(dataset.x_train) or np.any(np.diff(indices) <= 0):
        raise SelectionError(
            f"{path} must hold ascending indices from 0 to {len(dataset.x_train) - 1}: "
            f"run nms select again"
        )
    return SelectionFile(indices, document)
