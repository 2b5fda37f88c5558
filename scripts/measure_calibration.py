# SPDX-License-Identifier: Apache-2.0
"""Perplexity that the calibrated rows really reach, and what the row shift is for.

First table: every row of the tiles is calibrated by the integer model, and the perplexity it
reaches is computed in float64 at the code that was found. Second table: the fixed-point entropy
over all 8,192 codes, with the row shift and without, on rows drawn from the same tiles.
"""

import argparse
import os
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numba import njit
from rich.console import Console
from rich.progress import track
from rich.table import Table

from golden.arith import exp2, log2
from golden.desne.calibrate import CODE_BITS, Status, calibrate, entropy_target, exponent
from golden.desne.distance import distance
from golden.desne.reduce import make_table, reduce
from golden.desne.tiles import plan_class
from host.datasets import Dataset, load
from host.errors import DataError
from verif.golden.perplexity import row_shifted, true_perplexity

CODES = 1 << CODE_BITS
NOTHING = -1
FASHION_MNIST = "fashion-mnist"
console = Console()


def data_folder() -> Path:
    """Where optional data lies: the folder of NMS_DATA, else shared/data beside the repository."""
    default = Path(__file__).resolve().parents[2] / "shared" / "data"
    return Path(os.environ.get("NMS_DATA") or default)


def default_sources() -> list[str]:
    """digits, and Fashion-MNIST where it is found; says so when it is not."""
    folder = data_folder() / FASHION_MNIST
    if folder.is_dir():
        return ["digits", str(folder)]
    console.print(f"no {FASHION_MNIST} in NMS_DATA or shared/data: digits only")
    return ["digits"]


def tiles(data: Dataset, size: int, per_class: int, features: int, seed: int) -> list[np.ndarray]:
    """Reduced samples, uint8 [n, F], of the first tiles (0: all) of every class."""
    samples = data.x_train.reshape(len(data.x_train), -1)
    table = make_table(data.x_train.shape[1:], features, seed)
    found = []
    for label in data.classes:
        members = np.flatnonzero(data.y_train == label)
        plan = plan_class(members, len(members), size, seed, int(label), True)
        chosen = plan[: per_class or None]
        found += [reduce(samples[indices], table) for indices, _ in chosen]
    return found


def reached(tile: np.ndarray, perplexity: float, neighbours: int) -> tuple[np.ndarray, np.ndarray]:
    """Status [n] and relative perplexity error [n] of the rows of a tile."""
    d = distance(tile)
    result = calibrate(d, perplexity, neighbours)
    measured = true_perplexity(row_shifted(d, result.neighbours), result.code)
    return result.status, measured / perplexity - 1


@njit(cache=True, nogil=True)
def fixed_point_entropy(delta, entropy):
    """Entropy of a row in bits at each code as hardware has it; NOTHING where no weight is left."""
    for code in range(len(entropy)):
        total, moment = 0, 0
        for value in delta:
            t = exponent(value, code)
            w = exp2(t)
            total += w
            moment += w * t
        if total == 0:
            entropy[code] = NOTHING
        else:
            entropy[code] = (log2(total) - (16 << 16)) / 65536 + moment / (total * 256)


def search(entropy: np.ndarray, target: float) -> tuple[int, int]:
    """The code that successive approximation finds, and how many of its looks met no weight."""
    code, empty = 0, 0
    for bit in reversed(range(CODE_BITS)):
        seen = entropy[code | 1 << bit]
        empty += seen == NOTHING
        code |= (1 << bit) * (seen >= target)
    return code, empty


@dataclass
class Search:
    """What successive approximation met over the rows of a comparison."""

    rows: int = 0
    empty: int = 0
    rises: int = 0
    high_rises: int = 0
    highest: float = 0.0
    good: int = 0
    worst: float = 0.0

    @property
    def looks(self) -> int:
        """Evaluations of the entropy."""
        return max(CODE_BITS * self.rows, 1)

    def add(self, delta: np.ndarray, shift: int, perplexity: float) -> None:
        """One row: delta [k] are its distances less the smallest, the search sees delta + shift."""
        entropy = np.empty(CODES)
        fixed_point_entropy(delta + shift, entropy)
        steps = np.diff(entropy[entropy != NOTHING])
        code, empty = search(entropy, entropy_target(perplexity) / 65536)
        error = abs(true_perplexity(delta[None], np.array([code]))[0] / perplexity - 1)
        self.rows += 1
        self.empty += empty
        self.rises += int((steps > 0).sum())
        self.high_rises += int((steps > 0.01).sum())
        self.highest = max(self.highest, float(steps.max()))
        self.good += int(error < 0.01)
        self.worst = max(self.worst, error)


