# SPDX-License-Identifier: Apache-2.0
"""nms finetune: a pretrained network learns new data within little memory."""

from pathlib import Path
from typing import Annotated

import typer

from host.commands.options import SOURCE, LeastSaved, Ratio
from host.commands.train import require_torch
from host.errors import one_sentence


def finetune(
    data: Annotated[str, typer.Option(metavar="SRC", help=SOURCE)],
    model: Annotated[
        str, typer.Option(help="mobilenetv2-0.35, mobilenetv2-1.0 or resnet8.")
    ] = "mobilenetv2-0.35",
    weights: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.npz",
            help="Weights to start from: what --weights-out wrote, Keras's MobileNetV2 without its "
            "top, or int8 weights with their .graph.json.",
            show_default="those of the model in NMS_DATA; resnet8: random",
        ),
    ] = None,
    selection: Annotated[
        Path | None,
        typer.Option(help="Train only on the samples that nms select chose.", show_default="all"),
    ] = None,
    update: Annotated[
        list[str] | None,
        typer.Option(
            help="What is trained beside the classifier: 'dgsu' a moving window of input channels "
            "and the biases, 'static' the most important channels instead, 'random' others every "
            "step, 'dense' all weights from the same block on, 'bias' their biases alone, 'last' "
            "nothing. Repeat the option to compare.",
            show_default="dgsu",
        ),
    ] = None,
    rate: Annotated[
        list[float] | None,
        typer.Option(
            help="Learning rate. Repeat the option, and each update takes the one that is best on "
            "a tenth of the training samples held out for that.",
            show_default="0.02",
        ),
    ] = None,
    seeds: Annotated[int, typer.Option(help="Runs of each row, with seeds 1, 2, ...")] = 1,
    epochs: Annotated[int, typer.Option(help="Passes over the training samples.")] = 3,
    tune_epochs: Annotated[
        int | None,
        typer.Option(help="Passes when rates are tried.", show_default="as --epochs"),
    ] = None,
    tune_samples: Annotated[
        int | None,
        typer.Option(
            help="Training samples when rates are tried.", show_default="all but the held out"
        ),
    ] = None,
    batch: Annotated[int, typer.Option(help="Samples in a step, of all workers together.")] = 16,
    side: Annotated[
        int | None,
        typer.Option(
            "--input",
            help="Images are scaled to this many pixels a side.",
            show_default="128; resnet8: as they are",
        ),
    ] = None,
    budget_kib: Annotated[
        float, typer.Option(help="Memory of a step of one image (nms plan), for sparse updates.")
    ] = 256,
    ratio: Ratio = 0.02,
    least_saved: LeastSaved = 0.975,
    start: Annotated[
        str | None,
        typer.Option(
            "--first-block",
            metavar="BLOCK",
            help="First trained block, such as block11.",
            show_default="as nms plan chooses",
        ),
    ] = None,
    period: Annotated[int, typer.Option(help="Steps between moves of the window.")] = 100,
    probe_epochs: Annotated[
        int, typer.Option(help="Passes in which the classifier is trained alone, first.")
    ] = 5,
    probe_rate: Annotated[float, typer.Option(help="Learning rate of those.")] = 0.01,
    saved: Annotated[
        str, typer.Option(help="Saved inputs of sparse updates are kept as int8 or float32.")
    ] = "int8",
    precision: Annotated[
        str,
        typer.Option(
            help="Trained weights: 'float', or 'int8', on a grid with quantisation-aware scaling "
            "and random rounding."
        ),
    ] = "float",
    mirror: Annotated[bool, typer.Option(help="Mirror every other image at random.")] = True,
    threads: Annotated[int, typer.Option(help="Threads of a process.")] = 1,
    cache: Annotated[
        Path | None,
        typer.Option(
            help="Folder for what the frozen front makes of the images.",
            show_default="~/.cache/near-memory-sampling",
        ),
    ] = None,
    checkpoints: Annotated[
        Path | None,
        typer.Option(
            help="Folder for a checkpoint of every run after each epoch; the same command again "
            "goes on where it was.",
            show_default="none",
        ),
    ] = None,
    weights_out: Annotated[
        Path | None, typer.Option(help="The weights of the last run are written here, .npz.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="The results are also written here as JSON.")
    ] = None,
) -> None:
    """Fine-tune the end of a pretrained network, updating few channels a step (DGSU).

    Trains the classifier alone, then the chosen part, with plain gradient steps. Prints accuracy on
    all test images, the memory of a step of one image as an int8 device would hold it, and the time
    of a step here. For several processes: torchrun --no-python --nproc-per-node N nms finetune ...

    Example: nms finetune --data cifar-10-batches-py --model mobilenetv2-1.0 --weights w.npz

    Example: nms finetune --data digits --model resnet8 --update dense --epochs 20 --rate 0.05
    """
    with one_sentence():
        require_torch()
        from host import datasets
        from host.files import as_json, check_writable, write_whole
        from host.selection_file import read_selection
        from host.trainer.finetune import Settings
        from host.trainer.request import Request
        from host.trainer.runs import Progress, compare_updates
        from host.trainer.tables import piecewise_progress, print_finetuning
        from host.trainer.weights import save_weights
        from host.trainer.workers import joined

        for path, option in ((out, "--out"), (weights_out, "--weights-out")):
            if path is not None:
                check_writable(path, option)
        updates, rates = tuple(update or ["dgsu"]), tuple(rate or [0.02])
        settings = Settings(
            update=updates[0],
            seed=1,
            epochs=epochs,
            batch=batch,
            rate=rates[0],
            probe_epochs=probe_epochs,
            probe_rate=probe_rate,
            period=period,
            saved=saved,
            precision=precision,
        )
        request = Request(
            model=model,
            updates=tuple(dict.fromkeys(updates)),
            settings=settings,
            rates=tuple(dict.fromkeys(rates)),
            seeds=seeds,
            weights=weights,
            side=side,
            budget=int(budget_kib * 1024),
            ratio=ratio,
            least_saved=least_saved,
            start=start,
            tune_epochs=tune_epochs,
            tune_samples=tune_samples,
            mirror=mirror,
            cache=cache,
            checkpoints=checkpoints,
            threads=threads,
        )
        dataset = datasets.load(data)
        indices = None if selection is None else read_selection(selection, dataset).indices
        with joined() as workers, piecewise_progress(workers.rank == 0) as (on_start, on_piece):
            progress = Progress(on_start=on_start, on_piece=on_piece)
            document, trained = compare_updates(dataset, request, indices, progress)
        if workers.rank:
            return
        if weights_out is not None:
            save_weights(weights_out, trained)
        if out is not None:
            write_whole(out, as_json(document))
        print_finetuning(document, [p for p in (out, weights_out) if p is not None])
