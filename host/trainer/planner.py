# SPDX-License-Identifier: Apache-2.0
"""Which layers, and how many channels of each, a memory budget lets train."""

from collections.abc import Callable, Iterable

from host.errors import TrainingError
from host.trainer.network import Layer, Network
from host.trainer.plan import INT8, Plan, Widths

DEFAULT_SAVED = 0.975


def whole_plan(network: Network, side: int, classes: int, start: int, **options) -> Plan:
    """Every weight and bias from block `start` on is updated."""
    layers = [layer for block in network.blocks[start:] for layer in block.all_layers]
    channels = {layer.name: layer.inputs for layer in layers}
    return Plan(
        network=network,
        side=side,
        classes=classes,
        start=start,
        channels=channels,
        **{"biases": True, **options},
    )


def bias_plan(network: Network, side: int, classes: int, start: int, **options) -> Plan:
    """Only the biases from block `start` on, and the classifier."""
    channels = dict.fromkeys(
        (layer.name for block in network.blocks[start:] for layer in block.all_layers), 0
    )
    return Plan(
        network=network,
        side=side,
        classes=classes,
        start=start,
        channels=channels,
        **{"biases": True, **options},
    )


def window_channels(layers: list[Layer], weights: int) -> dict[str, int] | None:
    """max(1, round(share * inputs)) channels of every layer, with the largest share that updates
    at most `weights` weights; None where one channel of each is too much already."""

    def at(share: float) -> dict[str, int]:
        return {layer.name: max(1, round(share * layer.inputs)) for layer in layers}

    def count(channels: dict[str, int]) -> int:
        return sum(layer.window_weights(channels[layer.name]) for layer in layers)

    low, high = 0.0, 1.0
    if count(at(low)) > weights:
        return None
    if count(at(high)) <= weights:
        return at(high)
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if count(at(middle)) <= weights else (low, middle)
    return at(low)


def make_plan(
    network: Network,
    side: int,
    classes: int,
    budget: int,
    ratio: float = 0.02,
    *,
    least_saved: float = DEFAULT_SAVED,
    start: str | None = None,
    biases: bool = True,
    batch: int = 1,
    widths: Widths = INT8,
) -> Plan:
    """The plan that trains the most blocks, all from some block to the end, within the limits.

    At most `ratio` of the convolution weights are updated a step, `needed_bytes` is at most
    `budget`, and at least `least_saved` of dense training's feature memory is saved. All layers
    update the same share of their channels, as large as `ratio` lets them; where no start fits with
    that, the start and the smaller share that update the most weights. `start` names a block to
    begin at instead. Raises TrainingError saying by how much nothing fits.
    """
    _check(side, budget, ratio, least_saved, batch)
    limit = int(ratio * network.weights)

    def plan_at(first: int, weights: int) -> Plan | None:
        layers = [layer for block in network.blocks[first:] for layer in block.all_layers]
        channels = window_channels(layers, weights)
        if channels is None:
            return None
        return Plan(
            network=network,
            side=side,
            classes=classes,
            start=first,
            channels=channels,
            biases=biases,
            batch=batch,
            widths=widths,
        )

    def fits(plan: Plan | None) -> bool:
        return plan is not None and plan.needed_bytes <= budget and plan.saved_share >= least_saved

    starts = [network.find_block(start)] if start else range(len(network.blocks))
    for first in starts:
        plan = plan_at(first, limit)
        if plan is not None and fits(plan):
            return plan
    best = None
    for first in starts:
        low, high = 0, limit  # fits, or is nothing; does not fit
        while high - low > 1:
            middle = (low + high) // 2
            plan = plan_at(first, middle)
            low, high = (middle, high) if plan is None or fits(plan) else (low, middle)
        plan = plan_at(first, low)
        if plan is not None and fits(plan) and (best is None or plan.updated > best.updated):
            best = plan
    if best is not None:
        return best
    raise TrainingError(
        f"{network.name} does not fit: {_reason(network, starts, plan_at, limit, budget)}"
    )


def _reason(
    network: Network,
    starts: Iterable[int],
    plan_at: Callable[[int, int], Plan | None],
    limit: int,
    budget: int,
) -> str:
    """Why no plan fits, told by the one that comes closest with a single channel of each layer."""
    least: list[Plan] = []
    counts: dict[int, int] = {}
    for first in starts:
        layers = [layer for block in network.blocks[first:] for layer in block.all_layers]
        weights = counts[len(layers)] = sum(layer.window_weights(1) for layer in layers)
        plan = plan_at(first, weights) if weights <= limit else None
        if plan is not None:
            least.append(plan)
    if not least:
        layers, weights = min(counts.items())
        return (
            f"one channel of each of {layers} layers is {weights / network.weights:.2%} of the "
            f"weights, more than the {limit / network.weights:.2%} allowed: raise --ratio"
        )
    plan = min(least, key=lambda plan: plan.needed_bytes)
    over = plan.needed_bytes - budget
    if over > 0:
        where = "" if plan.needed_bytes == plan.total_bytes else " while the frozen front runs"
        return (
            f"even one channel of each of {len(plan.tail)} layers needs {plan.needed_bytes:,} "
            f"bytes{where}, {over:,} more than the budget of {budget:,}: raise --budget-kib, or "
            "lower --input or --batch"
        )
    plan = max(least, key=lambda plan: plan.saved_share)
    return (
        f"even one channel of each of {len(plan.tail)} layers saves {plan.saved_share:.2%} of the "
        "feature memory only: lower --least-saved"
    )


def _check(side: int, budget: int, ratio: float, least_saved: float, batch: int) -> None:
    if side < 8 or side > 1024:
        raise TrainingError(f"input {side} must be from 8 to 1024 pixels")
    if budget < 1:
        raise TrainingError(f"a budget of {budget} bytes must be at least 1")
    if not 0 < ratio <= 1:
        raise TrainingError(f"ratio {ratio} must be above 0 and at most 1")
    if not 0 <= least_saved < 1:
        raise TrainingError(f"least-saved {least_saved} must be at least 0 and below 1")
    if batch < 1:
        raise TrainingError(f"batch {batch} must be at least 1")
