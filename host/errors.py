# SPDX-License-Identifier: Apache-2.0
"""What a user did wrong, told in one sentence: a command prints it and exits with status 2."""

from collections.abc import Iterator
from contextlib import contextmanager

import typer
from rich.console import Console
from rich.text import Text


class UserError(ValueError):
    """Bad input from the user. The message is one sentence naming the value and the remedy."""


class DataError(UserError):
    """A data source that cannot be used."""


class SelectionError(UserError):
    """A selection that cannot be made, or a selection file that cannot be used."""


class TrainingError(UserError):
    """A training run that cannot be done."""


@contextmanager
def one_sentence() -> Iterator[None]:
    """Turns a UserError inside a command into its sentence on standard error and exit status 2."""
    try:
        yield
    except UserError as error:
        Console(stderr=True).print(Text(f"error: {error}", style="bold red"), soft_wrap=True)
        raise typer.Exit(2) from None
