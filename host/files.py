# SPDX-License-Identifier: Apache-2.0
"""Files are written whole or not at all."""

import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from host.errors import UserError

RESULTS_FORMAT = "near-memory-sampling training"
RESULTS_VERSION = 1
HARDWARE_FORMAT = "near-memory-sampling hardware comparison"


def check_writable(path: Path, option: str = "--out") -> None:
    """Refuses, before any long work, an output path that cannot become a file."""
    if path.is_dir():
        raise UserError(f"{path} is a folder: give {option} the name of a file")
    parent = path.parent
    while not parent.exists():
        parent = parent.parent
    if not parent.is_dir() or not os.access(parent, os.W_OK):
        raise UserError(f"{path} cannot be written: {parent} is not a folder open for writing")


def write_whole(path: Path, content: str | bytes) -> None:
    """Writes `content`, text as UTF-8, beside `path` and renames it there, so that no reader ever
    sees half a file. UserError where it cannot: no room, no right to."""
    try:
        _write_whole(path, content)
    except OSError as error:
        reason = error.strerror or error
        raise UserError(
            f"{path} cannot be written: {reason}: make room, or write elsewhere"
        ) from None


def _write_whole(path: Path, content: str | bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content.encode() if isinstance(content, str) else content)
        mask = os.umask(0)
        os.umask(mask)
        temporary.chmod(0o666 & ~mask)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def check_arrays(members: Mapping[str, Any]) -> None:
    """ValueError when a member of an .npz is no array: numpy gives its bytes as they are."""
    for name, member in members.items():
        if not isinstance(member, np.ndarray):
            raise ValueError(f"{name} is no array")


def as_json(document: dict[str, Any], one_line: str | None = None) -> str:
    """`document` as indented JSON; the long list under `one_line` stays on a single line."""
    if one_line is None:
        return json.dumps(document, indent=2, allow_nan=False) + "\n"
    marker = "@one_line@"
    text = json.dumps({**document, one_line: marker}, indent=2, allow_nan=False)
    return text.replace(f'"{marker}"', json.dumps(document[one_line], allow_nan=False)) + "\n"


def read_json(path: Path, what: str) -> dict[str, Any]:
    """The JSON object in `path`, which messages call `what`; UserError when there is none."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{what} {path} does not exist") from None
    except (OSError, ValueError) as error:
        raise UserError(f"{what} {path} cannot be read as JSON: {error}") from None
    if not isinstance(document, dict):
        raise UserError(f"{what} {path} must hold a JSON object, not a {type(document).__name__}")
    return document
