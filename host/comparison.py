# SPDX-License-Identifier: Apache-2.0
"""The same tiles through the golden model and the hardware, value by value."""

from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field

import numpy as np
from rich.table import Table

from golden.desne import TileResult
from host.backends import GoldenBackend, RtlBackend
from host.console import console
from host.datasets import Dataset
from host.errors import SelectionError
from host.selection import Options, in_parallel, make_plan
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
    """One tile. values, wrong: by what was compared. first: a sentence on the first difference."""

    samples: int
    values: dict[str, int]
    wrong: dict[str, int]
    first: str
    counters: dict[str, int] = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """All tiles that were compared.

    config, tool: the hardware and what ran it. tiles: how many. samples: in them. values, wrong:
    numbers compared and differing, by the names of PHASES. counters: sums of the hardware's.
    first: a sentence on the first difference, or "".
    """

    config: str
    tool: str
    tiles: int
    samples: int
    values: Counter[str]
    wrong: Counter[str]
    counters: Counter[str]
    first: str

    @property
    def mismatches(self) -> int:
        """Numbers that differ."""
        return sum(self.wrong.values())


def compare_tile(
    got: TileResult, want: TileResult, counters: dict[str, int] | None = None
) -> TileComparison:
    """got: of the hardware. want: of the golden model."""
    values, wrong, first = {}, {}, ""
    for name in PHASES:
        a, b = (np.asarray(getattr(result, name)) for result in (got, want))
        values[name] = b.size
        if a.shape != b.shape:
            wrong[name] = b.size
            text = f"{name} has shape {a.shape}, golden has {b.shape}"
        else:
            places = np.argwhere(a != b)
            wrong[name] = len(places)
            if not len(places):
                continue
            at = tuple(map(int, places[0]))
            text = f"{_place(name, at)} is {a[at]}, golden has {b[at]}"
        first = first or text
    return TileComparison(
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
    golden = GoldenBackend()
    with closing(RtlBackend(options.preset or "edge")) as hardware:
        plan = make_plan(dataset, options, hardware)
        entries = plan.entries
        if tiles_compared is not None and tiles_compared < len(entries):
            places = np.linspace(0, len(entries) - 1, tiles_compared).round().astype(int)
            entries = [entries[place] for place in places]
        on_start(len(entries))

        def run(entry: tuple[int, np.ndarray, int]) -> TileComparison:
            _, indices, budget = entry
            samples = dataset.x_train[indices].reshape(len(indices), -1)
            job = samples, plan.table, plan.parameters, budget
            want = golden.run_tile(*job)
            got, counters = hardware.run_tile_counted(*job)
            return compare_tile(got, want, counters)

        compared = in_parallel(run, entries, options.jobs, on_tile)
        tool = hardware.tool
    labels = [label for label, _, _ in entries]
    totals = {name: Counter[str]() for name in ("values", "wrong", "counters")}
    for tile in compared:
        for name, total in totals.items():
            total.update(getattr(tile, name))
    first = next(
        (
            f"tile {number} (class {labels[number]}): {tile.first}"
            for number, tile in enumerate(compared)
            if tile.first
        ),
        "",
    )
    return Comparison(
        config=hardware.config.name,
        tool=tool,
        tiles=len(compared),
        samples=sum(tile.samples for tile in compared),
        first=first,
        **totals,
    )


def print_comparison(comparison: Comparison) -> None:
    """The counts of values and cycles, and the first difference if there is one."""
    table = Table(
        title=f"Hardware {comparison.config} ({comparison.tool}) against golden: "
        f"{comparison.tiles:,} tiles, {comparison.samples:,} samples",
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
    counts = (sum(comparison.values.values()), comparison.mismatches)
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
