# SPDX-License-Identifier: Apache-2.0
"""nms select: choose the samples worth training on."""

from pathlib import Path
from typing import Annotated

import typer

from host.commands import options as given
from host.errors import one_sentence


def select(
    data: given.Data,
    keep: given.Keep,
    out: Annotated[Path, typer.Option(help="The selection is written here as JSON.")],
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
    backend: Annotated[
        str,
        typer.Option(
            help="Who computes: 'golden', the integer model, or 'rtl', the generated hardware in "
            "simulation. Both choose the same samples."
        ),
    ] = "golden",
    preset: Annotated[
        str | None,
        typer.Option(
            help="Hardware of --backend rtl: tiny, edge, train, wide or a configuration file. Its "
            "first use compiles the simulator, which takes minutes.",
            show_default="edge",
        ),
    ] = None,
    jobs: given.Jobs = None,
) -> None:
    """Select the samples worth training on, class by class, without a neural network.

    Every class is embedded on a 2-D map by integer SNE, tile by tile, and the map is sampled.
    The same command writes the same bytes.

    Example: nms select --data digits --keep 0.1 --out selection.json
    """
    with one_sentence():
        from host import datasets, selection
        from host.console import prepare, print_selection, work_progress
        from host.files import check_writable

        check_writable(out)
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
            backend=backend,
            preset=preset,
            jobs=jobs,
        )
        dataset = datasets.load(data)
        prepare(options.backend, options.preset)
        with work_progress("Embedding and sampling tiles") as (on_start, on_tile):
            chosen = selection.select(dataset, options, on_start, on_tile)
        chosen.write(out)
        print_selection(chosen.document, out)
