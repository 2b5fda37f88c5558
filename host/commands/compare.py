# SPDX-License-Identifier: Apache-2.0
"""nms compare: the generated hardware against the golden model, on your data."""

from typing import Annotated

import typer

from host.commands import options as given
from host.errors import one_sentence


def compare(
    data: given.Data,
    keep: given.Keep = 0.1,
    preset: Annotated[
        str, typer.Option(help="Hardware: tiny, edge, train, wide or a configuration file.")
    ] = "edge",
    tiles_compared: Annotated[
        int | None,
        typer.Option(metavar="N", help="Only N of the tiles, spread over all.", show_default="all"),
    ] = None,
    rule: given.Rule = None,
    drop: given.Drop = 0.0,
    spread: given.Spread = None,
    features: given.Features = 64,
    perplexity: given.Perplexity = None,
    neighbours: given.Neighbours = 64,
    iterations: given.Iterations = 50,
    tile: given.TileSize = 1024,
    tiles: given.Tiles = "auto",
    seed: given.Seed = 1,
    limit: given.Limit = None,
    jobs: given.Jobs = None,
) -> None:
    """Run the same tiles through the golden model and the generated hardware, and compare.

    Every neighbour, weight, status, code, coordinate and chosen index is compared. The exit status
    is 1 if any differs.

    Example: nms compare --data digits --keep 0.1 --preset edge
    """
    with one_sentence():
        from host import datasets, selection
        from host.comparison import compare_backends, print_comparison
        from host.console import prepare, work_progress

        options = selection.Options(
            keep=keep,
            rule=rule,
            drop=drop,
            spread=spread,
            features=features,
            perplexity=perplexity,
            neighbours=neighbours,
            iterations=iterations,
            tile=tile,
            tiles=tiles,
            seed=seed,
            limit=limit,
            backend="rtl",
            preset=preset,
            jobs=jobs,
        )
        dataset = datasets.load(data)
        prepare(options.backend, options.preset)
        with work_progress("Tiles through both") as (on_start, on_tile):
            comparison = compare_backends(dataset, options, tiles_compared, on_start, on_tile)
    print_comparison(comparison)
    if comparison.mismatches:
        raise typer.Exit(1)
