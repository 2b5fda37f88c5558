# SPDX-License-Identifier: Apache-2.0
"""nms demo: the whole way once."""

from pathlib import Path
from typing import Annotated

import typer

from host.commands.train import require_torch
from host.errors import one_sentence


def demo(
    out: Annotated[Path, typer.Option(help="Everything is written into this folder.")] = Path(
        "build/demo"
    ),
) -> None:
    """Select handwritten digits, check the hardware in Verilator, train, and write a report.

    Takes a few minutes on two cores. Ends with status 1 if the hardware differs from the golden
    model.
    """
    with one_sentence():
        require_torch()
        from host.demo import run

        if not run(out):
            raise typer.Exit(1)
