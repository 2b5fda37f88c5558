# SPDX-License-Identifier: Apache-2.0
"""Simulator builds, kept by the hash of everything that goes into them and shared by processes."""

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from filelock import FileLock

from verif.sim.toolchain import Verilator, find_verilator

X_FLAGS = ("--x-initial", "unique", "--x-assign", "unique")
"""What the hardware leaves undefined is random, so that no test passes by a lucky zero."""


SPLIT_FLAGS = ("--output-split", "30000", "--output-split-cfuncs", "3000")
"""Large functions take the compiler most of its time: these cut that of `edge` to a sixth."""

WAIVERS = Path(__file__).with_name("waivers.vlt")
"""Verilator's warnings that generated Verilog may give, with reasons; all others are errors."""


class BuildError(RuntimeError):
    """A tool failed; the message ends with what it printed."""


def build_root() -> Path:
    """Where builds are kept: $NMS_BUILD, else build/ of the repository, else the user's cache."""
    if "NMS_BUILD" in os.environ:
        return Path(os.environ["NMS_BUILD"]).absolute()
    repository = Path(__file__).resolve().parents[2]
    if (repository / "pyproject.toml").is_file():
        return repository / "build"
    return Path.home() / ".cache" / "nms"


def build_folder(name: str, key: Mapping[str, Any]) -> Path:
    """Where the build of this `key` (anything JSON can write) is kept, made or not."""
    digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:16]
    return build_root() / "sim" / f"{name}-{digest}"


def cached_build(name: str, key: Mapping[str, Any], make: Callable[[Path], None]) -> Path:
    """A folder in which `make(folder)` succeeded once for this `key`.

    Other processes that want the same build wait for it; a build that failed is made again.
    """
    folder = build_folder(name, key)
    done = folder / "done"
    if done.exists():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{folder}.lock"):
        if not done.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            make(folder)
            done.touch()
    return folder


def run_tool(tool: Verilator, command: Sequence[str | Path], folder: Path, what: str) -> None:
    """Run one build command in Verilator's environment; a BuildError shows what it printed."""
    result = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, **tool.environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    (folder / f"{what}.log").write_text(result.stdout)
    if result.returncode:
        tail = "\n".join(result.stdout.splitlines()[-30:])
        raise BuildError(f"{what} failed ({folder / what}.log):\n{tail}")


def toolchain_key() -> dict[str, str]:
    """What of the machine a build depends on."""
    tool = find_verilator()
    waivers = hashlib.sha256(WAIVERS.read_bytes()).hexdigest()
    return {"verilator": tool.version_text, "path": str(tool.path), "waivers": waivers}
