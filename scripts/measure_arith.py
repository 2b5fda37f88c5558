# SPDX-License-Identifier: Apache-2.0
"""Prints the worst errors of exp2, log2 and reciprocal, over all inputs, in last-place units."""

import argparse
from collections.abc import Iterable

import numpy as np
from rich.console import Console
from rich.table import Table

from verif.golden import exact


def summary(parts: Iterable[np.ndarray]) -> tuple[float, float, float]:
    """Lowest, highest and root mean square of errors that come in pieces."""
    count, low, high, squares = 0, 0.0, 0.0, 0.0
    for errors in parts:
        count += len(errors)
        low, high = min(low, errors.min()), max(high, errors.max())
        squares += float(errors @ errors)
    return low, high, float(np.sqrt(squares / count))


def measurements() -> list[tuple[str, str, tuple[float, float, float]]]:
    """Name, inputs in words, and summary of the errors of each unit."""
    sums, similarity = exact.LARGEST_SUM, exact.LARGEST_SIMILARITY_INPUT
    return [
        ("exp2, U1.16", "0 to 4,608", summary([exact.exp2_errors()])),
        (
            "log2, U.16",
            f"1 to {sums:,}",
            summary(exact.log2_errors(x) for x in exact.chunks(1, sums)),
        ),
        (
            "reciprocal, U1.16",
            f"1 to {sums:,}",
            summary(exact.reciprocal_errors(x, 16) for x in exact.chunks(1, sums)),
        ),
        (
            "reciprocal, U1.12",
            f"4,096 to {similarity:,}",
            summary(exact.reciprocal_errors(x, 12) for x in exact.chunks(1 << 12, similarity)),
        ),
    ]


def main() -> int:
    """Print the table; exit status 1 when an error reaches one unit."""
    argparse.ArgumentParser(
        description=__doc__,
        epilog="References: 50-digit decimals for exp2, 80-bit floating point for the others. "
        "Takes about half a minute on one core; nothing is sampled. "
        "Exit status 1: an error of one unit or more.",
    ).parse_args()
    table = Table(title="Errors in units of the last place (computed - exact)")
    for heading in ("unit", "inputs"):
        table.add_column(heading, no_wrap=True)
    for heading in ("lowest", "highest", "rms", "< 1"):
        table.add_column(heading, justify="right", no_wrap=True)
    passed = True
    for name, inputs, (low, high, rms) in measurements():
        good = max(-low, high) < 1
        passed &= good
        figures = (f"{low:+.3f}", f"{high:+.3f}", f"{rms:.3f}")
        table.add_row(name, inputs, *figures, "yes" if good else "NO")
    Console().print(table)
    return 0 if passed else 1


if __name__ == "__main__":
    raise SystemExit(main())
