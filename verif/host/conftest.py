# SPDX-License-Identifier: Apache-2.0
"""A small real data set for the host tests: 120 digits of three classes, as an .npz file."""

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from host import datasets
from host.cli import app

CLASSES = (0, 3, 8)
PER_CLASS = 40
TEST_PER_CLASS = 20


@pytest.fixture(scope="session")
def digits() -> datasets.Dataset:
    return datasets.load("digits")


@pytest.fixture
def arrays(digits: datasets.Dataset) -> dict[str, np.ndarray]:
    """The four arrays of the small set; a test may spoil them."""
    assert digits.x_test is not None and digits.y_test is not None
    train = [np.flatnonzero(digits.y_train == label)[:PER_CLASS] for label in CLASSES]
    test = [np.flatnonzero(digits.y_test == label)[:TEST_PER_CLASS] for label in CLASSES]
    return {
        "x_train": digits.x_train[np.concatenate(train)],
        "y_train": digits.y_train[np.concatenate(train)],
        "x_test": digits.x_test[np.concatenate(test)],
        "y_test": digits.y_test[np.concatenate(test)],
    }


@pytest.fixture
def small(tmp_path: Path, arrays: dict[str, np.ndarray]) -> Path:
    return save(tmp_path / "small.npz", arrays)


def save(path: Path, arrays: dict[str, np.ndarray]) -> Path:
    np.savez(path, **arrays)  # type: ignore[arg-type]
    return path


def nms(*arguments: object) -> Result:
    """Runs the command in this process; `.output` has both streams."""
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def one_sentence(result: Result, *parts: str) -> None:
    """Asserts exit status 2 and one sentence on standard error that holds all `parts`."""
    assert result.exit_code == 2, f"exit {result.exit_code}: {result.output} {result.exception!r}"
    lines = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1 and "Traceback" not in result.stderr, result.stderr
    for part in parts:
        assert part in lines[0], f"{part!r} is not in {lines[0]!r}"
