# SPDX-License-Identifier: Apache-2.0
"""One fine-tuning run: the end of a pretrained network on maps that its frozen front made.

The classifier starts at zero and is trained alone first (the probe); then it and the selected
weights take plain gradient steps, the rate falling along a cosine, images mirrored at random.
Everything random comes from (seed, epoch) or (seed, step), so a run that is resumed at an epoch
ends with the same bits.
"""

import io
import math
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from host.errors import TrainingError
from host.files import write_whole
from host.trainer.channels import RULES, Selector
from host.trainer.memory import saved_bytes
from host.trainer.model import Model
from host.trainer.network import Network
from host.trainer.plan import Plan
from host.trainer.update import Descent
from host.trainer.workers import Workers

UPDATES = ("dgsu", "static", "random", "dense", "bias", "last")
TEST_BATCH = 64
CHECKPOINT_FORMAT = 1


@dataclass(frozen=True, kw_only=True)
class Settings:
    """update: what is trained; epochs, batch, rate (the peak) of the run; probe_epochs,
    probe_rate of the classifier alone; period: steps between moves of the window; saved: type of
    saved inputs; precision: of the trained weights."""

    update: str
    seed: int
    epochs: int = 3
    batch: int = 16
    rate: float = 0.02
    probe_epochs: int = 5
    probe_rate: float = 0.01
    period: int = 100
    saved: str = "int8"
    precision: str = "float"


@dataclass(frozen=True, kw_only=True)
class Samples:
    """Maps before the trained part with labels.

    maps: of the images as they are; mirrored: the same mirrored, or None for no mirroring; pooled:
    float32 [n, features], what the classifier reads of `maps` before any training.
    """

    maps: np.ndarray
    mirrored: np.ndarray | None
    pooled: np.ndarray
    labels: np.ndarray

    def part(self, indices: np.ndarray) -> "Samples":
        """These samples alone."""
        mirrored = None if self.mirrored is None else self.mirrored[indices]
        return Samples(
            maps=self.maps[indices],
            mirrored=mirrored,
            pooled=self.pooled[indices],
            labels=self.labels[indices],
        )


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """accuracy: share of the test samples right; seconds: of a step, the median; held: bytes kept
    for backward at the first step; loss: mean of the last epoch's training loss; weights: of the
    trained part."""

    accuracy: float
    seconds: float
    held: int
    loss: float
    weights: dict[str, np.ndarray]


def steps_of(settings: Settings, samples: int) -> int:
    """Optimiser steps of an epoch; a last batch that is not full is left out."""
    return samples // settings.batch


def finetune(
    network: Network,
    weights: Mapping[str, np.ndarray],
    plan: Plan,
    settings: Settings,
    train: Samples,
    test: Samples,
    checkpoint: Path | None = None,
    key: str = "",
    on_step: Callable[[], None] = lambda: None,
) -> Outcome:
    """Trains and tests. checkpoint: a file written after every epoch, from which a run of the same
    `key` and settings goes on. on_step is called after every step, those found in the checkpoint
    included. Raises TrainingError for a checkpoint of another run and a loss that is not finite."""
    workers = Workers.current()
    steps = steps_of(settings, len(train.labels))
    if steps < 1 or settings.batch % workers.count:
        raise TrainingError(
            f"a batch of {settings.batch} does not fit {len(train.labels)} training samples and "
            f"{workers.count} workers: change --batch"
        )
    saved = "float32" if settings.update == "dense" else settings.saved
    model = Model(network, weights, plan, int(train.labels.max()) + 1, saved)
    _probe(model, settings, train)
    descent = Descent(model, settings.precision, settings.seed)
    selector = None
    if settings.update in RULES:
        selector = Selector(
            model, settings.update, steps * settings.epochs, settings.period, settings.seed
        )
    state = _State(model, settings, key)
    state.read(checkpoint)
    for _ in range(state.epoch * steps):
        on_step()
    for epoch in range(state.epoch, settings.epochs):
        losses = []
        for step, (maps, labels) in enumerate(_batches(train, settings, epoch, workers)):
            now = epoch * steps + step
            descent.step = now
            descent.rate = _cosine(settings.rate, now / (steps * settings.epochs))
            if selector is not None:
                selector.move(now)
            began = time.perf_counter()
            if state.held == 0:
                loss, state.held = saved_bytes(model, lambda m=maps, t=labels: _loss(model, m, t))
            else:
                loss = _loss(model, maps, labels)
            loss.backward()
            state.seconds.append(time.perf_counter() - began)
            losses.append(loss.item())
            on_step()
        state.loss = float(np.mean(losses))
        if not math.isfinite(state.loss):
            raise TrainingError(
                f"the loss of {settings.update} with rate {settings.rate:g} is not finite: lower "
                "--rate"
            )
        state.epoch = epoch + 1
        if workers.rank == 0:
            state.write(checkpoint)
    if settings.epochs == state.epoch and state.accuracy is None:
        state.accuracy = _accuracy(model, test)
        if workers.rank == 0:
            state.write(checkpoint)
    return Outcome(
        accuracy=float(state.accuracy or 0),
        seconds=statistics.median(state.seconds) if state.seconds else 0.0,
        held=state.held,
        loss=state.loss,
        weights=model.weights(),
    )


