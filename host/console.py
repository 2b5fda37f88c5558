# SPDX-License-Identifier: Apache-2.0
"""What the commands show: progress bars on standard error, results on standard output."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

console = Console()


@contextmanager
def tile_progress(title: str) -> Iterator[tuple[Callable[[int], None], Callable[[], None]]]:
    """A bar with two functions: one to say how much work there is, one to call after each piece."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn(), console=Console(stderr=True)) as progress:
        task = progress.add_task(title, total=None)
        yield (lambda total: progress.update(task, total=total)), (lambda: progress.advance(task))


def print_selection(document: dict[str, Any], path: Path) -> None:
    """The figures of a selection that matter, and where it was written."""
    counts, tiles, rows, traffic = (document[key] for key in ("counts", "tiles", "rows", "traffic"))
    table = Table(title=f"Selection from {document['data']['name']}", title_justify="left")
    table.add_column("class")
    table.add_column("samples", justify="right")
    table.add_column("chosen", justify="right")
    for label, count in counts.items():
        table.add_row(label, f"{count['of']:,}", f"{count['chosen']:,}")
    table.add_section()
    table.add_row(
        "all", f"{sum(c['of'] for c in counts.values()):,}", f"{len(document['indices']):,}"
    )
    console.print(table)
    statuses = ", ".join(f"{value:,} {name.replace('_', ' ')}" for name, value in rows.items())
    console.print(
        f"Tiles: {tiles['used']} of {tiles['total']} used, {tiles['samples_embedded']:,} samples "
        f"embedded. Perplexity {document['parameters']['perplexity']:g}; rows: {statuses}.",
        highlight=False,
    )
    share = traffic["selection_bytes"] / traffic["all_samples_bytes"]
    console.print(
        f"Bytes that travel to the host: {traffic['selection_bytes']:,} of "
        f"{traffic['all_samples_bytes']:,} ({share:.1%}).",
        highlight=False,
    )
    console.print(f"Written: {path}", highlight=False, soft_wrap=True)
