# SPDX-License-Identifier: Apache-2.0
"""`nms doctor`: which tools are there, which version, and what to do about those that are not."""

import importlib.metadata
import importlib.util
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

OK, MISSING, OLD, OTHER = "ok", "missing", "too old", "other version"

PROJECT = "near-memory-sampling"
EXTRAS = ("train",)
"""Optional extras whose packages are listed; without them selection still works."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One tool: what was found, whether it will do, and the remedy if it will not."""

    name: str
    version: str
    state: str
    purpose: str
    needed: bool = True
    remedy: str = ""

    @property
    def fatal(self) -> bool:
        """True if the tool is needed and will not do."""
        return self.needed and self.state in (MISSING, OLD)


def check_python() -> Finding:
    """The interpreter itself: 3.11 or newer."""
    new_enough = sys.version_info >= (3, 11)
    return Finding(
        name="python",
        version=platform.python_version(),
        state=OK if new_enough else OLD,
        purpose="everything",
        remedy="" if new_enough else "install Python 3.11 or newer, then make setup",
    )


def check_command(name: str, purpose: str, remedy: str) -> Finding:
    """A command on PATH; its version is the first number in what `--version` prints."""
    path = shutil.which(name)
    if path is None:
        return Finding(name=name, version="", state=MISSING, purpose=purpose, remedy=remedy)
    answer = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=60)
    number = re.search(r"\d+(\.\d+)+", answer.stdout)
    return Finding(name=name, version=number[0] if number else "?", state=OK, purpose=purpose)


def check_verilator() -> Finding:
    """The Verilator that will be used, and where it comes from."""
    from verif.sim.toolchain import MINIMUM, ToolchainError, find_verilator, version_text

    purpose = "simulates the generated Verilog"
    try:
        tool = find_verilator()
    except ToolchainError as error:
        state = OLD if " is Verilator " in str(error) else MISSING
        return Finding(
            name="verilator", version="", state=state, purpose=purpose, remedy=str(error)
        )
    why = (
        "the system's"
        if tool.source == "system"
        else f"from the wheel: the system has none that is {version_text(MINIMUM)} or newer"
    )
    return Finding(
        name="verilator", version=tool.version_text, state=OK, purpose=f"{purpose} ({why})"
    )


def check_icarus() -> Finding:
    """Icarus Verilog, in which one job of the accelerator runs with unknown values."""
    from verif.sim.toolchain import ToolchainError, icarus_version

    purpose, version, remedy = "optional, a second simulator for make sim", "", ""
    try:
        version = icarus_version()
    except ToolchainError as error:
        remedy = str(error)
    return Finding(
        name="iverilog",
        version=version,
        state=OK if version else MISSING,
        purpose=purpose,
        needed=False,
        remedy=remedy,
    )


def check_libpython() -> Finding:
    """cocotb runs Python inside the simulator, which needs Python as a shared library."""
    purpose = "cocotb embeds it in the simulator"
    remedy = (
        "use a Python built with --enable-shared (Debian and Ubuntu: apt install libpython3-dev)"
    )
    if importlib.util.find_spec("find_libpython") is None:
        return Finding(
            name="libpython", version="", state=MISSING, purpose=purpose, remedy="make setup"
        )
    import find_libpython

    found = find_libpython.find_libpython()
    return Finding(
        name="libpython",
        version="shared" if found else "",
        state=OK if found else MISSING,
        purpose=purpose,
        remedy="" if found else remedy,
    )


@cache
def pinned() -> dict[str, tuple[str, str]]:
    """Package -> (version pinned in pyproject.toml, extra or ""), from the installed metadata."""
    pins: dict[str, tuple[str, str]] = {}
    try:
        requirements = importlib.metadata.requires(PROJECT) or []
    except importlib.metadata.PackageNotFoundError:
        return pins
    for line in requirements:
        found = re.match(r"([\w.-]+)(?:\[[^]]*\])?==([\w.+!-]+)", line)
        extra = re.search(r"extra == ['\"](\w+)", line)
        if found and (extra is None or extra[1] in EXTRAS):
            pins[found[1]] = (found[2], extra[1] if extra else "")
    return pins


def check_package(name: str, wanted: str, extra: str) -> Finding:
    """An installed Python package against the version it is pinned to.

    A newer or older one than the pin is reported but does not stop anything.
    """
    remedy = "make setup" if not extra else f"pip install '.[{extra}]' (optional)"
    purpose = f"optional, extra {extra!r}" if extra else ""
    try:
        version = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return Finding(
            name=name, version="", state=MISSING, purpose=purpose, needed=not extra, remedy=remedy
        )
    same = version.split("+")[0] == wanted
    return Finding(
        name=name,
        version=version,
        state=OK if same else OTHER,
        purpose=purpose,
        needed=not extra,
        remedy="" if same else f"{wanted} is what was tested: {remedy}",
    )


def findings() -> Iterable[Finding]:
    """Every check, in the order of the table."""
    yield check_python()
    yield check_libpython()
    apt = "Debian and Ubuntu: apt install"
    yield check_command("g++", "compiles the simulators", f"{apt} g++")
    yield check_command("make", "runs the simulators' makefiles", f"{apt} make")
    yield check_command("perl", "the verilator command is a Perl script", f"{apt} perl")
    yield check_verilator()
    yield check_icarus()
    pins = pinned()
    if not pins:
        yield Finding(
            name=PROJECT, version="", state=MISSING, purpose="the package", remedy="make setup"
        )
    for name, (wanted, extra) in sorted(pins.items(), key=lambda item: (item[1][1], item[0])):
        yield check_package(name, wanted, extra)


def doctor() -> None:
    """Check every tool the project needs and say what to do about what is missing.

    Ends with exit status 1 if a needed tool is missing or too old.
    """
    import typer
    from rich.console import Console
    from rich.table import Table

    table = Table(title="tools")
    for heading in ("tool", "version", "state", "used for", "remedy"):
        table.add_column(heading)
    rows = list(findings())
    for row in rows:
        colour = "green" if row.state == OK else "red" if row.fatal else "yellow"
        state = f"[{colour}]{row.state}[/{colour}]"
        table.add_row(row.name, row.version, state, row.purpose, row.remedy)
    console = Console()
    console.print(table)
    fatal = [row.name for row in rows if row.fatal]
    if fatal:
        console.print(f"needed and not usable: {', '.join(fatal)} (see the remedies above)")
        raise typer.Exit(1)
