# SPDX-License-Identifier: Apache-2.0
"""One seed for a test session, and the table of everything that was simulated."""

import os
import shlex
import shutil
from pathlib import Path

import hypothesis
import pytest

from verif import records
from verif.coverage import functional
from verif.sim.build import build_root

hypothesis.settings.register_profile("slow machines too", deadline=None, print_blob=True)
hypothesis.settings.load_profile("slow machines too")


def pytest_configure(config):
    if not hasattr(config, "workerinput"):  # the process that the workers of pytest-xdist report to
        folder = build_root() / "records" / str(os.getpid())
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        os.environ[records.VARIABLE] = str(folder)


def session_seed() -> int:
    """The seed of the session: COCOTB_RANDOM_SEED (make sim SEED=n), else 1."""
    return int(os.environ.get("COCOTB_RANDOM_SEED", "1"))


@pytest.fixture
def seed() -> int:
    """That of the session."""
    return session_seed()


def pytest_sessionfinish():
    functional.save()


def pytest_terminal_summary(terminalreporter, config):
    bad = [report for kind in ("failed", "error") for report in terminalreporter.getreports(kind)]
    if bad:
        terminalreporter.section(f"run again, seed {session_seed()}")
        for name in dict.fromkeys(report.nodeid for report in bad):
            again = f".venv/bin/python -m pytest {shlex.quote(name)}"
            terminalreporter.write_line(f"COCOTB_RANDOM_SEED={session_seed()} {again}")
    lines = records.read(Path(os.environ[records.VARIABLE]))
    if lines and not hasattr(config, "workerinput"):
        terminalreporter.section("simulated")
        for line in records.table(lines):
            terminalreporter.write_line(line)


def pytest_unconfigure(config):
    if not hasattr(config, "workerinput"):
        shutil.rmtree(os.environ.pop(records.VARIABLE), ignore_errors=True)
