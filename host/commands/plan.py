# SPDX-License-Identifier: Apache-2.0
"""nms plan: what a training step holds in memory, and what fits a budget."""

from pathlib import Path
from typing import Annotated

import typer

from host.commands.options import LeastSaved, Ratio
from host.errors import one_sentence


def plan(
    model: Annotated[str, typer.Option(help="mobilenetv2-0.35, mobilenetv2-1.0 or resnet8.")],
    side: Annotated[int, typer.Option("--input", help="Pixels a side of the images.")] = 128,
    budget_kib: Annotated[float, typer.Option(help="Memory of a training step, KiB.")] = 256,
    ratio: Ratio = 0.02,
    least_saved: LeastSaved = 0.975,
    classes: Annotated[int, typer.Option(help="Outputs of the classifier.")] = 10,
    batch: Annotated[int, typer.Option(help="Images in a step.")] = 1,
    biases: Annotated[bool, typer.Option(help="Train the biases of these layers too.")] = True,
    precision: Annotated[
        str,
        typer.Option(help="'int8': a byte a weight, map value and error. 'float': four bytes."),
    ] = "int8",
    start: Annotated[
        str | None,
        typer.Option(
            "--first-block",
            metavar="BLOCK",
            help="First trained block, such as block11.",
            show_default="the earliest that fits",
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="The plan is also written here as JSON.")] = None,
) -> None:
    """Choose what can be trained within a memory budget, and count every byte of it.

    Trains from some block to the end, as many blocks as fit, the same share of input channels in
    every layer. Nothing is trained here and no weights are needed. What does not fit ends with exit
    status 2 and says by how much.

    Example: nms plan --model mobilenetv2-1.0 --input 128 --budget-kib 256
    """
    with one_sentence():
        from host.errors import TrainingError
        from host.files import as_json, check_writable, write_whole
        from host.trainer.network import make_network
        from host.trainer.plan import INT8, Widths
        from host.trainer.planner import make_plan
        from host.trainer.tables import plan_document, print_plan

        widths = {"int8": INT8, "float": Widths(weight=4, saved=4, map=4)}
        if precision not in widths:
            raise TrainingError(f"there is no precision {precision!r}: choose int8 or float")
        if classes < 2:
            raise TrainingError(f"classes {classes} must be at least 2")
        if out is not None:
            check_writable(out)
        made = make_plan(
            make_network(model),
            side,
            classes,
            int(budget_kib * 1024),
            ratio,
            least_saved=least_saved,
            start=start,
            biases=biases,
            batch=batch,
            widths=widths[precision],
        )
        if out is not None:
            write_whole(out, as_json(plan_document(made)))
        print_plan(made, int(budget_kib * 1024), out)
