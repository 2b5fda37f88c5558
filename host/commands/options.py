# SPDX-License-Identifier: Apache-2.0
"""Options that several commands share: those of a selection, and those of a sparse update."""

from typing import Annotated

import typer

SOURCE = (
    "'digits', an .npz file (x_train, y_train, x_test, y_test), a folder of IDX files, or a folder "
    "of CIFAR-10 python batches."
)

Data = Annotated[str, typer.Option(metavar="SRC", help=SOURCE)]
Keep = Annotated[float, typer.Option(help="Share of the samples to keep, above 0 and at most 1.")]
Rule = Annotated[
    str | None,
    typer.Option(
        help="How a map's budget is spent: 'curve' draws evenly along a Hilbert curve (keeps "
        "the density), 'medoid' takes samples near the middle of each stretch of that curve, "
        "'grid' takes one sample per occupied grid cell.",
        show_default="medoid; curve from 256 samples kept of a class on, unless --spread is given",
    ),
]
Drop = Annotated[
    float,
    typer.Option(help="Share of a tile's least-chosen neighbours left out: 0, 0.25 or 0.5."),
]
Spread = Annotated[
    int | None,
    typer.Option(
        help="How far from the middle of its stretch a sample of 'medoid' may lie: 0 is the "
        "middle itself, 256 anywhere.",
        show_default="16 sqrt(samples kept of a class), from 64 to 256",
    ),
]
Features = Annotated[
    int, typer.Option(help="Bytes a sample is reduced to before distances are taken.")
]
Perplexity = Annotated[
    float | None,
    typer.Option(
        help="Effective number of neighbours of a sample.",
        show_default="30, or a third of a smaller tile",
    ),
]
Neighbours = Annotated[int, typer.Option(help="Neighbours kept per sample.")]
Iterations = Annotated[int, typer.Option(help="Steps of the embedding.")]
TileSize = Annotated[int, typer.Option(help="Most samples embedded together.")]
Tiles = Annotated[
    str,
    typer.Option(
        help="'auto' reads only as many tiles of a class as its budget needs (one per 300 "
        "chosen), 'all' reads every sample."
    ),
]
Seed = Annotated[int, typer.Option(help="The same seed gives the same selection.")]
Limit = Annotated[
    int | None,
    typer.Option(metavar="PER_CLASS", help="Use only the first samples of each class."),
]
Jobs = Annotated[int | None, typer.Option(help="Tiles at a time.", show_default="all cores")]
Scheduler = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESS",
        help="A Dask scheduler (started with 'dask scheduler'), whose workers ('dask worker "
        "ADDRESS --nthreads 1') do the work.",
        show_default="processes of this machine",
    ),
]
Processes = Annotated[
    int | None,
    typer.Option(help="Processes of this machine, one thread each.", show_default="all cores"),
]
Ratio = Annotated[
    float, typer.Option(help="Most convolution weights updated a step, as a share of all.")
]
LeastSaved = Annotated[
    float, typer.Option(help="Least feature memory saved against dense training.")
]
