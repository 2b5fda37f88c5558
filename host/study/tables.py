# SPDX-License-Identifier: Apache-2.0
"""A study as tables: on the console, as Markdown and as CSV, all from the same cells."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from host.selectors import RANDOM
from host.study import Study
from host.study.statistics import Difference, Drop, Row, Standing, Summary

WIDEST = 1000


@dataclass(frozen=True)
class Grid:
    """A table: title, what its columns mean, head, rows of cells. Rows with the same first cell
    are a group, and on the console a rule stands between groups."""

    title: str
    caption: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]

    def show(self, console: Console) -> None:
        table = Table(title=self.title, title_justify="left", padding=(0, 0, 0, 1))
        for place, name in enumerate(self.head):
            side = "left" if place == 1 else "right"
            table.add_column(name, justify=side, no_wrap=place != 1, overflow="fold")
        grouped = len({row[0] for row in self.rows}) < len(self.rows)
        for place, row in enumerate(self.rows):
            if place and row[0] != self.rows[place - 1][0]:
                table.rows[-1].end_section = grouped
            table.add_row(*row)
        if console.is_terminal:
            console.print(table, highlight=False)
        else:  # a file has no width to fit
            wide = console.options.update(width=WIDEST)
            Console(width=console.measure(table, options=wide).maximum).print(table)
        console.print(self.caption, highlight=False, style="dim")

    def markdown(self) -> str:
        lines = ["| " + " | ".join(self.head) + " |", "|---" * len(self.head) + "|"]
        lines += ["| " + " | ".join(row) + " |" for row in self.rows]
        return f"## {self.title}\n\n" + "\n".join(lines) + f"\n\n{self.caption}\n"


def percent(value: float) -> str:
    """A share in per cent, as short as it can be."""
    return f"{100 * value:g} %"


def _accuracy(row: Row) -> str:
    spread = "" if row.spread is None else f" ± {100 * row.spread:.2f}"
    return f"{100 * row.mean:.2f}{spread}"


def _difference(difference: Difference | None) -> str:
    if difference is None:
        return ""
    mean, half = difference.mean, difference.half_width
    if half is None:
        return f"{100 * mean:+.2f}"
    mark = " *" if difference.sign else ""
    return f"{100 * mean:+.2f} [{100 * (mean - half):+.2f}, {100 * (mean + half):+.2f}]{mark}"


def _recipe(study: Study) -> str:
    recipe = study.recipe
    passes = f", at least {recipe.epochs:g} passes" if recipe.epochs else ""
    return f"{recipe.steps} steps of {recipe.batch}{passes}, seeds 1 to {study.seeds}"


def grids(name: str, study: Study, summary: Summary) -> list[Grid]:
    """The tables of a study of the data called `name`."""
    made = []
    for model in study.models:
        rows = [row for row in summary.rows if row.model == model]
        made.append(_accuracies(f"{name}, {model}: {_recipe(study)}", rows))
        places = [part for part in summary.standings if part.model == model]
        made.append(_standings(f"{name}, {model}: over all shares", places, len(study.keep)))
    if summary.drops:
        made.append(_drops(name, summary.drops))
    return made


def _accuracies(title: str, rows: list[Row]) -> Grid:
    return Grid(
        title,
        "accuracy: test accuracy in per cent, mean ± standard deviation over the seeds; minus "
        "random: points, paired by seed, with the 95 % confidence interval (Student's t), "
        "* where it leaves out zero; rank: by mean accuracy, 1 is best; CPU s: processor "
        "seconds of one selection, median over the seeds",
        ("keep", "selector", "samples", "accuracy", "minus random", "rank", "CPU s"),
        [
            (
                percent(row.keep),
                row.selector,
                f"{row.samples:,}",
                _accuracy(row),
                _difference(row.minus_random),
                "" if row.rank is None else f"{row.rank:g}",
                "" if row.seconds is None else f"{row.seconds:.2f}",
            )
            for row in rows
        ],
    )


def _standings(title: str, places: list[Standing], shares: int) -> Grid:
    return Grid(
        title,
        f"of {shares} shares: where the confidence interval of the difference to random lies "
        "above and below zero; mean gain: mean difference to random over the shares, points",
        ("place", "selector", "mean rank", "above random", "below random", "mean gain"),
        [
            (
                str(place),
                part.selector,
                f"{part.mean_rank:.2f}",
                str(part.above),
                str(part.below),
                f"{100 * part.mean_gain:+.2f}",
            )
            for place, part in enumerate(places, start=1)
        ],
    )


def _drops(name: str, drops: list[Drop]) -> Grid:
    return Grid(
        f"{name}: the same selections on other models than {drops[0].reference}",
        f"drop of gain: (selector - random on {drops[0].reference}) - (selector - random on the "
        "model), points, paired by seed, with the 95 % confidence interval; drop of accuracy: mean "
        f"accuracy on {drops[0].reference} less that on the model, points: mostly what sets the "
        "models apart, as the row of random shows",
        ("model", "selector", "keep", "drop of gain", "drop of accuracy"),
        [
            (
                part.model,
                part.selector,
                percent(part.keep),
                "" if part.selector == RANDOM else _difference(part.of_gain),
                f"{100 * part.of_accuracy:+.2f}",
            )
            for part in drops
        ],
    )


def runs_csv(summary: Summary) -> str:
    """One line for every run."""
    head = ("model", "selector", "keep", "samples", "seed", "accuracy")
    return _csv(
        head,
        [
            (row.model, row.selector, row.keep, row.samples, seed, accuracy)
            for row in summary.rows
            for seed, accuracy in enumerate(row.accuracy, start=1)
        ],
    )


def summary_csv(summary: Summary) -> str:
    """One line for every selector at every share on every model; accuracies are shares of 1."""
    head = (
        *("model", "selector", "keep", "samples", "seeds", "mean", "spread"),
        *("minus_random", "half_width_95", "rank", "selection_processor_seconds"),
    )
    lines = []
    for row in summary.rows:
        gain = row.minus_random
        lines.append(
            (
                *(row.model, row.selector, row.keep, row.samples, len(row.accuracy)),
                *(row.mean, row.spread, gain and gain.mean, gain and gain.half_width),
                *(row.rank, row.seconds),
            )
        )
    return _csv(head, lines)


def _csv(head: Sequence[str], lines: Sequence[Sequence[object]]) -> str:
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(head)
    writer.writerows(lines)
    return stream.getvalue()
