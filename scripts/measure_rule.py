# SPDX-License-Identifier: Apache-2.0
"""`python -m scripts.measure_rule`: which sampling rule suits which budget; reads no test part."""

import dataclasses
from typing import Annotated

import numpy as np
import torch
import typer
from torch.nn import functional

from host import datasets
from host.commands import options as given
from host.console import console, work_progress
from host.errors import UserError, one_sentence
from host.selectors import Selector, choose, parse_selector

HELD_OUT = 3  # one in three
PATCHES = 40_000
FILTERS = 400
MOST_TESTED = 4_000
RIDGE = 0.3
SELECTORS = (
    *("desne-curve:drop=0", "desne-curve:drop=0.25", "desne-grid:drop=0"),
    *(f"desne-medoid:spread={spread}" for spread in (0, 64, 128, 192, 256)),
    *("desne-medoid:drop=0.25", "desne-medoid", "desne"),
)


def main(
    data: given.Data,
    keep: Annotated[str, typer.Option(help="Shares to keep.")] = "0.002,0.005,0.01,0.05",
    selector: Annotated[
        list[str] | None,
        typer.Option(
            help="As in nms study; repeat to compare.", show_default=f"{len(SELECTORS)} of them"
        ),
    ] = None,
    seeds: Annotated[int, typer.Option(help="Selections of each selector.", min=2)] = 8,
) -> None:
    """Compare selectors with class-balanced random on held-out training samples; no test part is
    read.

    A third of the training part is held out, once. From the rest every selector selects, once a
    seed; a ridge classifier on fixed random features (rectified responses to whitened patches of
    the rest, pooled to 2 x 2; Coates, Lee and Ng 2011) is trained on the selection and tested on
    held-out samples. Printed is the paired difference to random, in points, with its standard
    error; random is drawn three times a seed.

    Example: python -m scripts.measure_rule --data digits --keep 0.03,0.1,0.3
    """
    with one_sentence():
        dataset = datasets.load(data)
        if dataset.x_train.ndim < 3:
            raise UserError(f"{data} holds vectors: this script needs images or windows")
        shares = [float(share) for share in keep.split(",")]
        selectors = [parse_selector(name) for name in selector or SELECTORS]
        order = np.random.default_rng(99).permutation(len(dataset.x_train))
        held, rest = np.split(order, [len(order) // HELD_OUT])
        held, rest = held[:MOST_TESTED], np.sort(rest)
        pool = dataclasses.replace(
            dataset, x_train=dataset.x_train[rest], y_train=dataset.y_train[rest]
        )
        with work_progress("Selecting and testing") as (on_start, on_step):
            on_start(seeds * len(shares) * (len(selectors) + 1))
            test = _Test(pool, dataset.x_train[held], dataset.y_train[held])
            columns = [_column(pool, test, selectors, share, seeds, on_step) for share in shares]
    text = _table(dataset, pool, shares, selectors, columns)
    console.print(text, soft_wrap=True, highlight=False, markup=False)


def _column(
    pool: datasets.Dataset,
    test: "_Test",
    selectors: list[Selector],
    keep: float,
    seeds: int,
    on_step,
) -> dict[str, np.ndarray]:
    """Points by selector, one a seed: of random its accuracy, of others the difference to it."""
    points = {selector.name: np.zeros(seeds) for selector in selectors}
    points["random"] = np.zeros(seeds)
    random = parse_selector("random")
    for run in range(seeds):
        drawn = [choose(random, pool, keep, 3 * run + part + 1) for part in range(3)]
        points["random"][run] = np.mean([test.accuracy(one.indices) for one in drawn])
        on_step()
        for selector in selectors:
            accuracy = test.accuracy(choose(selector, pool, keep, run + 1).indices)
            points[selector.name][run] = accuracy - points["random"][run]
            on_step()
    return points


class _Test:
    """Accuracy, in per cent, of a ridge classifier that is trained on chosen samples."""

    def __init__(self, pool: datasets.Dataset, held: np.ndarray, labels: np.ndarray) -> None:
        features = _Features(pool.x_train)
        train, test = features(pool.x_train), features(held)
        mean, scale = train.mean(0), (train.std(0) + 1e-3) * np.sqrt(train.shape[1])
        self.train, self.test = (train - mean) / scale, (test - mean) / scale
        self.labels, self.classes = labels, pool.classes
        self.targets = np.where(pool.y_train[:, None] == pool.classes, 1.0, -1.0)

    def accuracy(self, indices: np.ndarray) -> float:
        x, y = self.train[indices], self.targets[indices]
        centre, middle = x.mean(0), y.mean(0)
        x, y = x - centre, (y - middle).astype(np.float32)
        wide = len(x) < x.shape[1]
        gram = x @ x.T if wide else x.T @ x
        gram[np.diag_indices(len(gram))] += RIDGE
        weights = x.T @ np.linalg.solve(gram, y) if wide else np.linalg.solve(gram, x.T @ y)
        guess = self.classes[np.argmax((self.test - centre) @ weights + middle, 1)]
        return 100 * float(np.mean(guess == self.labels))


class _Features:
    """Rectified responses, of both signs, to whitened patches of `images`, pooled to 2 x 2."""

    def __init__(self, images: np.ndarray) -> None:
        draw = np.random.default_rng(0)
        images = _planes(images)
        channels, height, width = images.shape[1:]
        self.side = 6 if min(height, width) >= 16 else 3
        rows = draw.integers(0, height - self.side + 1, PATCHES)
        columns = draw.integers(0, width - self.side + 1, PATCHES)
        picks = draw.integers(0, len(images), PATCHES)
        patches = np.stack(
            [
                images[pick, :, row : row + self.side, column : column + self.side].ravel()
                for pick, row, column in zip(picks, rows, columns, strict=True)
            ]
        )
        patches = patches - patches.mean(1, keepdims=True)
        patches /= np.sqrt(patches.var(1, keepdims=True) + 0.004)
        mean = patches.mean(0)
        power, axes = np.linalg.eigh(np.cov(patches.T))
        whiten = (axes / np.sqrt(np.maximum(power, 0) + 0.1)) @ axes.T
        chosen = (patches[:FILTERS] - mean) @ whiten
        chosen /= np.linalg.norm(chosen, axis=1, keepdims=True) + 1e-6
        filters = chosen @ whiten.T
        self.bias = torch.from_numpy(-(filters @ mean).astype(np.float32))
        shape = (FILTERS, channels, self.side, self.side)
        self.filters = torch.from_numpy(filters.reshape(shape).astype(np.float32))

    def __call__(self, images: np.ndarray) -> np.ndarray:
        planes = torch.from_numpy(_planes(images))
        size = planes.shape[1] * self.side**2
        window = torch.full((1, planes.shape[1], self.side, self.side), 1 / size)
        stride = 2 if min(planes.shape[2:]) >= 16 else 1
        sums = self.filters.sum((1, 2, 3))[:, None, None]
        made = []
        with torch.inference_mode():
            for part in planes.split(500):
                mean = functional.conv2d(part, window, stride=stride)
                square = functional.conv2d(part * part, window, stride=stride)
                deviation = torch.sqrt((square - mean * mean).clamp(min=0) + 0.004)
                response = functional.conv2d(part, self.filters, stride=stride) - mean * sums
                response = response / deviation + self.bias[:, None, None]
                both = torch.cat(
                    [functional.relu(response - 0.25), functional.relu(-response - 0.25)], 1
                )
                made.append(functional.adaptive_avg_pool2d(both, 2).flatten(1))
        return torch.cat(made).numpy()


def _planes(images: np.ndarray) -> np.ndarray:
    """float32 [n, channels, height, width], 0..1."""
    images = images if images.ndim == 4 else images[..., None]
    return np.ascontiguousarray(images.transpose(0, 3, 1, 2)).astype(np.float32) / 255


def _table(
    dataset: datasets.Dataset,
    pool: datasets.Dataset,
    shares: list[float],
    selectors: list[Selector],
    columns: list[dict[str, np.ndarray]],
) -> str:
    """As Markdown, so that a document can take it as it is."""
    seeds = len(columns[0]["random"])
    per_class = len(pool.x_train) / len(pool.classes)
    rows = [
        ["points to random", *(f"keep {100 * share:g} %" for share in shares)],
        ["---"] * (len(shares) + 1),
        ["samples a class", *(f"{share * per_class:.0f}" for share in shares)],
    ]
    for name in (one.name for one in selectors):
        errors = [column[name].std(ddof=1) / np.sqrt(seeds) for column in columns]
        cells = [
            f"{column[name].mean():+.2f} +- {error:.2f}"
            for column, error in zip(columns, errors, strict=True)
        ]
        rows.append([f"`{name}`", *cells])
    rows.append(["random itself", *(f"{column['random'].mean():.2f} %" for column in columns)])
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([f"{dataset.name}, {seeds} seeds:", "", *lines])


if __name__ == "__main__":
    typer.run(main)