def compare_row_shift(
    found: list[np.ndarray], perplexity: float, neighbours: int, rows: int, seed: int
) -> tuple[Search, Search]:
    """The search with and without the row shift, on the same converged rows, drawn by the seed."""
    rng = np.random.default_rng(seed)
    with_shift, without = Search(), Search()
    picks = rng.integers(0, len(found), rows)
    for number in np.unique(picks):
        d = distance(found[number])
        result = calibrate(d, perplexity, neighbours)
        kept = np.take_along_axis(d, result.neighbours.astype(np.int64), axis=1)
        converged = np.flatnonzero(result.status == Status.CONVERGED)
        wanted = min(int((picks == number).sum()), len(converged))
        for i in rng.choice(converged, wanted, replace=False):
            smallest = int(kept[i].min())
            with_shift.add(kept[i] - smallest, 0, perplexity)
            without.add(kept[i] - smallest, smallest, perplexity)
    return with_shift, without


def transposed(title: str, columns: dict[str, dict[str, str]]) -> Table:
    """A figure a line, a column for each case: fits a narrow terminal."""
    table = Table(title=title, title_justify="left")
    table.add_column("")
    for name in columns:
        table.add_column(name, justify="right")
    for line in next(iter(columns.values())):
        table.add_row(line, *(column[line] for column in columns.values()))
    return table


def print_perplexity(sources: dict[str, list[np.ndarray]], options: argparse.Namespace) -> bool:
    """The first table. True when every converged row is within 1 %."""
    columns, passed = {}, True
    for name, found in sources.items():
        began = time.perf_counter()
        parts = [
            reached(tile, options.perplexity, options.neighbours)
            for tile in track(found, f"calibrating {name}", console=Console(stderr=True))
        ]
        status, error = (np.concatenate(part) for part in zip(*parts, strict=True))
        error = np.abs(error[status == Status.CONVERGED])
        passed &= bool((error < 0.01).all())
        sizes = sorted(map(len, found))
        column = {
            "tiles": f"{len(found):,}",
            "samples a tile": f"{sizes[0]:,} to {sizes[-1]:,}",
            "features": f"{found[0].shape[1]}",
            "rows": f"{len(status):,}",
        }
        for kind in Status:
            column[kind.name.lower().replace("_", " ")] = f"{(status == kind).sum():,}"
        if len(error):
            column["mean error"] = f"{error.mean():.3%}"
            column["worst error"] = f"{error.max():.3%}"
            column["within 1 %"] = f"{(error < 0.01).mean():.3%}"
        column["seconds"] = f"{time.perf_counter() - began:.1f}"
        columns[name] = column
    console.print(transposed(f"Rows calibrated to perplexity {options.perplexity:g}", columns))
    console.print("Errors are those of converged rows; every other row carries its status.")
    return passed


def print_row_shift(sources: dict[str, list[np.ndarray]], options: argparse.Namespace) -> None:
    """The second table."""
    columns = {}
    for name, found in sources.items():
        pair = compare_row_shift(
            found, options.perplexity, options.neighbours, options.rows, options.seed
        )
        for label, result in zip(("shifted", "not shifted"), pair, strict=True):
            columns[f"{name}\n{label}"] = {
                "rows": f"{result.rows:,}",
                "all-zero looks": f"{result.empty / result.looks:.2%}",
                "adjacent codes": f"{result.rows * (CODES - 1):,}",
                "entropy rises at": f"{result.rises:,}",
                "  by > 0.01 bit": f"{result.high_rises:,}",
                "highest rise, bit": f"{result.highest:.5f}",
                "within 1 %": f"{result.good / max(result.rows, 1):.1%}",
                "worst error": f"{result.worst:.2%}",
            }
    console.print(transposed("Entropy in fixed point over all codes, and the search", columns))
    console.print("All-zero looks: share of the search's evaluations at which no weight is left.")


def main() -> int:
    """Print both tables; exit status 1 when a converged row is 1 % or more off."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="Exit status 1: a converged row is 1 % or more off. "
        "Example: measure_calibration.py --data digits my.npz --tiles 1",
    )
    parser.add_argument(
        "--data",
        nargs="+",
        metavar="SRC",
        help="digits, an .npz or a folder, as in nms select (default: digits, and Fashion-MNIST "
        "where NMS_DATA or shared/data beside the repository holds it)",
    )
    parser.add_argument("--perplexity", type=float, default=30.0, help="default: %(default)s")
    parser.add_argument("--neighbours", type=int, default=64, help="K (default: %(default)s)")
    parser.add_argument("--features", type=int, default=64, help="F (default: %(default)s)")
    parser.add_argument("--tile", type=int, default=1024, help="samples (default: %(default)s)")
    parser.add_argument("--tiles", type=int, default=0, help="a class (default: 0, all)")
    parser.add_argument(
        "--rows", type=int, default=200, help="of the second table (default: %(default)s)"
    )
    parser.add_argument("--seed", type=int, default=1, help="default: %(default)s")
    options = parser.parse_args()
    try:
        sources = {}
        for source in options.data or default_sources():
            data = load(source)
            sources[data.name] = tiles(
                data, options.tile, options.tiles, options.features, options.seed
            )
        passed = print_perplexity(sources, options)
        print_row_shift(sources, options)
    except (DataError, ValueError) as error:
        parser.error(str(error))
    return 0 if passed else 1


if __name__ == "__main__":
    raise SystemExit(main())
