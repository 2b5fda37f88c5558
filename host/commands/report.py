# SPDX-License-Identifier: Apache-2.0
"""nms report: a page to look at and to hand on."""

from pathlib import Path
from typing import Annotated

import typer

from host.commands.options import SOURCE
from host.errors import one_sentence


def report(
    data: Annotated[str, typer.Option(metavar="SRC", help=SOURCE)],
    selection: Annotated[Path, typer.Option(help="A file that nms select wrote from this data.")],
    out: Annotated[Path, typer.Option(help="The page is written here as one HTML file.")],
    results: Annotated[
        Path | None, typer.Option(help="A file that nms train wrote: adds the accuracy figures.")
    ] = None,
    hardware: Annotated[
        Path | None,
        typer.Option(help="hardware.json of nms demo: adds the comparison with the hardware."),
    ] = None,
) -> None:
    """Write one self-contained HTML page: maps, chosen images, accuracy, hardware, parameters.

    The maps are not stored with a selection; it is made again, and must give the same indices.

    Example: nms report --data digits --selection selection.json --out report.html
    """
    with one_sentence():
        from host import datasets
        from host.files import check_writable
        from host.report import read_hardware, read_results, remake, write_report
        from host.selection_file import read_selection

        check_writable(out)
        dataset = datasets.load(data)
        document = read_selection(selection, dataset).document
        trained = None if results is None else read_results(results, dataset)
        compared = None if hardware is None else read_hardware(hardware)
        write_report(out, dataset, remake(dataset, document), trained, compared)
        typer.echo(f"Written: {out}")
