# SPDX-License-Identifier: Apache-2.0
"""A failing test tells its seed and a command that runs it again."""

import os
import shlex
import subprocess
import sys

from verif.testplan import REPOSITORY

FAILING = """
import pytest
from verif.conftest import *

@pytest.mark.parametrize("text", ["it's", "b"])
def test_of_the_seed(seed, text):
    assert (seed, text) != (7, "it's")

@pytest.fixture
def broken():
    raise OSError

def test_with_an_error(broken):
    pass
"""


def test_the_command_runs_the_failing_test_again(tmp_path):
    (tmp_path / "conftest.py").write_text("from verif.conftest import *\n")
    (tmp_path / "test_it.py").write_text(FAILING)
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "NMS_BUILD": str(tmp_path / "b")}
    environment.pop("NMS_RECORDS", None)
    environment.pop("PYTEST_XDIST_WORKER", None)

    def run(words: list[str], **more: str) -> str:
        command = [sys.executable, "-m", "pytest", *words, "-p", "no:cacheprovider"]
        return subprocess.run(
            command, cwd=tmp_path, env={**environment, **more}, capture_output=True, text=True
        ).stdout

    printed = run([], COCOTB_RANDOM_SEED="7")
    assert "run again, seed 7" in printed
    commands = [line for line in printed.splitlines() if line.startswith("COCOTB_RANDOM_SEED=7 ")]
    assert len(commands) == 2, "one for the failure, one for the error, none for what passed"
    first = shlex.split(commands[0])
    assert first[1:4] == [".venv/bin/python", "-m", "pytest"]
    again = run(first[4:], COCOTB_RANDOM_SEED=first[0].partition("=")[2])
    assert "1 failed" in again
    assert "1 passed" in run(first[4:], COCOTB_RANDOM_SEED="8")
