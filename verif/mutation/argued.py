# SPDX-License-Identifier: Apache-2.0
"""Mutants of the hardware that no test can tell, and why: argued.yaml, found by reading."""

from pathlib import Path

import yaml

FILE = Path(__file__).with_name("argued.yaml")
KINDS = {
    "same": "no port of the accelerator ever shows it",
    "unpromised": "only what no document promises differs",
}


def argued(engine: str) -> dict[str, str]:
    """By mode, module, cell and port of the mutant: kind and reason. ValueError for a kind that
    is none, or a mutant that is named twice.

    Cells have the numbers that Amaranth and Yosys give, so a module that changes loses its entries.
    """
    found: dict[str, str] = {}
    for entry in yaml.safe_load(FILE.read_text(encoding="utf-8")):
        if entry["kind"] not in KINDS:
            raise ValueError(f"{FILE.name}: there is no kind {entry['kind']!r}")
        if entry["engine"] != engine:
            continue
        place = " ".join(entry[key] for key in ("mode", "module", "cell", "port"))
        if place in found:
            raise ValueError(f"{FILE.name}: {place} is there twice")
        found[place] = f"{KINDS[entry['kind']]}: {entry['reason'].strip()}"
    return found
