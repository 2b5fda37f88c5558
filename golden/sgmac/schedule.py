# SPDX-License-Identifier: Apache-2.0
"""schedule: which channels of a layer are updated in which step."""

from bisect import bisect_right
from dataclasses import dataclass

import numpy as np


def window_channels(ranking: np.ndarray, window: int, pool: int, place: int) -> np.ndarray:
    """The channels ranking[(place + i) mod pool], i = 0..window - 1, int64, ascending.

    ranking: the layer's channels, most important first. Raises ValueError unless 1 <= window <=
    pool <= len(ranking) and 0 <= place < pool, and for a ranking whose pool names what is no
    channel, or one twice in the window.
    """
    for name, value, low, high in (
        ("pool", pool, 1, len(ranking)),
        ("window", window, 1, pool),
        ("place", place, 0, pool - 1),
    ):
        if not low <= value <= high:
            raise ValueError(f"{name} is {value}: it must be from {low} to {high}")
    named = ranking[:pool]
    if wrong := named[(named < 0) | (named >= len(ranking))].tolist():
        raise ValueError(
            f"the ranking names channel {wrong[0]}: channels are 0 to {len(ranking) - 1}"
        )
    chosen = np.sort(ranking[(place + np.arange(window)) % pool]).astype(np.int64)
    if twice := chosen[1:][chosen[1:] == chosen[:-1]].tolist():
        raise ValueError(f"the ranking names channel {twice[0]} twice in one window")
    return chosen


def following_place(window: int, pool: int, place: int) -> int:
    """Where on the ranking the window after that of `place` begins."""
    return (place + window) % pool


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """A window of K channels that moves through a layer's ranking every T steps and wraps around at
    the end of a pool, the most important channels; the pool widens by stage.

    In steps counted from 0 at the beginning of a stage, step t updates the channels
    ranking[(K * floor(t / T) + i) mod pool], i = 0..K - 1. Within one stage every channel of the
    pool is visited in any ceil(pool / K) * T consecutive steps. Our reading of DGSU
    (docs/background.md), whose paper gives no formula that we could read.

    Parameters
    ----------
    window: K, channels a step, at least 1. period: T, steps between moves, at least 1.
    pools: for each stage its first step and the size of its pool. The first stage begins at step 0,
    steps rise, pools never shrink, and none is smaller than the window.
    """

    window: int
    period: int
    pools: tuple[tuple[int, int], ...]

    def __post_init__(self) -> None:
        for name in ("window", "period"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}: it must be at least 1")
        if not self.pools or self.pools[0][0] != 0:
            raise ValueError(f"pools are {self.pools}: the first must begin at step 0")
        for (before, smaller), (after, larger) in zip(self.pools, self.pools[1:], strict=False):
            if after <= before:
                raise ValueError(f"a pool at step {after} follows one at {before}: steps must rise")
            if larger < smaller:
                raise ValueError(
                    f"pool {larger} follows pool {smaller}: pools must not shrink from stage to "
                    "stage"
                )
        if self.pools[0][1] < self.window:
            raise ValueError(
                f"pool {self.pools[0][1]} is smaller than the window of {self.window}: widen the "
                "pool"
            )

    def stage(self, step: int) -> tuple[int, int]:
        """Pool of a step, and the place on the ranking at which its window begins. Raises
        ValueError for a negative step."""
        if step < 0:
            raise ValueError(f"step is {step}: it must be 0 or more")
        first, pool = self.pools[bisect_right(self.pools, step, key=lambda stage: stage[0]) - 1]
        return pool, self.window * ((step - first) // self.period) % pool

    def channels(self, step: int, ranking: np.ndarray) -> np.ndarray:
        """The channels of a step, int64 [K], ascending. ranking: all channels, most important
        first. Raises ValueError for a negative step or a pool larger than the ranking."""
        pool, place = self.stage(step)
        largest = self.pools[-1][1]
        if largest > len(ranking):
            raise ValueError(
                f"a pool of {largest} does not fit a layer of {len(ranking)} channels: narrow the "
                "pool"
            )
        return window_channels(ranking, self.window, pool, place)
