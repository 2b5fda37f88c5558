# SPDX-License-Identifier: Apache-2.0
"""The committed figures of a preset: scripts/synth/baseline/<preset>.json."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rtl_gen.verilog import write_whole
from scripts.synth.figures import CELLS, ReportError

FOLDER = Path(__file__).parent / "baseline"
FORMAT = 1
ENTRY = {"verilog_sha256", "tools", "cells", "comb", "target_mhz", "mhz", "worst_mhz"}


def path_of(preset: str, folder: Path = FOLDER) -> Path:
    """Where the figures of this preset are."""
    return folder / f"{preset}.json"


def read(path: Path) -> dict[str, dict[str, Any]]:
    """Its entries by block; {} if there is no such file.

    Raises ReportError, naming the file, if it is not a baseline.
    """
    if not path.is_file():
        return {}
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if document["format"] != FORMAT:
            raise ValueError(f"format {document['format']}, this program knows {FORMAT}")
        blocks = dict(document["blocks"])
        for name, entry in blocks.items():
            if set(entry) != ENTRY or set(entry["cells"]) != set(CELLS):
                raise ValueError(f"the entry of {name} lacks figures or has unknown ones")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ReportError(f"{path} is no baseline: {error}") from error
    return blocks


def write(path: Path, preset: str, device: str, blocks: Mapping[str, Mapping[str, Any]]) -> None:
    """The entries, with those of other blocks that were there before; the file is written whole."""
    document = {
        "format": FORMAT,
        "preset": preset,
        "device": device,
        "blocks": dict(sorted((read(path) | dict(blocks)).items())),
    }
    write_whole(path, json.dumps(document, indent=2) + "\n")