def _loss(model: Model, maps: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    return functional.cross_entropy(model(maps), labels)


def _cosine(rate: float, share: float) -> float:
    return rate * 0.5 * (1 + math.cos(math.pi * share))


def _probe(model: Model, settings: Settings, train: Samples) -> None:
    """Trains the classifier alone on what it reads of the untrained network."""
    pooled, labels = torch.from_numpy(train.pooled), torch.from_numpy(train.labels)
    steps = steps_of(settings, len(labels))
    parameters = list(model.classifier.parameters())
    for epoch in range(settings.probe_epochs):
        order = np.random.default_rng([settings.seed, epoch, 0x70]).permutation(len(labels))
        for step in range(steps):
            batch = torch.from_numpy(order[step * settings.batch : (step + 1) * settings.batch])
            loss = functional.cross_entropy(model.classifier(pooled[batch]), labels[batch])
            gradients = torch.autograd.grad(loss, parameters)
            share = (epoch * steps + step) / (steps * settings.probe_epochs)
            rate = _cosine(settings.probe_rate, share)
            with torch.no_grad():
                for parameter, gradient in zip(parameters, gradients, strict=True):
                    parameter.add_(gradient, alpha=-rate)


def _batches(train: Samples, settings: Settings, epoch: int, workers: Workers):
    """This worker's share of every batch: maps float32, labels."""
    draw = np.random.default_rng([settings.seed, epoch])
    order = draw.permutation(len(train.labels))
    mirror = draw.random(len(order)) < 0.5
    for step in range(steps_of(settings, len(order))):
        batch = order[step * settings.batch : (step + 1) * settings.batch][
            workers.rank :: workers.count
        ]
        maps = train.maps[batch]
        if train.mirrored is not None:
            turned = mirror[batch]
            maps[turned] = train.mirrored[batch[turned]]
        yield torch.from_numpy(maps.astype(np.float32)), torch.from_numpy(train.labels[batch])


@torch.inference_mode()
def _accuracy(model: Model, test: Samples) -> float:
    right = 0
    for start in range(0, len(test.labels), TEST_BATCH):
        part = slice(start, start + TEST_BATCH)
        logits = model(torch.from_numpy(test.maps[part].astype(np.float32)))
        right += int(np.sum(logits.argmax(1).numpy() == test.labels[part]))
    return right / len(test.labels)


class _State:
    """Where a run stands, and its checkpoint."""

    def __init__(self, model: Model, settings: Settings, key: str) -> None:
        self.model = model
        self.identity = {"format": CHECKPOINT_FORMAT, "key": key, **asdict(settings)}
        self.epoch, self.held, self.loss = 0, 0, math.nan
        self.seconds: list[float] = []
        self.accuracy: float | None = None

    def write(self, path: Path | None) -> None:
        if path is None:
            return
        document: dict[str, Any] = {
            "identity": self.identity,
            "model": self.model.state_dict(),
            "epoch": self.epoch,
            "held": self.held,
            "loss": self.loss,
            "seconds": self.seconds,
            "accuracy": self.accuracy,
        }
        stream = io.BytesIO()
        torch.save(document, stream)
        write_whole(path, stream.getvalue())

    def read(self, path: Path | None) -> None:
        if path is None or not path.exists():
            return
        try:
            document = torch.load(path, weights_only=True)
            same = document["identity"] == self.identity
        except Exception as error:  # torch.load raises many kinds
            raise TrainingError(
                f"the checkpoint {path} cannot be read ({type(error).__name__}): remove it"
            ) from None
        if not same:
            raise TrainingError(f"the checkpoint {path} is of another run: remove it or rename")
        self.model.load_state_dict(document["model"])
        for convolution in self.model.convolutions.values():
            if convolution.channels is not None:
                convolution.select(convolution.channels.numpy())
        for name in ("epoch", "held", "loss", "seconds", "accuracy"):
            setattr(self, name, document[name])
