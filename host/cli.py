# SPDX-License-Identifier: Apache-2.0
"""The nms command: each sub-command is one function in a module of its own, registered here."""

import typer

app = typer.Typer(
    name="nms",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
    help="Near-memory sample selection: hardware generator, simulators and host tool.",
)


@app.callback()
def main() -> None:
    """Near-memory sample selection: hardware generator, simulators and host tool."""
