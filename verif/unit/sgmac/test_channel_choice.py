# SPDX-License-Identifier: Apache-2.0
"""The jobs rank and schedule of the whole unit before a memory, in the Amaranth simulator."""

import dataclasses

import numpy as np
import pytest

from hw.config import PRESETS
from verif.unit.sgmac.test_unit import Run
from verif.vectors.choice_memory import RankJob, ScheduleJob, layers, steps

CONFIG = dataclasses.replace(PRESETS["tiny"], plane=64, kernel=3, channels=19)


class ChoiceRun(Run):
    """Jobs one after the other; each must have written its words, and nothing else."""

    def __init__(self, seed: int, pattern: str = "none", latency: int = 3, data_width: int = 64):
        self.latency = latency
        config = dataclasses.replace(CONFIG, data_width=data_width, outputs=data_width // 8)
        super().__init__(seed, pattern, latency + 1, config)

    def check(self, jobs: list[RankJob | ScheduleJob]) -> None:
        before: dict[int, int] = {}
        self.following: list[int] = []

        def after(number: int) -> None:
            job = jobs[number]
            where = f"job {number}, seed {self.seed}"
            base, expected = job.addresses[f"{job.result}_address"], job.expected()
            got = np.frombuffer(self.bytes_of(job.result, 4 * len(expected)), "<u4")
            np.testing.assert_array_equal(got, expected, where)
            written = set(range(base, base + 4 * len(expected)))
            changed = {at for at, byte in self.memory.items() if before.get(at) != byte}
            for name, content in job.contents(self.beat).items():
                start = job.addresses[f"{name}_address"]
                changed -= set(range(start, start + len(content)))
            assert changed <= written, where
            before.clear()
            before.update(self.memory)
            if self.pattern == "none":
                cycles = self.counts[-1]["cycles"]
                assert cycles == job.cycles(self.beat, self.latency), where

        self.go(jobs, after)
        assert len(self.counts) == len(jobs)


@pytest.mark.parametrize("pattern, latency", [("none", 0), ("none", 40), ("random", 2)])
@pytest.mark.parametrize("data_width", [64, pytest.param(256, marks=pytest.mark.slow)])
def test_jobs(data_width, pattern, latency, seed):
    """Rankings and windows in turn; every cycle is the model's."""
    rng = np.random.default_rng(seed)
    ranks = layers(rng, CONFIG.channels, CONFIG.kernel)
    windows = steps(rng, CONFIG.channels)
    jobs = [job for pair in zip(ranks, windows, strict=True) for job in pair]
    ChoiceRun(seed, pattern, latency, data_width).check(jobs)
