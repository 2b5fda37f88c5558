# SPDX-License-Identifier: Apache-2.0
"""nms train: what a selection is worth to a learner."""

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from host.commands.options import SOURCE, Processes, Scheduler
from host.errors import TrainingError, one_sentence


def require_torch() -> None:
    """TrainingError with the remedy where PyTorch, an optional extra, is not installed."""
    if find_spec("torch") is None:
        raise TrainingError("training needs PyTorch: install it with 'pip install .[train]'")


def train(
    data: Annotated[str, typer.Option(metavar="SRC", help=SOURCE)],
    selection: Annotated[
        list[Path],
        typer.Option(
            help="A file that nms select wrote from the same data. Repeat the option with "
            "selections of other seeds (run s then trains on selection s, and their spread counts "
            "too) or made in other ways (each way is a row)."
        ),
    ],
    model: Annotated[
        str, typer.Option(help="linear, mlp (one hidden layer), or for images cnn or resnet8.")
    ] = "cnn",
    seeds: Annotated[int, typer.Option(help="Runs of each row, with seeds 1, 2, ...")] = 5,
    steps: Annotated[
        int, typer.Option(help="Optimiser steps of every run, however many samples it trains on.")
    ] = 500,
    batch: Annotated[int, typer.Option(help="Samples in a step.")] = 32,
    scheduler: Scheduler = None,
    jobs: Processes = None,
    out: Annotated[
        Path | None, typer.Option(help="The results are also written here as JSON.")
    ] = None,
) -> None:
    """Train on a selection, on class-balanced random of the same size, and on all data.

    All rows share one recipe: the same small model, the same number of optimiser steps (not epochs,
    so every row trains equally long), AdamW with a cosine rate. Prints test accuracy as mean and
    standard deviation over the seeds, and the paired difference to random with its standard error.

    Example: nms train --data digits --selection selection.json
    """
    with one_sentence():
        require_torch()
        from host import datasets
        from host.cluster import check_processes
        from host.console import print_results, work_progress
        from host.files import as_json, check_writable, write_whole
        from host.selection_file import read_selection
        from host.trainer.comparison import compare
        from host.trainer.training import Recipe

        check_processes(scheduler, jobs)
        if out is not None:
            check_writable(out)
        dataset = datasets.load(data)
        selections = [read_selection(path, dataset) for path in selection]
        recipe = Recipe(model=model, steps=steps, batch=batch)
        with work_progress("Training and testing") as (on_start, on_run):
            results = compare(dataset, selections, recipe, seeds, jobs, on_start, on_run, scheduler)
        if out is not None:
            write_whole(out, as_json(results))
        print_results(results, out)
