# SPDX-License-Identifier: Apache-2.0
"""The same tiles through the golden model and the hardware, value by value."""

from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from rich.table import Table

from golden.desne import TileResult, run_tile
from host.backends import DEFAULT_PRESET, RtlBackend
from host.console import console
from host.datasets import Dataset
from host.errors import SelectionError
from host.files import HARDWARE_FORMAT
from host.selection import Options, Plan, Tile, make_plan, run_tiles
from rtl_gen.interface import COUNTED

PHASES = {
    "neighbours": "calibrate",
    "weights": "calibrate",
    "status": "calibrate",
    "code": "calibrate",
    "coordinates": "embed",
    "chosen": "sample",
}
"""What is compared, in the order in which the hardware finds it, and the phase that does."""


@dataclass(frozen=True, kw_only=True)
class TileComparison:
    """One tile.

    name: what to call it. samples: in it. values, wrong: numbers compared and differing, by the
    names of PHASES. first: a sentence on the first difference, or "". counters: the hardware's.
    """

    name: str
    samples: int
    values: dict[str, int]
    wrong: dict[str, int]
    first: str
    counters: dict[str, int] = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """All tiles that were compared.

    config, tool: the hardware and what ran it.
    """

    config: str
    tool: str
    tiles: tuple[TileComparison, ...]

    @property
    def samples(self) -> int:
        """Samples in the tiles."""
        return sum(tile.samples for tile in self.tiles)

    @cached_property
    def values(self) -> Counter[str]:
        """Numbers compared, by the names of PHASES."""
        return _total(tile.values for tile in self.tiles)

    @cached_property
    def wrong(self) -> Counter[str]:
        """Numbers that differ, by the names of PHASES."""
        return _total(tile.wrong for tile in self.tiles)

    @cached_property
    def counters(self) -> Counter[str]:
        """Sums of the hardware's counters."""
        return _total(tile.counters for tile in self.tiles)

    @property
    def mismatches(self) -> int:
        """Numbers that differ."""
        return self.wrong.total()

    @property
    def first(self) -> str:
        """A sentence on the first difference, or ""."""
        return next((f"{tile.name}: {tile.first}" for tile in self.tiles if tile.first), "")

    def document(self) -> dict[str, Any]:
        """For hardware.json and the report."""
        tiles = [
            {
                "name": tile.name,
                "samples": tile.samples,
                "values": sum(tile.values.values()),
                "mismatches": sum(tile.wrong.values()),
                "counters": tile.counters,
            }
            for tile in self.tiles
        ]
        return {
            "format": HARDWARE_FORMAT,
            "config": self.config,
            "tool": self.tool,
            "tiles": tiles,
            "values": {name: self.values[name] for name in PHASES},
            "mismatches": {name: self.wrong[name] for name in PHASES},
            "counters": dict(self.counters),
            "first_mismatch": self.first,
        }


def _total(parts: Iterable[dict[str, int]]) -> Counter[str]:
    total = Counter[str]()
    for part in parts:
        total.update(part)
    return total


def compare_tile(
    name: str, got: TileResult, want: TileResult, counters: dict[str, int] | None = None
) -> TileComparison:
    """got: of the hardware, with its counters. want: of the golden model."""
    values, wrong, first = {}, {}, ""
    for what in PHASES:
        a, b = (np.asarray(getattr(result, what)) for result in (got, want))
        values[what] = b.size
        if a.shape != b.shape:
            wrong[what] = b.size
            text = f"{what} has shape {a.shape}, golden has {b.shape}"
        else:
            places = np.argwhere(a != b)
            wrong[what] = len(places)
            if not len(places):
                continue
            at = tuple(map(int, places[0]))
            text = f"{_place(what, at)} is {a[at]}, golden has {b[at]}"
        first = first or text
    return TileComparison(
        name=name,
        samples=len(want.coordinates),
        values=values,
        wrong=wrong,
        first=first,
        counters=counters or {},
    )


