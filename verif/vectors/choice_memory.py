# SPDX-License-Identifier: Apache-2.0
"""The jobs rank and schedule as they lie in memory, for testbenches that have no driver."""

from dataclasses import dataclass, field

import numpy as np

from golden.sgmac import layout
from golden.sgmac.cycles import rank_cycles, schedule_cycles
from golden.sgmac.importance import importance, ranking
from golden.sgmac.schedule import following_place, window_channels
from hw.sgmac.registers import GradientOperation
from verif.vectors.gradient_memory import ADDRESSES


@dataclass(frozen=True, kw_only=True)
class RankJob:
    """weights: int8 [C_out, C_in, k, k], depthwise [C, 1, k, k]."""

    weights: np.ndarray
    depthwise: bool = False
    addresses: dict[str, int] = field(default_factory=lambda: ADDRESSES)
    result = "ranking"
    seed = 1
    stochastic = 0

    def numbers(self) -> dict[str, int]:
        """The fields of hw.sgmac.numbers.asked_layout that the job needs."""
        outputs, inputs, kernel, _ = self.weights.shape
        return self.addresses | {
            "operation": GradientOperation.RANK,
            "in_channels": outputs if self.depthwise else inputs,
            "outputs": outputs,
            "kernel": kernel,
            "depthwise": int(self.depthwise),
        }

    def contents(self, beat: int) -> dict[str, bytes]:
        """What is in memory before the job; what lies between rows is no zero."""
        packed = layout.pack_weights(self.weights, beat, depthwise=self.depthwise)
        row = self.weights[0].size if self.depthwise else len(self.weights)
        packed[..., row:] = 0x5A
        return {"weights": packed.tobytes()}

    def expected(self) -> np.ndarray:
        """The words written."""
        return ranking(importance(self.weights, depthwise=self.depthwise))

    def cycles(self, beat: int, latency: int) -> int:
        """As golden.sgmac.cycles says."""
        beats = layout.pack_weights(self.weights, beat, depthwise=self.depthwise).size // beat
        return rank_cycles(beats, len(self.expected()), beat=beat, latency=latency)


@dataclass(frozen=True, kw_only=True)
class ScheduleJob:
    """ranking: words of the whole layer."""

    ranking: np.ndarray
    window: int
    pool: int
    place: int
    addresses: dict[str, int] = field(default_factory=lambda: ADDRESSES)
    result = "channels"
    seed = 1
    stochastic = 0

    def numbers(self) -> dict[str, int]:
        """The fields of hw.sgmac.numbers.asked_layout that the job needs."""
        return self.addresses | {
            "operation": GradientOperation.SCHEDULE,
            "in_channels": len(self.ranking),
            "selected": self.window,
            "pool": self.pool,
            "place": self.place,
        }

    def contents(self, beat: int) -> dict[str, bytes]:
        """What is in memory before the job: of the ranking the pool, then no channels."""
        words = self.ranking.copy()
        words[self.pool :] = 0xFFFFFFFF
        return {"ranking": layout.pack_channels(words).tobytes()}

    def expected(self) -> np.ndarray:
        """The words written."""
        return window_channels(self.ranking, self.window, self.pool, self.place)

    @property
    def following(self) -> int:
        return following_place(self.window, self.pool, self.place)

    def cycles(self, beat: int, latency: int) -> int:
        """As golden.sgmac.cycles says."""
        return schedule_cycles(self.pool, int(self.expected()[-1]), latency=latency)


def layers(rng: np.random.Generator, channels: int, kernel: int) -> list[RankJob]:
    """Ties, extremes, all equal, one channel, as many as there may be, depthwise."""
    taps = (kernel, kernel)
    lowest = np.full((9, min(5, channels), 1, 1), -128, np.int8)
    lowest[0, -1] = 127
    few = np.array([-1, 0, 1], np.int8)
    return [
        RankJob(weights=rng.integers(-128, 128, (11, channels, *taps), np.int8)),
        RankJob(weights=rng.choice(few, (2, channels, 1, 1))),
        RankJob(weights=lowest),
        RankJob(weights=np.zeros((1, channels - 1, 2, 2), np.int8)),
        RankJob(weights=np.full((3, 1, 1, 1), 5, np.int8)),
        RankJob(weights=rng.integers(-128, 128, (channels, 1, *taps), np.int8), depthwise=True),
    ]


def steps(rng: np.random.Generator, channels: int) -> list[ScheduleJob]:
    """Windows at the beginning, that wrap, that are the pool, of one channel."""
    sizes = [  # C, K, pool, place
        (channels, 3, channels, 0),
        (channels, 4, channels - 1, channels - 3),
        (channels, channels, channels, 5),
        (1, 1, 1, 0),
        (7, 1, 2, 1),
        (6, 3, 6, 3),
    ]
    return [
        ScheduleJob(ranking=rng.permutation(count), window=window, pool=pool, place=place)
        for count, window, pool, place in sizes
    ]
