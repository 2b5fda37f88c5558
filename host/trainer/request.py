# SPDX-License-Identifier: Apache-2.0
"""What a comparison of updates is asked for: checked, with its network, weights and plans."""

from dataclasses import dataclass
from pathlib import Path

from host.datasets import Dataset
from host.errors import TrainingError
from host.trainer.channels import RULES
from host.trainer.finetune import UPDATES, Settings
from host.trainer.network import Network, make_network
from host.trainer.operations import SAVED_TYPES
from host.trainer.plan import Plan
from host.trainer.planner import DEFAULT_SAVED, bias_plan, make_plan, whole_plan
from host.trainer.update import PRECISIONS
from host.trainer.weights import KNOWN_FILES, Weights, find_weights, load_weights, random_weights


@dataclass(frozen=True, kw_only=True)
class Request:
    """What `nms finetune` was asked for; its help explains every member."""

    model: str
    updates: tuple[str, ...]
    settings: Settings
    rates: tuple[float, ...]
    seeds: int = 1
    weights: Path | None = None
    side: int | None = None
    budget: int = 256 * 1024
    ratio: float = 0.02
    least_saved: float = DEFAULT_SAVED
    start: str | None = None
    tune_epochs: int | None = None
    tune_samples: int | None = None
    mirror: bool = True
    cache: Path | None = None
    checkpoints: Path | None = None
    threads: int = 1


def plans(
    request: Request, network: Network, side: int, classes: int
) -> tuple[int, dict[str, Plan]]:
    """The first trained block, and the plan of every kind of update; all but `last` begin there.
    Raises TrainingError where a sparse one does not fit."""
    start = request.start
    if start is None and network.name not in KNOWN_FILES:
        start = network.blocks[0].name
    sparse = None
    if start is None or any(update in RULES for update in request.updates):
        sparse = make_plan(
            network,
            side,
            classes,
            request.budget,
            request.ratio,
            least_saved=request.least_saved,
            start=start,
        )
        first = sparse.start
    else:
        first = network.find_block(start)
    made: dict[str, Plan] = {}
    for update in request.updates:
        if update in RULES:
            assert sparse is not None
            made[update] = sparse
        elif update == "dense":
            made[update] = whole_plan(network, side, classes, first)
        elif update == "bias":
            made[update] = bias_plan(network, side, classes, first)
        else:
            made[update] = whole_plan(network, side, classes, len(network.blocks))
    return first, made


def check(dataset: Dataset, request: Request) -> tuple[Network, int, Weights]:
    """The network, the input's side and the starting weights; TrainingError for bad input."""
    if dataset.x_test is None:
        raise TrainingError(f"{dataset.source} holds no test part: add x_test and y_test to train")
    shape = dataset.x_train.shape[1:]
    if len(shape) < 2:
        raise TrainingError(
            f"{request.model} needs images, but a sample of {dataset.source} has shape {shape}"
        )
    for update in request.updates:
        if update not in UPDATES:
            raise TrainingError(f"there is no update {update!r}: choose from {', '.join(UPDATES)}")
    settings = request.settings
    for name, value, least in (
        ("seeds", request.seeds, 1),
        ("epochs", settings.epochs, 1),
        ("batch", settings.batch, 1),
        ("period", settings.period, 1),
        ("probe-epochs", settings.probe_epochs, 0),
        ("threads", request.threads, 1),
        ("tune-samples", 1 if request.tune_samples is None else request.tune_samples, 1),
        ("tune-epochs", 1 if request.tune_epochs is None else request.tune_epochs, 1),
    ):
        if value < least:
            raise TrainingError(f"{name} {value} must be at least {least}")
    for rate in (*request.rates, settings.probe_rate):
        if not 0 < rate < 100:
            raise TrainingError(f"rate {rate:g} must be above 0 and below 100")
    for name, value, known in (
        ("saved type", settings.saved, SAVED_TYPES),
        ("precision", settings.precision, PRECISIONS),
    ):
        if value not in known:
            raise TrainingError(f"there is no {name} {value!r}: choose {' or '.join(known)}")
    network = make_network(request.model, shape[2] if len(shape) == 3 else 1)
    path = find_weights(request.model, request.weights)
    if path is None:
        weights = random_weights(network, settings.seed)
    else:
        weights = load_weights(network, path)
    pretrained = request.model in KNOWN_FILES
    side = request.side or (128 if pretrained else max(shape[:2]))
    return network, side, weights
