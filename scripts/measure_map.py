# SPDX-License-Identifier: Apache-2.0
"""Neighbourhood preservation and trustworthiness of the integer map beside openTSNE's.

Both embed the same reduced samples and are judged against them. Preservation is the share of each
sample's nearest neighbours that are among its nearest in the map; trustworthiness is
scikit-learn's. openTSNE runs with its defaults, but for the perplexity and the iterations.
"""

import argparse
import os
import time
from pathlib import Path

import numpy as np
from openTSNE import TSNE
from rich.console import Console
from rich.progress import track
from rich.table import Table
from sklearn.manifold import trustworthiness
from sklearn.neighbors import NearestNeighbors

from golden.desne import Parameters, run_tile
from golden.desne.reduce import identity_table, make_table, reduce
from host.datasets import Dataset, load
from host.errors import DataError

FASHION_MNIST = "fashion-mnist"
console = Console()


def preservation(features: np.ndarray, y: np.ndarray, neighbours: int) -> float:
    """Share of the nearest neighbours [n, F] that the map [n, 2] keeps, on average over samples."""
    lists = [
        NearestNeighbors(n_neighbors=neighbours).fit(space).kneighbors(return_distance=False)
        for space in (features.astype(float), y.astype(float))
    ]
    kept = [len(np.intersect1d(a, b)) for a, b in zip(*lists, strict=True)]
    return float(np.mean(kept)) / neighbours


def cases(options: argparse.Namespace) -> dict[str, tuple[Dataset, np.ndarray]]:
    """What is embedded: name -> data set and the indices to draw from."""
    digits = load("digits")
    found = {"digits, all": (digits, np.arange(len(digits.x_train)))}
    default = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("NMS_DATA") or default) / FASHION_MNIST
    if not folder.is_dir():
        console.print(f"no {FASHION_MNIST} in NMS_DATA or shared/data: digits only")
        return found
    fashion = load(str(folder))
    for label in options.classes:
        found[f"{FASHION_MNIST}, {label}"] = (fashion, np.flatnonzero(fashion.y_train == label))
    return found


def measure(
    features: np.ndarray, options: argparse.Namespace, seed: int
) -> dict[str, tuple[float, float, float]]:
    """Preservation, trustworthiness and seconds of both maps of [n, F] reduced samples."""
    parameters = Parameters(perplexity=options.perplexity, iterations=options.iterations, seed=seed)
    reference = TSNE(
        perplexity=options.perplexity, n_iter=options.reference_iterations, random_state=seed
    )
    runs = {
        "golden": lambda: (
            run_tile(features, identity_table(features.shape[1]), parameters, 1).coordinates
        ),
        "openTSNE": lambda: np.asarray(reference.fit(features.astype(float))),
    }
    figures = {}
    for name, run in runs.items():
        began = time.perf_counter()
        y = run()
        seconds = time.perf_counter() - began
        kept = preservation(features, y, options.nearest)
        trust = float(trustworthiness(features.astype(float), y, n_neighbors=options.nearest))
        figures[name] = (kept, trust, seconds)
    return figures


def parse() -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="Fashion-MNIST is taken from NMS_DATA, else shared/data beside the repository. "
        "Points are golden less openTSNE: above zero, golden is the better. Times are wall clock.",
    )
    parser.add_argument(
        "--classes", type=int, nargs="*", default=[2, 5, 9], help="of Fashion-MNIST"
    )
    parser.add_argument("--samples", type=int, default=1000, help="n (default: %(default)s)")
    parser.add_argument("--seeds", type=int, default=3, help="runs (default: %(default)s)")
    parser.add_argument("--perplexity", type=float, default=30.0, help="default: %(default)s")
    parser.add_argument("--iterations", type=int, default=50, help="golden (default: %(default)s)")
    parser.add_argument(
        "--reference-iterations",
        type=int,
        default=500,
        help="openTSNE, after its 250 exaggerated (default: %(default)s)",
    )
    parser.add_argument("--nearest", type=int, default=15, help="default: %(default)s")
    return parser.parse_args()


def main() -> int:
    """Print a line a case."""
    options = parse()
    try:
        found = cases(options)
    except DataError as error:
        console.print(f"error: {error}")
        return 2
    table = Table(title=f"n = {options.samples:,}, {options.seeds} seeds", title_justify="left")
    lines = [
        "kept, golden",
        "kept, openTSNE",
        "  points",
        "trust, golden",
        "trust, openTSNE",
        "  points",
        "time ratio",
    ]
    columns = []
    for data, members in track(found.values(), "embedding", console=Console(stderr=True)):
        shape = data.x_train.shape[1:]
        samples = data.x_train.reshape(len(data.x_train), -1)
        runs = []
        for seed in range(1, options.seeds + 1):
            n = min(options.samples, len(members))
            drawn = np.sort(np.random.default_rng(seed).choice(members, n, replace=False))
            features = reduce(samples[drawn], make_table(shape, 64, seed))
            both = measure(features, options, seed)
            runs.append([both["golden"], both["openTSNE"]])
        figures = np.array(runs)  # [seeds, golden or openTSNE, preserved, trustworthy or seconds]
        row = []
        for kind in (0, 1):
            ours, theirs = figures[:, 0, kind], figures[:, 1, kind]
            points = 100 * (ours - theirs)
            spread = f" ± {points.std(ddof=1):.2f}" if len(points) > 1 else ""
            row += [f"{ours.mean():.2%}", f"{theirs.mean():.2%}", f"{points.mean():+.2f}{spread}"]
        row.append(f"{figures[:, 1, 2].mean() / figures[:, 0, 2].mean():.0f}")
        columns.append(row)
    table.add_column(f"{options.nearest} nearest")
    for name in found:
        table.add_column(name.replace(", ", "\n"), justify="right")
    for line in zip(lines, *columns, strict=True):
        table.add_row(*line)
    console.print(table)
    console.print("Points: golden less openTSNE, mean ± standard deviation over the seeds.")
    console.print("Time ratio: wall clock of openTSNE over golden.")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
