# SPDX-License-Identifier: Apache-2.0
"""What a sparse-gradient job is given, from files and options."""

from pathlib import Path
from textwrap import shorten
from typing import Any

import numpy as np

from golden.sgmac import quantise_scale
from golden.sgmac.shape import check_channels
from golden.sgmac.update import check_scale
from host.errors import GradientError
from host.files import read_json

SCALE_REMEDY = (
    "give {'scale': S}, or {'multiplier': M, 'shift': S}, each a number or a list with one for "
    "each output channel"
)


def read_array(path: Path, what: str) -> np.ndarray:
    """The int8 array of four axes in a .npy file, which messages call `what`; GradientError when
    there is none."""
    try:
        array = np.load(path, allow_pickle=False)
    except FileNotFoundError:
        raise GradientError(f"{what} {path} does not exist") from None
    except Exception as wrong:  # numpy and zipfile raise of every kind for spoilt bytes
        raise GradientError(f"{what} {path} cannot be read as a .npy file: {wrong}") from None
    if not isinstance(array, np.ndarray):
        raise GradientError(f"{what} {path} holds several arrays: save one array with numpy.save")
    if array.dtype != np.int8:
        raise GradientError(
            f"{what} {path} holds {array.dtype} values: quantise them and save them as int8"
        )
    if array.ndim != 4 or not array.size:
        raise GradientError(
            f"{what} {path} has shape {array.shape}: four axes are needed, none of them empty; "
            "a matrix (N, C) becomes (N, C, 1, 1)"
        )
    return array


def _load(path: Path) -> np.ndarray:
    """What is in a .npy file; ValueError when there is nothing to be had."""
    try:
        return np.load(path, allow_pickle=False)
    except Exception as wrong:  # as above
        raise ValueError(f"it cannot be read as a .npy file: {wrong}") from None


def read_channels(given: str, in_channels: int) -> np.ndarray:
    """'all', numbers joined by commas, or a file of numbers (text or .npy): the channels, int64.
    GradientError unless they are ascending, unique and 0..in_channels - 1."""
    if given == "all":
        return np.arange(in_channels)
    path, numbers = Path(given), _numbers(given)
    try:
        if numbers is not None:
            return check_channels(numbers, in_channels)
        if not path.is_file():
            raise ValueError("it is neither 'all', a list like 1,5,7 nor a file with such a list")
        if path.suffix == ".npy":
            return check_channels(_load(path), in_channels)
        numbers = _numbers(path.read_text(encoding="utf-8"))
        if numbers is None:
            raise ValueError("it must hold whole numbers, between commas, blanks or line ends")
        return check_channels(numbers, in_channels)
    except (OSError, ValueError, EOFError) as wrong:
        raise GradientError(f"--channels {shorten(given, 60)}: {wrong}") from None


def _numbers(text: str) -> np.ndarray | None:
    """The numbers of a list, or None if something else stands there."""
    try:
        return np.array([int(number) for number in text.replace(",", " ").split()], np.int64)
    except (ValueError, OverflowError):
        return None


def read_scale(path: Path, outputs: int) -> tuple[np.ndarray, np.ndarray]:
    """Multiplier and shift of every output from a JSON file with 'scale', real numbers, or with
    'multiplier' and 'shift', integers; a single number is that of every output. GradientError for
    anything else."""
    document = read_json(path, "the scale")
    keys = set(document)
    if keys not in ({"scale"}, {"multiplier", "shift"}):
        found = ", ".join(sorted(keys)) or "nothing"
        raise GradientError(f"the scale {path} holds {found}: {SCALE_REMEDY}")
    try:
        if "scale" in document:
            return quantise_scale(_per_output(document["scale"], outputs, (int, float)))
        multiplier, shift = (
            _per_output(document[k], outputs, int) for k in ("multiplier", "shift")
        )
        return check_scale(multiplier, shift, outputs)
    except (ValueError, OverflowError) as wrong:
        raise GradientError(f"the scale {path} cannot be used: {wrong}") from None


def _per_output(given: Any, outputs: int, kind: type | tuple[type, ...]) -> np.ndarray:
    values = given if isinstance(given, list) else [given] * outputs
    for value in values:
        if isinstance(value, bool) or not isinstance(value, kind):
            raise ValueError(f"{value!r} is not a number that can stand there: {SCALE_REMEDY}")
    if len(values) != outputs:
        raise ValueError(f"it lists {len(values)} values for {outputs} output channels")
    return np.array(values)
