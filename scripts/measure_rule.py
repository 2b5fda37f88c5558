# SPDX-License-Identifier: Apache-2.0
"""`python -m scripts.measure_rule`: which sampling rule suits which budget; reads no test part."""

from typing import Annotated

import numpy as np
import typer

from host import datasets
from host.commands import options as given
from host.console import console, work_progress
from host.errors import one_sentence
from host.selectors import Selector, choose, parse_selector
from scripts.held_out import HeldOutTest, split

SELECTORS = (
    *("desne-curve:drop=0", "desne-curve:drop=0.25", "desne-grid:drop=0"),
    *(f"desne-medoid:spread={spread}" for spread in (0, 64, 128, 192, 256)),
    *("desne-medoid:drop=0.25", "desne-medoid", "desne"),
)


def main(
    data: given.Data,
    keep: Annotated[str, typer.Option(help="Shares to keep.")] = "0.002,0.005,0.01,0.05",
    selector: Annotated[
        list[str] | None,
        typer.Option(
            help="As in nms study; repeat to compare.", show_default=f"{len(SELECTORS)} of them"
        ),
    ] = None,
    seeds: Annotated[int, typer.Option(help="Selections of each selector.", min=2)] = 8,
) -> None:
    """Compare selectors with class-balanced random on held-out training samples; no test part is
    read.

    A third of the training part is held out, once. From the rest every selector selects, once a
    seed; a ridge classifier on fixed random features (scripts/held_out.py) is trained on the
    selection and tested on held-out samples. Printed is the paired difference to random, in points,
    with its standard error; random is drawn three times a seed.

    Example: python -m scripts.measure_rule --data digits --keep 0.03,0.1,0.3
    """
    with one_sentence():
        shares = [float(share) for share in keep.split(",")]
        selectors = [parse_selector(name) for name in selector or SELECTORS]
        with work_progress("Selecting and testing") as (on_start, on_step):
            on_start(seeds * len(shares) * (len(selectors) + 1))
            pool, test = split(data)
            columns = [_column(pool, test, selectors, share, seeds, on_step) for share in shares]
    text = _table(pool, shares, selectors, columns)
    console.print(text, soft_wrap=True, highlight=False, markup=False)


def _column(
    pool: datasets.Dataset,
    test: HeldOutTest,
    selectors: list[Selector],
    keep: float,
    seeds: int,
    on_step,
) -> dict[str, np.ndarray]:
    """Points by selector, one a seed: of random its accuracy, of others the difference to it."""
    points = {selector.name: np.zeros(seeds) for selector in selectors}
    points["random"] = np.zeros(seeds)
    random = parse_selector("random")
    for run in range(seeds):
        drawn = [choose(random, pool, keep, 3 * run + part + 1) for part in range(3)]
        points["random"][run] = np.mean([test.accuracy(one.indices) for one in drawn])
        on_step()
        for selector in selectors:
            accuracy = test.accuracy(choose(selector, pool, keep, run + 1).indices)
            points[selector.name][run] = accuracy - points["random"][run]
            on_step()
    return points


def _table(
    pool: datasets.Dataset,
    shares: list[float],
    selectors: list[Selector],
    columns: list[dict[str, np.ndarray]],
) -> str:
    """As Markdown, so that a document can take it as it is."""
    seeds = len(columns[0]["random"])
    per_class = len(pool.x_train) / len(pool.classes)
    rows = [
        ["points to random", *(f"keep {100 * share:g} %" for share in shares)],
        ["---"] * (len(shares) + 1),
        ["samples a class", *(f"{share * per_class:.0f}" for share in shares)],
    ]
    for name in (one.name for one in selectors):
        errors = [column[name].std(ddof=1) / np.sqrt(seeds) for column in columns]
        cells = [
            f"{column[name].mean():+.2f} +- {error:.2f}"
            for column, error in zip(columns, errors, strict=True)
        ]
        rows.append([f"`{name}`", *cells])
    rows.append(["random itself", *(f"{column['random'].mean():.2f} %" for column in columns)])
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([f"{pool.name}, {seeds} seeds:", "", *lines])


if __name__ == "__main__":
    typer.run(main)
