# SPDX-License-Identifier: Apache-2.0
"""`python -m scripts.measure_perplexity`: does the target perplexity decide what a selection is
worth, and does the evenness of the map tell which to take? Reads no test part."""

from typing import Annotated

import numpy as np
import typer

from host import datasets
from host.commands import options as given
from host.console import console, work_progress
from host.errors import one_sentence
from host.selection import DEFAULT_PERPLEXITY, Options, Selection, select
from scripts.held_out import HeldOutTest, split

CELLS = 16
"""A side of the map, for its occupancy."""


def main(
    data: given.Data,
    keep: Annotated[str, typer.Option(help="Shares to keep.")] = "0.005,0.01,0.05",
    perplexity: Annotated[
        str, typer.Option(help="Perplexities to compare with the first of them.")
    ] = f"{DEFAULT_PERPLEXITY:g},5,10,20,45,60",
    seeds: Annotated[int, typer.Option(help="Selections at each perplexity.", min=2)] = 8,
) -> None:
    """Compare target perplexities on held-out training samples; no test part is read.

    A third of the training part is held out, once. From the rest DE-SNE selects at each perplexity
    with the same seeds; a ridge classifier (scripts/held_out.py) is trained on each selection and
    tested on held-out samples. Printed is the paired difference to the first perplexity, in points,
    with its standard error.

    Beside it the occupancy entropy of the maps, in bits: of the shares of a tile's samples in each
    of 16 x 16 cells of its bounding square; 8 is the most even map there is. The last row takes,
    for every seed, the perplexity with the highest entropy: an automatic perplexity.

    Example: python -m scripts.measure_perplexity --data digits --keep 0.03,0.1,0.3
    """
    with one_sentence():
        shares = [float(share) for share in keep.split(",")]
        targets = [float(target) for target in perplexity.split(",")]
        with work_progress("Selecting and testing") as (on_start, on_step):
            on_start(len(shares) * seeds * len(targets))
            pool, test = split(data)
            columns = [_column(pool, test, share, targets, seeds, on_step) for share in shares]
    text = "\n".join([f"{pool.name}, {seeds} seeds:", "", *_table(shares, targets, columns)])
    console.print(text, soft_wrap=True, highlight=False, markup=False)


def _column(
    pool: datasets.Dataset,
    test: HeldOutTest,
    keep: float,
    targets: list[float],
    seeds: int,
    on_step,
) -> tuple[np.ndarray, np.ndarray]:
    """(accuracy in per cent, occupancy entropy in bits), both [seeds, targets]."""
    accuracy, entropy = np.zeros((2, seeds, len(targets)))
    for run in range(seeds):
        for place, target in enumerate(targets):
            options = Options(keep=keep, perplexity=target, seed=run + 1)
            selection = select(pool, options)
            accuracy[run, place] = test.accuracy(selection.indices)
            entropy[run, place] = occupancy_entropy(selection)
            on_step()
    return accuracy, entropy


def occupancy_entropy(selection: Selection) -> float:
    """Bits, the mean over the tiles: -sum p log2 p over the cells of a tile's bounding square,
    p being the share of its samples in a cell."""
    bits = []
    for tile in selection.tiles:
        place = tile.result.coordinates.astype(np.int64)
        place -= place.min(0)
        cell = place * CELLS // (place.max() + 1)
        share = np.bincount(cell[:, 0] * CELLS + cell[:, 1]) / len(place)
        share = share[share > 0]
        bits.append(-np.sum(share * np.log2(share)))
    return float(np.mean(bits))


def _table(
    shares: list[float], targets: list[float], columns: list[tuple[np.ndarray, np.ndarray]]
) -> list[str]:
    """As Markdown, so that a document can take it as it is."""
    seeds = len(columns[0][0])

    def difference(values: np.ndarray) -> str:
        return f"{values.mean():+.2f} +- {values.std(ddof=1) / np.sqrt(seeds):.2f}"

    rows = [["perplexity", "entropy", *(f"keep {100 * share:g} %" for share in shares)]]
    rows.append(["---"] * len(rows[0]))
    bits = np.concatenate([entropy for _, entropy in columns]).mean(0)
    for place, target in enumerate(targets):
        cells = [difference(accuracy[:, place] - accuracy[:, 0]) for accuracy, _ in columns]
        if not place:
            cells = [f"{accuracy[:, 0].mean():.2f} %" for accuracy, _ in columns]
        rows.append([f"{target:g}", f"{bits[place]:.2f}", *cells])
    most_even = []
    for accuracy, entropy in columns:
        chosen = np.take_along_axis(accuracy, entropy.argmax(1)[:, None], 1)[:, 0]
        most_even.append(difference(chosen - accuracy[:, 0]))
    highest = np.mean([entropy.max(1).mean() for _, entropy in columns])
    rows.append(["the most even", f"{highest:.2f}", *most_even])
    return [f"| {' | '.join(row)} |" for row in rows]


if __name__ == "__main__":
    typer.run(main)
