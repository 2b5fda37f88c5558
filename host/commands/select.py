# SPDX-License-Identifier: Apache-2.0
"""nms select: choose the samples worth training on."""

from pathlib import Path
from typing import Annotated

import typer

from host.errors import one_sentence

SOURCE = (
    "'digits', an .npz file (x_train, y_train, x_test, y_test), a folder of IDX files, or a folder "
    "of CIFAR-10 python batches."
)


def select(
    data: Annotated[str, typer.Option(metavar="SRC", help=SOURCE)],
    keep: Annotated[
        float, typer.Option(help="Share of the samples to keep, above 0 and at most 1.")
    ],
    out: Annotated[Path, typer.Option(help="The selection is written here as JSON.")],
    rule: Annotated[
        str,
        typer.Option(
            help="How a map's budget is spent: 'curve' draws evenly along a Hilbert curve (keeps "
            "the density), 'medoid' takes samples near the middle of each stretch of that curve, "
            "'grid' takes one sample per occupied grid cell."
        ),
    ] = "curve",
    drop: Annotated[
        float,
        typer.Option(help="Share of a tile's least-chosen neighbours left out: 0, 0.25 or 0.5."),
    ] = 0.25,
    features: Annotated[
        int, typer.Option(help="Bytes a sample is reduced to before distances are taken.")
    ] = 64,
    perplexity: Annotated[
        float | None,
        typer.Option(
            help="Effective number of neighbours of a sample.  [default: 30, or a third of a "
            "smaller tile]"
        ),
    ] = None,
    neighbours: Annotated[int, typer.Option(help="Neighbours kept per sample.")] = 64,
    iterations: Annotated[int, typer.Option(help="Steps of the embedding.")] = 50,
    tile: Annotated[int, typer.Option(help="Most samples embedded together.")] = 1024,
    tiles: Annotated[
        str,
        typer.Option(
            help="'auto' reads only as many tiles of a class as its budget needs (one per 300 "
            "chosen), 'all' reads every sample."
        ),
    ] = "auto",
    seed: Annotated[int, typer.Option(help="The same seed gives the same selection.")] = 1,
    limit: Annotated[
        int | None,
        typer.Option(metavar="PER_CLASS", help="Use only the first samples of each class."),
    ] = None,
    backend: Annotated[str, typer.Option(help="Who computes: 'golden', the integer model.")] = (
        "golden"
    ),
    jobs: Annotated[int | None, typer.Option(help="Threads.  [default: all cores]")] = None,
) -> None:
    """Select the samples worth training on, class by class, without a neural network.

    Every class is embedded on a 2-D map by integer SNE, tile by tile, and the map is sampled.
    The same command writes the same bytes.

    Example: nms select --data digits --keep 0.1 --out selection.json
    """
    with one_sentence():
        from host import datasets, selection
        from host.console import print_selection, work_progress
        from host.files import check_writable

        check_writable(out)
        options = selection.Options(
            keep=keep,
            rule=rule,
            drop=drop,
            features=features,
            perplexity=perplexity,
            neighbours=neighbours,
            iterations=iterations,
            tile=tile,
            tiles=tiles,
            seed=seed,
            limit=limit,
            backend=backend,
            jobs=jobs,
        )
        dataset = datasets.load(data)
        with work_progress("Embedding and sampling tiles") as (on_start, on_tile):
            chosen = selection.select(dataset, options, on_start, on_tile)
        chosen.write(out)
        print_selection(chosen.document, out)
