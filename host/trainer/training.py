# SPDX-License-Identifier: Apache-2.0
"""One recipe for every row of the comparison, repeatable bit for bit on one machine.

Samples become value / 127.5 - 1 (nothing is measured on the data, so no row knows more than
another). AdamW, rate rising for a tenth of the steps and then falling along a cosine to zero,
batches drawn by shuffling the row's samples over and over. Every row takes the same number of
optimiser steps of the same batch size, so a small selection and all data train equally long.
"""

import math
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from host.cluster import WHOLE_PROCESS
from host.datasets import Dataset
from host.errors import TrainingError
from host.trainer.models import make_model

TEST_BATCH = 256


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """model: one of MODELS; steps: of the optimiser, or more where `epochs` passes over the samples
    take more; batch: samples a step; rate: the peak."""

    model: str = "cnn"
    steps: int = 500
    epochs: float = 0.0
    batch: int = 32
    rate: float = 3e-3
    weight_decay: float = 1e-2

    def steps_for(self, samples: int) -> int:
        """Optimiser steps of a run on so many samples."""
        return max(self.steps, math.ceil(self.epochs * samples / self.batch))


def check(dataset: Dataset, recipe: Recipe, models: Iterable[str], seeds: int) -> None:
    """A TrainingError if the data set has no test part, a number of the recipe is too small, or one
    of the models is unknown or takes no such samples."""
    _test_part(dataset)
    for name, value, least in (
        ("seeds", seeds, 1),
        ("steps", recipe.steps, 1),
        ("batch", recipe.batch, 2),
        ("epochs", recipe.epochs, 0),
    ):
        if not value >= least:
            raise TrainingError(f"{name} {value:g} must be at least {least}")
    if not 0 < recipe.rate < float("inf"):
        raise TrainingError(f"rate {recipe.rate:g} must be above 0")
    for model in models:
        make_model(model, dataset.x_train.shape[1:], 2)


def _test_part(dataset: Dataset) -> tuple[np.ndarray, np.ndarray]:
    if dataset.x_test is None or dataset.y_test is None:
        raise TrainingError(f"{dataset.source} holds no test part: add x_test and y_test to train")
    return dataset.x_test, dataset.y_test


def accuracy_on(dataset: Dataset, indices: np.ndarray, recipe: Recipe, seed: int) -> float:
    """Accuracy on the test part of a data set after training on these of its samples."""
    x_test, y_test = _test_part(dataset)
    classes = dataset.classes
    return train_and_test(
        recipe,
        dataset.x_train[indices],
        np.searchsorted(classes, dataset.y_train[indices]),
        x_test,
        np.searchsorted(classes, y_test),
        len(classes),
        seed,
    )


def train_on_cluster(
    dataset: Dataset, indices: np.ndarray, recipe: Recipe, seed: int
) -> dict[str, Any]:
    """A run as a piece of work of host.cluster: accuracy, steps taken, processor seconds."""
    with WHOLE_PROCESS:
        began = time.process_time()
        accuracy = accuracy_on(dataset, indices, recipe, seed)
        return {
            "accuracy": accuracy,
            "steps": recipe.steps_for(len(indices)),
            "processor_seconds": time.process_time() - began,
        }


def train_and_test(
    recipe: Recipe,
    x_train: np.ndarray,
    y_train: np.ndarray,
    x_test: np.ndarray,
    y_test: np.ndarray,
    classes: int,
    seed: int,
) -> float:
    """Share of the test samples that a model gets right after training.

    Samples are uint8, labels int64 from 0 to classes - 1.

    Runs on one thread, so that the result does not depend on how many cores there are.
    """
    threads, exact = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model = make_model(recipe.model, x_train.shape[1:], classes)
            model(_scaled(x_train[:2]))  # fixes the size of the last layer
            _train(model, recipe, x_train, y_train, seed)
            return _accuracy(model, x_test, y_test)
    finally:
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(exact)


def _scaled(samples: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(samples.astype(np.float32) / np.float32(127.5) - np.float32(1))


def _train(
    model: nn.Module, recipe: Recipe, x_train: np.ndarray, y_train: np.ndarray, seed: int
) -> None:
    model.train()
    optimiser = torch.optim.AdamW(
        model.parameters(), lr=recipe.rate, weight_decay=recipe.weight_decay
    )
    steps = recipe.steps_for(len(x_train))
    warm = max(1, steps // 10)
    draw = np.random.default_rng(seed)
    order = np.zeros(0, np.int64)
    loss_function = nn.CrossEntropyLoss()
    for step in range(steps):
        while len(order) < recipe.batch:
            order = np.concatenate([order, draw.permutation(len(x_train))])
        batch, order = order[: recipe.batch], order[recipe.batch :]
        phase = (step - warm) / max(1, steps - warm)
        share = (step + 1) / warm if step < warm else 0.5 * (1 + math.cos(math.pi * phase))
        for group in optimiser.param_groups:
            group["lr"] = recipe.rate * share
        optimiser.zero_grad()
        logits = model(_scaled(x_train[batch]))
        loss_function(logits, torch.from_numpy(y_train[batch])).backward()
        optimiser.step()


def _accuracy(model: nn.Module, x_test: np.ndarray, y_test: np.ndarray) -> float:
    model.eval()
    right = 0
    with torch.inference_mode():
        for start in range(0, len(x_test), TEST_BATCH):
            logits = model(_scaled(x_test[start : start + TEST_BATCH]))
            guess = logits.argmax(1).numpy()
            right += int(np.sum(guess == y_test[start : start + TEST_BATCH]))
    return right / len(y_test)
