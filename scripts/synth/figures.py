# SPDX-License-Identifier: Apache-2.0
"""What the reports of Yosys and nextpnr say, and whether it is worse than it was."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

CELLS = ("LUT4", "CCU2C", "TRELLIS_FF", "TRELLIS_DPR16X4", "MULT18X18D", "DP16KD")
"""Cells of the ECP5 that are counted: logic, carry chains (two LUTs each), flip-flops, LUT RAM,
multipliers, block RAM."""

PLACED = ("TRELLIS_COMB", "TRELLIS_FF", "MULT18X18D", "DP16KD")
"""What the device has a fixed number of; TRELLIS_COMB are LUTs, those of carries and RAM too."""

CELL_SLACK = 32
"""Cells of a kind that may come on top, whatever the tolerance: small blocks vary by a few."""


class ReportError(ValueError):
    """A report or baseline that does not hold what it must; the message says what."""


def cells_in(path: Path) -> dict[str, int]:
    """Cells of the flat netlist by type, from Yosys's `stat -json`; {} while there is no file.

    Raises ReportError if the file holds no cells.
    """
    if not path.is_file():
        return {}
    try:
        cells = json.loads(path.read_text(encoding="utf-8"))["design"]["num_cells_by_type"]
        counted = {str(name): int(count) for name, count in cells.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ReportError(f"{path.name} is no statistics file of Yosys: {error!r}") from error
    if not counted:
        raise ReportError(f"{path.name} counts no cells")
    return counted


def clock_mhz(report: Mapping[str, Any]) -> float:
    """Highest clock frequency in nextpnr's report, which must have just one clock."""
    fmax = report.get("fmax")
    if not isinstance(fmax, Mapping) or len(fmax) != 1:
        raise ReportError(f"the report must hold the frequency of one clock, not {fmax!r}")
    (clock,) = fmax.values()
    frequency = float(clock["achieved"])
    if not frequency > 0:
        raise ReportError(f"the report holds a frequency of {frequency} MHz")
    return frequency


def used(report: Mapping[str, Any]) -> dict[str, tuple[int, int]]:
    """(used, available) of what the device has, from nextpnr's report."""
    try:
        use = report["utilization"]
        return {name: (int(use[name]["used"]), int(use[name]["available"])) for name in PLACED}
    except (KeyError, TypeError) as error:
        raise ReportError(f"the report lacks the use of {error}") from error


def describe(
    cells: Mapping[str, int],
    reports: Mapping[int, Mapping[str, Any]],
    *,
    verilog: str,
    tools: Mapping[str, str],
    target_mhz: float,
) -> dict[str, Any]:
    """The entry of a block in a baseline; reports: nextpnr's, by seed."""
    frequencies = {str(seed): round(clock_mhz(report), 1) for seed, report in reports.items()}
    placed = [used(report) for report in reports.values()]
    return {
        "verilog_sha256": verilog,
        "tools": dict(tools),
        "cells": {name: cells.get(name, 0) for name in CELLS},
        "comb": max((use["TRELLIS_COMB"][0] for use in placed), default=None),
        "target_mhz": target_mhz,
        "mhz": frequencies,
        "worst_mhz": min(frequencies.values(), default=None),
    }


def worse(
    name: str, now: Mapping[str, Any], before: Mapping[str, Any], per_cent: float
) -> list[str]:
    """A sentence for everything about a block that is worse by more than per_cent.

    More cells of a kind count, and a lower frequency: the worst over the seeds that both have.

    Raises
    ------
    ReportError: they have no seed in common though both were placed, or only one was.
    """
    sentences = []
    for kind in CELLS:
        is_, was = now["cells"][kind], before["cells"][kind]
        if is_ > was * (1 + per_cent / 100) and is_ - was > _slack(kind):
            sentences.append(f"{name}: {is_:,} {kind}, the baseline has {was:,}.")
    seeds = sorted(set(now["mhz"]) & set(before["mhz"]), key=int)
    if seeds:
        is_, was = (min(entry["mhz"][seed] for seed in seeds) for entry in (now, before))
        if is_ < was * (1 - per_cent / 100):
            sentences.append(
                f"{name}: {is_:.1f} MHz at the worst of seeds {', '.join(seeds)}, "
                f"the baseline has {was:.1f}."
            )
    elif now["mhz"] or before["mhz"]:
        raise ReportError(
            f"{name}: seeds {_listed(now['mhz'])} cannot be compared with the baseline's "
            f"{_listed(before['mhz'])}: give --seeds of the baseline"
        )
    return sentences


def _slack(kind: str) -> int:
    return 0 if kind in ("MULT18X18D", "DP16KD") else CELL_SLACK


def _listed(seeds: Mapping[str, Any] | Sequence[str]) -> str:
    return ", ".join(seeds) or "none"
