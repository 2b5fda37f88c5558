# SPDX-License-Identifier: Apache-2.0
"""What the commands show: progress bars on standard error, results on standard output."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

if TYPE_CHECKING:
    from host.gradient import Job

console = Console()


@contextmanager
def work_progress(title: str) -> Iterator[tuple[Callable[[int], None], Callable[[], None]]]:
    """A bar with two functions: one to say how much work there is, one to call after each piece."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn(), console=Console(stderr=True)) as progress:
        task = progress.add_task(title, total=None)
        yield (lambda total: progress.update(task, total=total)), (lambda: progress.advance(task))


def prepare(backend: str, preset: str | None = None) -> None:
    """Compiles the simulator that `backend` needs, unless it is there, and says so meanwhile."""
    from host.backends import RtlBackend, make_backend  # golden's compiler is slow to import

    with closing(make_backend(backend, preset)) as made:
        if isinstance(made, RtlBackend) and not made.built:
            text = f"Compiling the simulator of {made.config.name}: minutes, the first time only"
            with Console(stderr=True).status(text):
                made.build()


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


def percent(mean: float, spread: float | None) -> str:
    """A share in per cent, with its spread where there is one."""
    return f"{100 * mean:.2f} %" + ("" if spread is None else f" ± {100 * spread:.2f}")


def points(difference: dict[str, Any] | None) -> str:
    """A paired difference in percentage points, with its standard error."""
    if difference is None:
        return ""
    error = difference["standard_error"]
    return f"{100 * difference['mean']:+.2f}" + ("" if error is None else f" ± {100 * error:.2f}")


def print_results(results: dict[str, Any], path: Path | None) -> None:
    """Test accuracy of every row, and what the selections gain over random."""
    recipe = results["recipe"]
    table = Table(
        title=f"Test accuracy on {results['data']['name']} ({results['test_samples']:,} test "
        f"samples): {recipe['model']}, {recipe['steps']} steps of {recipe['batch']}, "
        f"{results['seeds']} seeds",
        title_justify="left",
        caption="accuracy: mean ± standard deviation over the seeds; minus random: percentage "
        "points, paired by seed, ± standard error",
        caption_justify="left",
    )
    table.add_column("trained on")
    for name in ("samples", "accuracy", "minus random"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in results["rows"]:
        accuracy = percent(row["mean"], row["spread"])
        gain = points(row["minus_random"])
        table.add_row(row["name"], f"{row['samples']:,}", accuracy, gain)
    console.print(table)
    if path is not None:
        console.print(f"Written: {path}", highlight=False, soft_wrap=True)


def print_gradient(job: "Job") -> None:
    """Sizes of a sparse-gradient job, its work beside that of all channels, and what was
    written."""
    c, selected = job.convolution, len(job.channels)
    work = c.multiply_accumulates(job.images, selected)
    dense = c.multiply_accumulates(job.images, c.in_channels)
    kind = "depthwise, " if c.depthwise else ""
    shape = "x".join(map(str, job.result.weight_gradient.shape))
    table = Table(title="Sparse gradient", title_justify="left", show_header=False)
    table.add_column()
    table.add_column(justify="right")
    table.add_row("images", f"{job.images:,}")
    table.add_row("input map", f"{c.in_channels:,} x {c.height} x {c.width}")
    table.add_row("error map", f"{c.out_channels:,} x {c.out_height} x {c.out_width}")
    table.add_row("convolution", f"{kind}kernel {c.kernel}, stride {c.stride}, padding {c.padding}")
    table.add_row("channels", f"{selected:,} of {c.in_channels:,}")
    if job.following is not None:
        table.add_row("next window begins at", f"--place {job.following}")
    table.add_row("weight gradient", shape.replace("x", " x "))
    table.add_row("multiply-accumulates", f"{work:,} of {dense:,} ({work / dense:.1%})")
    if job.result.weights is not None:
        of = job.result.weight_gradient.size
        table.add_row("weights saturated", f"{job.result.saturated:,} of {of:,} updated")
    if job.counters:
        busy, cycles = job.counters["multiply"], job.counters["cycles"]
        table.add_row("hardware cycles", f"{cycles:,}")
        table.add_row("of them multiplying", f"{busy:,} ({busy / cycles:.1%})")
        lanes = job.counters["lanes"] / max(busy, 1)
        table.add_row("multipliers at work then", f"{lanes:.1f} on average")
    console.print(table)
    for path in job.written.values():
        console.print(f"Written: {path}", highlight=False, soft_wrap=True)
