# SPDX-License-Identifier: Apache-2.0
"""Jobs for tests of the compiled accelerator, and what has to hold after each."""

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from golden.desne import Parameters, TileResult, run_tile
from golden.desne.reduce import ReduceTable, make_table
from host.driver import Driver
from host.job import Job, job_for
from hw.config import PRESETS, Configuration
from verif.coverage import observers
from verif.records import record
from verif.sim.prediction import predicted_cycles, predicted_phases
from verif.sim.top import SimulatedPort

MODEL_CYCLES, MODEL_SHARE = 4, 10_000
"""Cycles of a job are golden's, so many more or less, or one in so many."""
COMPARED = ("neighbours", "weights", "status", "code", "coordinates")


class Tile:
    """Samples and what is asked of them; `expected` is golden's answer.

    Parameters
    ----------
    seed: of the job and of random samples. samples: uint8[n, D]. budget: how many to choose.
    config: the hardware. parameters: as of golden.desne.Parameters.
    """

    def __init__(
        self,
        seed: int,
        samples: NDArray[np.uint8],
        budget: int,
        config: Configuration = PRESETS["tiny"],
        **parameters,
    ) -> None:
        n, dimensions = samples.shape
        self.config, self.samples, self.budget = config, samples, budget
        self.table: ReduceTable = make_table((dimensions,), config.features, seed)
        most = min(config.neighbours, n - 1)
        chosen = {"perplexity": max(1, min(30, most / 2))} | parameters
        self.parameters = Parameters(neighbours=config.neighbours, seed=seed, **chosen)

    @cached_property
    def expected(self) -> TileResult:
        return run_tile(self.samples, self.table, self.parameters, self.budget)

    def predicted(self, latency: int = 0) -> int:
        """Cycles by golden's model."""
        return predicted_cycles(*self._asked, latency=latency)

    def predicted_phases(self) -> dict[str, int]:
        """The same, phase by phase."""
        return predicted_phases(*self._asked)

    @property
    def _asked(self):
        given = (self.table, self.parameters, self.budget, self.expected)
        return self.config, self.samples.shape[1], *given

    def job(self, sample_address: int, result_address: int, **rest) -> Job:
        """Of the driver; rest: as of host.job.job_for."""
        return job_for(
            *(self.parameters, self.table, *self.samples.shape, self.budget),
            sample_address=sample_address,
            result_address=result_address,
            **rest,
        )

    def run(self, driver: Driver) -> NDArray[np.int64]:
        return driver.select(self.samples, self.table, self.parameters, self.budget)


def random_tile(seed: int, n: int, dimensions: int, budget: int, **asked) -> Tile:
    """Uniform bytes."""
    rng = np.random.default_rng([seed, n, dimensions])
    return Tile(seed, rng.integers(0, 256, (n, dimensions), np.uint8), budget, **asked)


def differences(port: SimulatedPort, chosen: np.ndarray, expected: TileResult) -> tuple[int, int]:
    """(values compared, how many differ)."""
    trace = port.trace()
    pairs = [(chosen, expected.chosen)]
    pairs += [(getattr(trace, name), getattr(expected, name)) for name in COMPARED]
    assert [a.shape for a, _ in pairs] == [b.shape for _, b in pairs]
    return sum(b.size for _, b in pairs), sum(int((a != b).sum()) for a, b in pairs)


def check(
    driver: Driver, port: SimulatedPort, tile: Tile, test: str, *, timed: bool = False
) -> None:
    """Runs the tile and compares everything; its samples were read once, its result written.

    timed: the memory answers at once; cycles have to be golden's, but for MODEL_CYCLES.
    """
    chosen = tile.run(driver)
    values, wrong = differences(port, chosen, tile.expected)
    counters, activity = driver.counters(), port.activity()
    if tile.config.name == "tiny":
        observers.tile(tile.expected, tile.table.kind)
    record(test, seed=port.seed, vectors=values, mismatches=wrong, cycles=counters["cycles"])
    assert wrong == 0, f"{wrong} of {values} values differ, seed {port.seed}"
    assert counters["bytes_read"] == tile.samples.size and activity.unread == 0
    assert counters["bytes_written"] == activity.written == 4 * tile.budget
    assert counters["read_bursts"] == activity.read_bursts
    assert counters["write_bursts"] == activity.write_bursts
    assert activity.under_way == 0
    if timed:
        cycles, model = counters["cycles"], tile.predicted()
        allowed = max(MODEL_CYCLES, cycles // MODEL_SHARE)
        assert abs(cycles - model) <= allowed, f"{cycles} cycles, {model} predicted"
