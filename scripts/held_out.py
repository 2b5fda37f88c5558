# SPDX-License-Identifier: Apache-2.0
"""What a selection is worth, by training samples that it could not choose; no test part is read."""

import dataclasses

import numpy as np
import torch
from torch.nn import functional

from host import datasets
from host.errors import UserError

HELD_OUT = 3  # one in three
PATCHES = 40_000
FILTERS = 400
MOST_TESTED = 4_000
RIDGE = 0.3


def split(data: str) -> tuple[datasets.Dataset, "HeldOutTest"]:
    """The data set without a third of its training part, and a test on that third; always the same
    third. UserError for vectors, of which there are no patches."""
    dataset = datasets.load(data)
    if dataset.x_train.ndim < 3:
        raise UserError(f"{data} holds vectors: this script needs images or windows")
    order = np.random.default_rng(99).permutation(len(dataset.x_train))
    held, rest = np.split(order, [len(order) // HELD_OUT])
    held, rest = held[:MOST_TESTED], np.sort(rest)
    pool = dataclasses.replace(
        dataset, x_train=dataset.x_train[rest], y_train=dataset.y_train[rest]
    )
    return pool, HeldOutTest(pool, dataset.x_train[held], dataset.y_train[held])


class HeldOutTest:
    """Accuracy, in per cent, of a ridge classifier that is trained on chosen samples.

    It sees fixed random features: rectified responses to whitened patches of the samples that may
    be chosen, pooled to 2 x 2 (Coates, Lee and Ng 2011).
    """

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
