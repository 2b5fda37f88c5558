# SPDX-License-Identifier: Apache-2.0
"""Which input channels of every layer are updated in which step."""

import numpy as np
import torch

from golden.sgmac import Schedule
from golden.sgmac.importance import importance, ranking
from host.errors import TrainingError
from host.trainer.model import Convolution, Model
from host.trainer.operations import quantise

RULES = ("dgsu", "static", "random")
POOLS = (0.25, 0.5, 1.0)
"""Share of a layer's channels in the pool of each stage; stages are equally long."""


def rank(weight: torch.Tensor, depthwise: bool) -> np.ndarray:
    """The input channels by the L2 norm of their weights as int8 of one scale, largest first."""
    return ranking(importance(quantise(weight)[0].numpy(), depthwise=depthwise))


class Selector:
    """Moves the windows of a model.

    dgsu: golden.sgmac.Schedule: the window moves through the ranking every `period` steps, within a
    pool that widens by stage. static: the most important channels, always the same. random: drawn
    anew every step. The ranking is that of the weights at the beginning.
    """

    def __init__(self, model: Model, rule: str, steps: int, period: int, seed: int) -> None:
        if rule not in RULES:
            raise TrainingError(f"there is no rule {rule!r}: choose one of {', '.join(RULES)}")
        self.rule, self.seed = rule, seed
        self.layers: list[tuple[Convolution, np.ndarray, Schedule]] = []
        for convolution in model.convolutions.values():
            if convolution.window is None:
                continue
            ranked = rank(convolution.weight, convolution.layer.depthwise)
            schedule = make_schedule(convolution.count, len(ranked), steps, period)
            self.layers.append((convolution, ranked, schedule))

    def move(self, step: int) -> None:
        """Sets every window to the channels of this step."""
        for number, (convolution, ranked, schedule) in enumerate(self.layers):
            if self.rule == "dgsu":
                channels = schedule.channels(step, ranked)
            elif self.rule == "static":
                channels = np.sort(ranked[: convolution.count])
            else:
                draw = np.random.default_rng([self.seed, step, number, 0x7277])
                channels = np.sort(draw.choice(len(ranked), convolution.count, replace=False))
            held = convolution.channels
            if held is None or not np.array_equal(held.numpy(), channels):
                convolution.select(channels)


def make_schedule(window: int, channels: int, steps: int, period: int) -> Schedule:
    """The stages of a layer in a run of `steps`; a stage that would be empty is left out."""
    pools: dict[int, int] = {}
    for stage, share in enumerate(POOLS):
        pools[stage * steps // len(POOLS)] = max(window, round(share * channels))
    return Schedule(window=window, period=period, pools=tuple(pools.items()))
