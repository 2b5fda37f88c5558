# SPDX-License-Identifier: Apache-2.0
"""Functional coverage: hits of the bins of verif/coverage/model.py, kept by cocotb-coverage.

Each process writes a file of its own; `merged` adds them up. What only developers have is imported
where it is needed, since users simulate, too.
"""

import os
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from verif.coverage import enabled, folder
from verif.coverage.model import LEAST, MINIMUM, POINTS, UNREACHABLE

ROOT = "accelerator"
_samplers: dict[str, Callable[[str], None]] = {}
_file: Path | None = None


def _key(name: str) -> str:
    """The point's name for cocotb-coverage, to which a dot is a level."""
    return f"{ROOT}.{name.replace('.', ': ')}"


def _build() -> None:
    from cocotb_coverage.coverage import CoverPoint

    for name, bins in POINTS.items():
        point = CoverPoint(_key(name), bins=list(bins), at_least=LEAST.get(name, MINIMUM))
        _samplers[name] = point(lambda value: None)


def sample(name: str, *values: object) -> None:
    """Note a hit of each of these bins of a point; KeyError for a point or bin that is not there.

    Does nothing unless functional coverage is collected.
    """
    if not enabled("functional"):
        return
    if not _samplers:
        _build()
    for value in values:
        text = str(value)
        if text not in POINTS[name]:
            raise KeyError(f"{name} has no bin {text!r}")
        _samplers[name](text)


def save() -> None:
    """Write what this process hit so far, in the place of what it wrote before."""
    global _file
    if not _samplers:
        return
    from cocotb_coverage.coverage import coverage_db

    if _file is None or f"-{os.getpid()}-" not in _file.name:
        folder("functional").mkdir(parents=True, exist_ok=True)
        _file = folder("functional") / f"hits-{os.getpid()}-{uuid.uuid4().hex[:8]}.yaml"
    written = _file.with_suffix(".part")
    coverage_db.export_to_yaml(filename=str(written))
    written.replace(_file)


@dataclass(frozen=True, kw_only=True)
class Bin:
    """One bin of the merged coverage. reason: why it needs no hit, or empty."""

    point: str
    name: str
    hits: int
    least: int
    reason: str

    @property
    def good(self) -> bool:
        return bool(self.reason) or self.hits >= self.least


def merged(paths: list[Path], target: Path) -> Iterator[Bin]:
    """The bins of the model with the hits of all files; `target` is written by cocotb-coverage."""
    counts: dict[str, dict[str, int]] = {}
    if paths:
        import yaml
        from cocotb_coverage.coverage import merge_coverage

        merge_coverage(lambda _: None, str(target), *map(str, paths))
        content = yaml.safe_load(target.read_text())
        counts = {name: entry.get("bins:_hits", {}) for name, entry in content.items()}
    for point, bins in POINTS.items():
        hits = counts.get(_key(point), {})
        for name in bins:
            yield Bin(
                point=point,
                name=name,
                hits=hits.get(name, 0),
                least=LEAST.get(point, MINIMUM),
                reason=UNREACHABLE.get((point, name), ""),
            )
