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
def work_progress(title: str) -> Iterator[tuple[Callable[[int], None], Callable[[], None]]]:
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


ROW_NAMES = {
    "selection": "DE-SNE selection",
    "random": "class-balanced random, same size",
    "all": "all data",
}


def percent(mean: float, spread: float | None) -> str:
    """A share in per cent, with its spread where there is one."""
    return f"{100 * mean:.2f} %" + ("" if spread is None else f" ± {100 * spread:.2f}")


def difference(results: dict[str, Any]) -> str:
    """The paired difference to random in percentage points, with its standard error."""
    pairs = results["difference_to_random"]
    error = pairs["standard_error"]
    return f"{100 * pairs['mean']:+.2f}" + ("" if error is None else f" ± {100 * error:.2f}")


def print_results(results: dict[str, Any], path: Path | None) -> None:
    """Test accuracy of the three rows and the paired difference."""
    recipe = results["recipe"]
    table = Table(
        title=f"Test accuracy on {results['data']['name']}: {recipe['model']}, "
        f"{recipe['steps']} steps of {recipe['batch']}, {results['seeds']} seeds, "
        f"{results['test_samples']:,} test samples",
        title_justify="left",
    )
    for name, justify in (("trained on", "left"), ("samples", "right"), ("accuracy", "right")):
        table.add_column(name, justify=justify)  # type: ignore[arg-type]
    for row, figures in results["rows"].items():
        accuracy = percent(figures["mean"], figures["spread"])
        table.add_row(ROW_NAMES[row], f"{figures['samples']:,}", accuracy)
    console.print(table)
    console.print(
        f"Selection minus random, paired by seed: {difference(results)} percentage points "
        f"(± is the standard error here, the standard deviation over seeds above).",
        highlight=False,
    )
    if path is not None:
        console.print(f"Written: {path}", highlight=False, soft_wrap=True)
