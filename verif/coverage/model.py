# SPDX-License-Identifier: Apache-2.0
"""The functional coverage model: what the tests of the whole accelerator must have tried."""

from golden.desne.calibrate import Status
from hw.registers import Phase, Refusal
from hw.sgmac.registers import GradientOperation, GradientPhase, GradientRefusal


def _names(enumeration, *without: str) -> tuple[str, ...]:
    return tuple(member.name for member in enumeration if member.name not in without)


WORKING = _names(Phase, "IDLE")
UNIT_WORKING = _names(GradientPhase, "IDLE")

POINTS: dict[str, tuple[str, ...]] = {
    # ---- the selection engine
    "selection.samples": ("2", "3", "odd", "even", "32"),
    "selection.bytes": ("1", "below a beat", "whole beats", "ragged", "most"),
    "selection.budget": ("1", "some", "all"),
    "selection.rule and drop": tuple(
        f"{rule}, {drop}" for rule in ("curve", "medoid", "grid") for drop in (0.0, 0.25, 0.5)
    ),
    "selection.spread": ("0", "between", "256"),
    "selection.iterations": ("0", "1", "some", "10 and more"),
    "selection.neighbours": ("all others", "the nearest of more"),
    "selection.reduce": ("identity", "pooling", "hashing", "any"),
    "selection.feature": ("0", "255", "between"),
    "selection.status": _names(Status),
    "selection.tie at the cut": ("no", "yes"),
    "selection.coordinates": ("inside", "at the limit"),
    "selection.refusal": _names(Refusal, "NONE"),
    "selection.error": ("read_slave", "read_decode", "write_slave", "write_decode"),
    "selection.abort in": WORKING,
    "selection.reset in": WORKING,
    # ---- the sparse-gradient unit
    "gradient.kernel": ("1", "2", "3"),
    "gradient.stride": ("1", "2", "3 and more"),
    "gradient.padding": ("none", "even", "uneven"),
    "gradient.kind": ("dense", "depthwise"),
    "gradient.channels": ("one", "all", "neither first nor last", "with gaps", "odd", "even"),
    "gradient.outputs": ("below a block", "whole blocks", "ragged blocks"),
    "gradient.map": ("one value", "some", "a whole plane"),
    "gradient.sums": ("new", "accumulated"),
    "gradient.bias": ("no", "yes"),
    "gradient.update": ("none", "nearest", "stochastic"),
    "gradient.rounding": ("tie", "no fraction", "down", "up"),
    "gradient.saturated": ("no", "yes"),
    "gradient.refusal": _names(GradientRefusal, "NONE"),
    "gradient.error": tuple(
        f"{operation}, {error}"
        for operation in _names(GradientOperation)
        for error in ("read_slave", "read_decode", "write_slave", "write_decode")
    ),
    "gradient.abort in": UNIT_WORKING,
    "gradient.reset in": UNIT_WORKING,
    "gradient.illegal list": ("GRADIENT", "SCHEDULE"),
    "choice.rank": ("dense", "depthwise"),
    "choice.window": ("one channel", "some", "the pool", "wraps"),
    # ---- both, and the memory port
    "both.gradients end during": WORKING,
    **{
        f"port.{side}.{name}": bins
        for side in ("read", "write")
        for name, bins in {
            "beats of a burst": ("1", "some", "64"),
            "page of 4 KiB": ("ends with it", "begins with it", "inside"),
            "bursts under way": ("1", "2", "3", "4 and more"),
        }.items()
    },
    "port.stalled channel": ("ar", "r", "aw", "w", "b"),
}
"""Cover points and their bins."""

FLOOR = 0.95
"""Share of the reachable bins that a regression must hit; it goes up with the tests."""

MINIMUM = 1
"""Hits that each bin needs, where LEAST says nothing else."""

LEAST = {
    "selection.rule and drop": 3,
    "selection.status": 10,
    "gradient.kernel": 5,
    "port.read.beats of a burst": 10,
    "port.stalled channel": 100,
}

UNREACHABLE: dict[tuple[str, str], str] = {
    ("selection.reduce", "pooling"): (
        "tiny has 8 features and jobs are rows of bytes, for which make_table never pools; the "
        "hardware holds a table and knows no kinds, and images are pooled by the tests of reduce"
    ),
    ("selection.status", "CLAMPED_LOW"): (
        "with the 8 features of tiny no two samples are so far apart that the lowest inverse "
        "temperature tells it; verif/unit/desne/test_calibrate.py::test_clamped_low does with more"
    ),
    ("gradient.refusal", "ABSENT"): (
        "only hardware without the unit (outputs = 0) refuses so; `edge` is such"
    ),
    ("port.write.beats of a burst", "64"): (
        "the longest transfer that tiny writes is 32 indices, 16 beats; a row of gradients has at "
        "most `outputs` values. verif/unit/bus/test_write_master.py has bursts of any length"
    ),
}
"""Bins that need no hit, with the reason."""