def _place(name: str, at: tuple[int, ...]) -> str:
    if name == "chosen":
        return f"chosen position {at[0]}"
    if name == "coordinates":
        return f"coordinate {'xy'[at[1]]} of sample {at[0]}"
    if name in ("neighbours", "weights"):
        return f"{name[:-1]} {at[1]} of sample {at[0]}"
    return f"{name} of sample {at[0]}"


def compare_backends(
    dataset: Dataset,
    options: Options,
    tiles_compared: int | None = None,
    on_start: Callable[[int], None] = lambda tiles: None,
    on_tile: Callable[[], None] = lambda: None,
) -> Comparison:
    """Compares the tiles of a selection with these options, or that many spread over them.

    SelectionError if the tiles do not fit the hardware of options.preset.
    """
    if tiles_compared is not None and tiles_compared < 1:
        raise SelectionError(f"tiles compared {tiles_compared} must be at least 1")
    with closing(RtlBackend(options.preset or DEFAULT_PRESET)) as hardware:
        plan = make_plan(dataset, options, hardware)
        entries = plan.entries
        if tiles_compared is not None and tiles_compared < len(entries):
            places = np.linspace(0, len(entries) - 1, tiles_compared).round().astype(int)
            entries = [entries[place] for place in places]
        on_start(len(entries))
        tiles = run_tiles(dataset, plan, entries, hardware, options.jobs, on_tile)
        return compare_with_golden(dataset, plan, tiles, hardware)


def compare_with_golden(
    dataset: Dataset, plan: Plan, tiles: list[Tile], hardware: RtlBackend
) -> Comparison:
    """Compares `tiles`, which the hardware computed as the plan says, with the golden model."""
    compared = []
    for number, tile in enumerate(tiles):
        samples = dataset.x_train[tile.indices].reshape(len(tile.indices), -1)
        want = run_tile(samples, plan.table, plan.parameters, tile.budget)
        name = f"tile {number} (class {tile.label})"
        compared.append(compare_tile(name, tile.result, want, tile.counters))
    return Comparison(config=hardware.config.name, tool=hardware.tool, tiles=tuple(compared))


def print_comparison(comparison: Comparison) -> None:
    """The counts of values and cycles, and the first difference if there is one."""
    table = Table(
        title=f"Hardware {comparison.config} ({comparison.tool}) against golden: "
        f"{len(comparison.tiles):,} tiles, {comparison.samples:,} samples",
        title_justify="left",
    )
    for name, justify in (("phase", "left"), ("values", "left")):
        table.add_column(name, justify=justify)  # type: ignore[arg-type]
    for name in ("compared", "mismatches"):
        table.add_column(name, justify="right")
    for name, phase in PHASES.items():
        counts = (comparison.values[name], comparison.wrong[name])
        table.add_row(phase, name, *(f"{count:,}" for count in counts))
    table.add_section()
    counts = (comparison.values.total(), comparison.mismatches)
    table.add_row("all", "", *(f"{count:,}" for count in counts))
    console.print(table)

    cycles = Table(title="Cycles, by the hardware's counters", title_justify="left")
    cycles.add_column("phase")
    for name in ("busy", "stalled", "share of the job"):
        cycles.add_column(name, justify="right")
    counters = comparison.counters
    whole = counters["cycles"]
    for phase in COUNTED:
        busy = counters[f"{phase}_busy"]
        cycles.add_row(
            phase, f"{busy:,}", f"{counters[f'{phase}_stalled']:,}", f"{busy / max(whole, 1):.1%}"
        )
    cycles.add_section()
    cycles.add_row("job", f"{whole:,}", "", "")
    console.print(cycles)
    console.print(
        f"Bytes read {counters['bytes_read']:,}, bytes written {counters['bytes_written']:,}; "
        "distance and calibrate overlap.",
        highlight=False,
    )
    if comparison.first:
        console.print(
            f"First difference: {comparison.first}", style="bold white on red", highlight=False
        )
