# SPDX-License-Identifier: Apache-2.0
"""nms study: which way to choose samples is worth most, by paired evidence."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from host.commands import options as given
from host.commands.train import require_torch
from host.errors import UserError, one_sentence


def _shares(texts: list[str]) -> list[float]:
    found = [part.strip() for text in texts for part in text.split(",") if part.strip()]
    try:
        return [float(part) for part in found]
    except ValueError as error:
        raise UserError(
            f"--keep {','.join(texts)}: {error}; give shares such as 0.01,0.1"
        ) from None


def study(
    data: given.Data,
    out: Annotated[
        Path,
        typer.Option(
            metavar="DIR",
            help="Folder of the study. The same command again goes on where it was.",
        ),
    ],
    keep: Annotated[
        list[str],
        typer.Option(
            metavar="SHARES",
            help="Shares of the samples to keep, such as 0.01,0.1; may be repeated.",
        ),
    ],
    selector: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME[:OPTION=VALUE,...]",
            help="How to choose; repeat the option to compare. desne-curve, desne-medoid and "
            "desne-grid take the options of nms select (desne-curve:drop=0,perplexity=15; desne "
            "alone is its default rule). Rivals, on the same features: k-means (samples nearest "
            "to the centres), k-center (greedy), herding, facility-location. Class-balanced random "
            "always takes part.",
            show_default="desne and all rivals",
        ),
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(
            help="linear, mlp, or for images cnn or resnet8. Repeat the option and the same "
            "selections train every model; drops are taken from the first.",
            show_default="cnn",
        ),
    ] = None,
    seeds: Annotated[
        int, typer.Option(help="Selection seeds 1, 2, ...; run s trains with seed s.")
    ] = 5,
    steps: Annotated[int, typer.Option(help="Least optimiser steps of a run.")] = 500,
    epochs: Annotated[
        float,
        typer.Option(help="More steps where so many passes over the selection take more."),
    ] = 0.0,
    batch: Annotated[int, typer.Option(help="Samples in a step.")] = 32,
    rate: Annotated[float, typer.Option(help="Peak learning rate of AdamW.")] = 3e-3,
    limit: given.Limit = None,
    all_data: Annotated[
        bool, typer.Option(help="Also train on all samples, as a bound to compare with.")
    ] = True,
    scheduler: given.Scheduler = None,
    jobs: given.Processes = None,
) -> None:
    """Compare ways to choose samples: every selector, share, seed and model under one recipe.

    Writes every selection with its SHA-256 and time, every run as it ends, runs.csv, summary.csv,
    summary.md and a plot to the folder, and prints the tables: accuracy, paired difference to
    class-balanced random with its 95 % confidence interval, rank, time of a selection. With several
    models also what a selection loses on a model it was not compared on first.

    Broken off, the same command goes on where it was. Selectors, shares, seeds and models may be
    added later; other data or another recipe need another folder.

    Example: nms study --data digits --keep 0.02,0.05,0.1 --model cnn --model mlp --out digits-study
    """
    with one_sentence():
        require_torch()
        from host import datasets
        from host.cluster import check_processes
        from host.console import console, work_progress
        from host.files import write_whole
        from host.selectors import BASELINES, DESNE
        from host.study import make_study
        from host.study.execution import execute
        from host.study.plots import difference_plot
        from host.study.statistics import summarise
        from host.study.store import Store
        from host.study.tables import grids, runs_csv, summary_csv
        from host.trainer.training import Recipe

        check_processes(scheduler, jobs)
        dataset = datasets.load(data)
        made = make_study(
            dataset,
            selector or [DESNE, *BASELINES],
            _shares(keep),
            seeds,
            model or ["cnn"],
            Recipe(steps=steps, epochs=epochs, batch=batch, rate=rate),
            limit,
            all_data,
        )
        store = Store(out, dataset, made)
        store.open()
        try:
            with work_progress("Selecting and training") as (on_start, on_piece):
                execute(dataset, made, store, scheduler, jobs, on_start, on_piece)
        except KeyboardInterrupt:
            text = f"Broken off. What was done is in {out}: the same command goes on there."
            Console(stderr=True).print(text, highlight=False, soft_wrap=True)
            raise
        summary = summarise(made, store)
        tables = grids(dataset.name, made, summary)
        text = "\n".join(grid.markdown() for grid in tables)
        written = {
            "runs.csv": runs_csv(summary),
            "summary.csv": summary_csv(summary),
            "summary.md": text,
            "difference.png": difference_plot(summary),
        }
        for name, content in written.items():
            write_whole(out / name, content)
        for grid in tables:
            grid.show(console)
        console.print(f"Written: {out}, {', '.join(written)}", highlight=False, soft_wrap=True)
