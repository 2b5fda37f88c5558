# SPDX-License-Identifier: Apache-2.0
"""A small int8 network trained twice: with gradients from golden, and from the generated hardware.

    python -m scripts.train_in_loop
    python -m scripts.train_in_loop --network mobilenet --preset train --data ../shared/data

Forward and errors are integers on the host (verif/int8_network.py); the weight gradients of the
selected channels and the updated weights come from the back end, with stochastic rounding. After
every step all weights of the two networks are compared.

digits: on preset tiny, 8 x 8 images; a depthwise and a pointwise convolution, half of their
channels a step, and a classifier. mobilenet: on preset train, the depthwise convolution and the
projection of MobileNetV2's last bottleneck (width 0.35, pretrained, images of CIFAR-10), a quarter
of their channels a step, and a classifier.
"""

from contextlib import closing
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from host.console import console, work_progress
from host.errors import UserError, one_sentence
from host.gradient_backends import GoldenGradient, RtlGradient
from verif.int8_network import Step, side_by_side
from verif.vectors.int8_networks import CIFAR10, MOBILENET_WEIGHTS, digits_network, mobilenet_pair


class Choice(StrEnum):
    """The networks."""

    DIGITS = "digits"
    MOBILENET = "mobilenet"


PRESETS = {Choice.DIGITS: "tiny", Choice.MOBILENET: "train"}
BATCHES = {Choice.DIGITS: 24, Choice.MOBILENET: 8}


def show(steps: list[Step]) -> None:
    """A line a step."""
    table = Table(title="Loss and accuracy over all samples", title_justify="left")
    for name in ("step", "loss", "right", "gradients", "hardware cycles", "weights that differ"):
        table.add_column(name, justify="right")
    for step in steps:
        cycles = step.counters.get("cycles")
        table.add_row(
            f"{step.step}",
            f"{step.loss:.4f}",
            f"{step.right:.1%}",
            f"{step.gradients:,}",
            "" if cycles is None else f"{cycles:,}",
            f"{step.differ:,}",
        )
    console.print(table)
    cycles = sum(step.counters.get("cycles", 0) for step in steps)
    console.print(
        f"{len(steps) - 1} steps, loss {steps[0].loss:.3f} to {steps[-1].loss:.3f}, "
        f"{sum(step.gradients for step in steps):,} gradients, {cycles:,} cycles, "
        f"{sum(step.differ for step in steps):,} weights differ after any step",
        highlight=False,
    )


def main(
    network: Annotated[Choice, typer.Option(help="What to train.")] = Choice.DIGITS,
    preset: Annotated[
        str | None, typer.Option(help="Hardware.", show_default="tiny for digits, else train")
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help=f"For mobilenet: holds {CIFAR10} and {MOBILENET_WEIGHTS}.")
    ] = None,
    steps: Annotated[int, typer.Option(min=1, help="Of training.")] = 20,
    batch: Annotated[
        int | None, typer.Option(min=1, help="Images a step.", show_default="24, mobilenet 8")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of weights, batches and rounding.")] = 1,
) -> None:
    """Train a small int8 network with golden and with the generated hardware side by side, and
    print the loss and the number of weights that differ after every step.

    Exits with 1 if any weight differs.
    """
    with one_sentence():
        batch = batch or BATCHES[network]
        if network is Choice.DIGITS:
            made = [digits_network(seed, batch=batch) for _ in range(2)]
        else:
            for name in (CIFAR10, MOBILENET_WEIGHTS):
                if data is None or not (data / name).exists():
                    raise UserError(f"mobilenet needs --data, a folder that holds {name}")
            assert data is not None
            made = [mobilenet_pair(seed, data, batch=batch) for _ in range(2)]
        (first, samples), (second, _) = made
        found = []
        with (
            closing(RtlGradient(preset or PRESETS[network])) as hardware,
            work_progress("steps") as (expect, done),
        ):
            expect(steps + 1)
            backends = GoldenGradient(), hardware
            for step in side_by_side((first, second), backends, samples, steps, batch):
                found.append(step)
                done()
        show(found)
    raise typer.Exit(1 if any(step.differ for step in found) else 0)


if __name__ == "__main__":
    typer.run(main)
