# SPDX-License-Identifier: Apache-2.0
"""Fine-tuning side by side: several kinds of update, each with the rate that suits it, over seeds.

With more than one rate, each kind of update is tried with every rate on nine tenths of the training
samples, or fewer, and tested on the tenth left out; the best rate then trains on all of them. The
test part takes no part in that.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import Any

import numpy as np
import torch

from host.datasets import Dataset
from host.errors import TrainingError
from host.trainer.features import Maps, default_cache
from host.trainer.finetune import Outcome, Samples, Settings, finetune, steps_of
from host.trainer.network import Network
from host.trainer.plan import Plan
from host.trainer.request import Request, check, plans
from host.trainer.weights import Weights
from host.trainer.workers import Workers

FORMAT, FORMAT_VERSION = "near-memory-sampling fine-tuning", 1
HELD_OUT = 10  # one in ten
TUNING_SEED = 0


@dataclass(frozen=True, kw_only=True)
class Progress:
    """on_start gets a text and the number of pieces of work, on_piece is called after each."""

    on_start: Callable[[str, int], None] = lambda text, pieces: None
    on_piece: Callable[[], None] = lambda: None


@dataclass(frozen=True)
class _Run:
    plan: Plan
    settings: Settings
    tuning: bool


def compare_updates(
    dataset: Dataset, request: Request, indices: np.ndarray | None, progress: Progress
) -> tuple[dict[str, Any], Weights]:
    """The document that `nms finetune` prints and writes, and the weights of the last run.

    indices: training samples to use, None for all. Raises TrainingError for bad input, before
    anything is written.
    """
    network, side, weights = check(dataset, request)
    start, made = plans(request, network, side, len(dataset.classes))
    threads = torch.get_num_threads()
    torch.set_num_threads(request.threads)
    try:
        return _compare(dataset, request, indices, progress, network, side, weights, start, made)
    finally:
        torch.set_num_threads(threads)


def _compare(
    dataset: Dataset,
    request: Request,
    indices: np.ndarray | None,
    progress: Progress,
    network: Network,
    side: int,
    weights: Weights,
    start: int,
    made: dict[str, Plan],
) -> tuple[dict[str, Any], Weights]:
    train, test = _samples(dataset, request, indices, progress, network, side, weights, start)
    tuned: dict[str, dict[str, float]] = {update: {} for update in request.updates}
    chosen = dict.fromkeys(request.updates, request.rates[0])
    if len(request.rates) > 1:
        for update in request.updates:
            for rate in request.rates:
                settings = replace(
                    request.settings,
                    update=update,
                    rate=rate,
                    seed=TUNING_SEED,
                    epochs=request.tune_epochs or request.settings.epochs,
                )
                run = _Run(made[update], settings, True)
                outcome = _finetune(request, run, network, weights, train, test, progress)
                tuned[update][f"{rate:g}"] = outcome.accuracy
            chosen[update] = max(request.rates, key=lambda rate: tuned[update][f"{rate:g}"])
    rows, last = [], None
    for update in request.updates:
        outcomes = []
        for seed in range(1, request.seeds + 1):
            settings = replace(request.settings, update=update, rate=chosen[update], seed=seed)
            run = _Run(made[update], settings, False)
            last = _finetune(request, run, network, weights, train, test, progress)
            outcomes.append(last)
        rows.append(_row(update, made[update], chosen[update], tuned[update], outcomes))
    assert last is not None
    document = {
        "format": FORMAT,
        "version": FORMAT_VERSION,
        "data": {"source": dataset.source, "name": dataset.name, "sha256": dataset.sha256},
        "train_samples": len(train[start].labels),
        "test_samples": len(test[start].labels),
        "model": network.name,
        "input": side,
        "batch": request.settings.batch,
        "epochs": request.settings.epochs,
        "tune_epochs": request.tune_epochs,
        "tune_samples": request.tune_samples,
        "mirror": request.mirror,
        "precision": request.settings.precision,
        "saved": request.settings.saved,
        "first_trained_block": network.blocks[start].name,
        "seeds": request.seeds,
        "rows": rows,
        "tool": {name: version(name) for name in ("near-memory-sampling", "numpy", "torch")},
    }
    return document, {**weights, **last.weights}


def _samples(
    dataset: Dataset,
    request: Request,
    indices: np.ndarray | None,
    progress: Progress,
    network: Network,
    side: int,
    weights: Weights,
    start: int,
) -> tuple[dict[int, Samples], dict[int, Samples]]:
    """Training and test samples by the block at which training begins."""
    x_test, y_test = dataset.x_test, dataset.y_test
    assert x_test is not None and y_test is not None
    cache = request.cache or default_cache()
    maps = Maps(network, weights, side, cache, progress.on_start, progress.on_piece)
    workers, blocks = Workers.current(), len(network.blocks)
    needs_pooled = "last" in request.updates
    if workers.rank:
        workers.wait()  # the first one fills the cache
    chosen = slice(None) if indices is None else indices
    x_train, y_train = dataset.x_train[chosen], dataset.y_train[chosen]
    both = (False, True) if request.mirror else (False,)
    found = [maps.before(x_train, start, mirrored) for mirrored in both]
    pooled = [maps.pooled(x_train, start, mirrored) for mirrored in both[: 1 + needs_pooled]]
    tested = maps.before(x_test, start)
    pooled_test = maps.pooled(x_test, start) if needs_pooled else np.zeros((len(x_test), 0))
    if not workers.rank:
        workers.wait()
    labels = np.searchsorted(dataset.classes, y_train)
    test_labels = np.searchsorted(dataset.classes, y_test)
    train = {start: _as_samples(found, pooled[0], labels)}
    test = {start: _as_samples([tested], pooled_test, test_labels)}
    if needs_pooled:
        flat = [part[:, None, None, :] for part in pooled]
        train[blocks] = _as_samples(flat, pooled[0], labels)
        test[blocks] = _as_samples([pooled_test[:, None, None, :]], pooled_test, test_labels)
    return train, test


def _as_samples(maps: list[np.ndarray], pooled: np.ndarray, labels: np.ndarray) -> Samples:
    mirrored = maps[1] if len(maps) > 1 else None
    return Samples(maps=maps[0], mirrored=mirrored, pooled=pooled, labels=labels)


def _finetune(
    request: Request,
    run: _Run,
    network: Network,
    weights: Weights,
    train: dict[int, Samples],
    test: dict[int, Samples],
    progress: Progress,
) -> Outcome:
    """One run, with its checkpoint and its progress bar."""
    samples, tested = train[run.plan.start], test[run.plan.start]
    if run.tuning:
        order = np.random.default_rng([TUNING_SEED, 0x74]).permutation(len(samples.labels))
        left_out = len(order) // HELD_OUT
        if not left_out:
            raise TrainingError(
                f"{len(order)} training samples are too few to choose among rates: give one --rate"
            )
        tested = samples.part(np.sort(order[:left_out]))
        samples = samples.part(np.sort(order[left_out:][: request.tune_samples]))
    settings = run.settings
    key = _key(network, weights, run, samples)
    checkpoint = None
    if request.checkpoints is not None:
        kind = "tune" if run.tuning else "run"
        name = f"{kind}-{settings.update}-rate{settings.rate:g}-seed{settings.seed}-{key[:8]}.pt"
        checkpoint = request.checkpoints / name
    text = f"{settings.update}, rate {settings.rate:g}, seed {settings.seed}"
    steps = steps_of(settings, len(samples.labels)) * settings.epochs
    progress.on_start(f"Tuning {text}" if run.tuning else f"Training {text}", steps)
    return finetune(
        network, weights, run.plan, settings, samples, tested, checkpoint, key, progress.on_piece
    )


def _key(network: Network, weights: Weights, run: _Run, samples: Samples) -> str:
    """What a run is made of, apart from its settings."""
    plan = run.plan
    digest = hashlib.sha256()
    about = [network.name, plan.side, plan.start, plan.channels, plan.biases, run.tuning]
    about += [str(run.settings), samples.mirrored is not None]
    digest.update(json.dumps(about).encode())
    for name in sorted(weights):
        digest.update(weights[name].data)
    digest.update(samples.labels.tobytes())
    digest.update(np.ascontiguousarray(samples.maps[:16]).data)
    return digest.hexdigest()


def _row(
    update: str, plan: Plan, rate: float, tuned: dict[str, float], outcomes: list[Outcome]
) -> dict[str, Any]:
    accuracy = [outcome.accuracy for outcome in outcomes]
    return {
        "update": update,
        "rate": rate,
        "tuning": tuned,
        "accuracy": accuracy,
        "mean": float(np.mean(accuracy)),
        "spread": float(np.std(accuracy, ddof=1)) if len(accuracy) > 1 else None,
        "loss": [outcome.loss for outcome in outcomes],
        "seconds_per_step": float(np.median([outcome.seconds for outcome in outcomes])),
        "held_bytes": outcomes[-1].held,
        "memory": plan.figures(),
    }
