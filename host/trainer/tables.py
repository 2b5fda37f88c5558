# SPDX-License-Identifier: Apache-2.0
"""What nms plan and nms finetune print."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from host.console import console, percent
from host.trainer.plan import Plan

LINES = (
    ("updated weights and biases", "weights_and_biases_bytes"),
    ("optimiser state", "optimiser_state_bytes"),
    ("saved inputs", "saved_inputs_bytes"),
    ("masks", "masks_bytes"),
    ("peak buffers", "peak_buffers_bytes"),
)


@contextmanager
def piecewise_progress(
    shown: bool,
) -> Iterator[tuple[Callable[[str, int], None], Callable[[], None]]]:
    """One bar after another: a function that begins one, with its text and its pieces of work,
    and one to call after each piece."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    times = (TimeElapsedColumn(), TimeRemainingColumn())
    err = Console(stderr=True)
    with Progress(*columns, *times, console=err, disable=not shown) as progress:
        current: list[TaskID] = []

        def on_start(text: str, pieces: int) -> None:
            current[:] = [progress.add_task(text, total=pieces)]

        yield on_start, lambda: progress.advance(current[0])


def plan_document(plan: Plan) -> dict[str, Any]:
    """A plan as JSON."""
    widths = plan.widths
    return {
        "model": plan.network.name,
        "input": plan.side,
        "classes": plan.classes,
        "first_trained_block": plan.network.blocks[plan.start].name,
        "channels": plan.channels,
        "biases": plan.biases,
        "bytes_of_a": {
            "weight": widths.weight,
            "bias": widths.bias,
            "saved_input": widths.saved,
            "classifier_input": widths.feature,
            "map_value": widths.map,
            "gradient": widths.gradient,
        },
        **plan.figures(),
    }


def print_plan(plan: Plan, budget: int, path: Path | None) -> None:
    """The layers with their channels, the five lines, and what is saved against dense."""
    layers = Table(
        title=f"{plan.network.name}, {plan.side} x {plan.side} pixels: what is trained",
        title_justify="left",
    )
    layers.add_column("layer", no_wrap=True)
    for name in ("channels a step", "weights", "input map"):
        layers.add_column(name, justify="right", no_wrap=True)
    for place in plan.tail:
        layer, count = place.layer, plan.channels[place.layer.name]
        layers.add_row(
            layer.name,
            f"{count:,} of {layer.inputs:,}",
            f"{layer.window_weights(count):,}",
            f"{layer.inputs:,} x {place.side} x {place.side}",
        )
    layers.add_section()
    layers.add_row("all", "", f"{plan.updated:,}", "")
    console.print(layers)
    console.print(
        f"{plan.ratio:.2%} of the {plan.network.weights:,} convolution weights a step.",
        highlight=False,
    )
    widths = plan.widths
    memory = Table(
        title=f"Memory of a step, batch {plan.batch}",
        title_justify="left",
        caption=f"bytes of a weight {widths.weight}, bias {widths.bias}, saved input "
        f"{widths.saved}, map value or error {widths.map}, gradient {widths.gradient}, classifier "
        f"input {widths.feature}; a mask is one bit",
        caption_justify="left",
    )
    memory.add_column("held")
    memory.add_column("bytes", justify="right")
    figures = plan.figures()
    for name, key in LINES:
        memory.add_row(name, f"{figures[key]:,}")
    memory.add_section()
    memory.add_row("total", f"{plan.total_bytes:,}")
    memory.add_row("budget", f"{budget:,}")
    console.print(memory)
    front = plan.parameters_bytes + plan.front_bytes
    if plan.start:
        console.print(
            f"While the frozen front runs, row by row: {front:,} bytes with the updated weights.",
            highlight=False,
        )
    console.print(
        f"Feature memory: {plan.features_bytes:,} of {plan.dense_features_bytes:,} bytes of dense "
        f"training of the whole network; {plan.saved_share:.2%} saved.",
        highlight=False,
    )
    if path is not None:
        console.print(f"Written: {path}", highlight=False, soft_wrap=True)


def print_finetuning(document: dict[str, Any], paths: list[Path]) -> None:
    """Accuracy, memory and time of every kind of update."""
    table = Table(
        title=f"{document['model']} on {document['data']['name']}: {document['train_samples']:,} "
        f"training and {document['test_samples']:,} test images of {document['input']} x "
        f"{document['input']} pixels, {document['epochs']} epochs, batches of "
        f"{document['batch']}, seeds 1 to {document['seeds']}",
        title_justify="left",
        caption=f"trained from {document['first_trained_block']} on; accuracy: mean ± standard "
        f"deviation over the seeds; weights of precision {document['precision']}, saved inputs "
        f"{document['saved']} (dense: float32); ms/step and bytes held: on this machine",
        caption_justify="left",
    )
    table.add_column("update")
    for name in ("rate", "accuracy", "weights a step", "ms/step", "held for backward"):
        table.add_column(name, justify="right")
    for row in document["rows"]:
        table.add_row(
            row["update"],
            f"{row['rate']:g}",
            percent(row["mean"], row["spread"]),
            f"{row['memory']['updated_share']:.2%}",
            f"{1000 * row['seconds_per_step']:.1f}",
            f"{row['held_bytes']:,}",
        )
    console.print(table)
    memory = Table(
        title="Memory of a step of one image on an int8 device, bytes (nms plan)",
        title_justify="left",
    )
    memory.add_column("held")
    for row in document["rows"]:
        memory.add_column(row["update"], justify="right")
    for name, key in (*LINES, ("total", "total_bytes")):
        if key == "total_bytes":
            memory.add_section()
        memory.add_row(name, *(f"{row['memory'][key]:,}" for row in document["rows"]))
    saved = [f"{row['memory']['feature_memory_saved']:.2%}" for row in document["rows"]]
    memory.add_row("feature memory saved", *saved)
    console.print(memory)
    for row in document["rows"]:
        if row["tuning"]:
            tried = ", ".join(f"{rate}: {100 * a:.2f} %" for rate, a in row["tuning"].items())
            console.print(f"Rates tried for {row['update']}: {tried}", highlight=False)
    for path in paths:
        console.print(f"Written: {path}", highlight=False, soft_wrap=True)
