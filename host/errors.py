# SPDX-License-Identifier: Apache-2.0
"""What went wrong, told in one sentence; a command prints it and ends."""

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


class GradientError(UserError):
    """A sparse-gradient job that cannot be done."""


class HardwareError(RuntimeError):
    """The generated hardware, or what simulates it, failed. The message says how."""


@contextmanager
def one_sentence() -> Iterator[None]:
    """Turns an error inside a command into its sentence on standard error.

    The exit status is 2 for a UserError and 1 for a HardwareError.
    """
    try:
        yield
    except (UserError, HardwareError) as error:
        Console(stderr=True).print(Text(f"error: {error}", style="bold red"), soft_wrap=True)
        raise typer.Exit(2 if isinstance(error, UserError) else 1) from None
