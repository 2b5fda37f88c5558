# SPDX-License-Identifier: Apache-2.0
"""Jobs of the sparse-gradient unit one by one: what they cost, and what golden's model says."""

from golden.sgmac.cycles import job_cycles
from host.gradient_driver import GradientDriver, Part
from hw.config import Configuration

MODEL_CYCLES = 8
"""The model is within 1 %, or so many cycles where that is more."""


class TimedDriver(GradientDriver):
    """A driver that keeps the counters of each job of the unit.

    Attributes
    ----------
    jobs: of all that was run, what each job was and its counters.
    """

    def __init__(self, *arguments, **rest) -> None:
        super().__init__(*arguments, **rest)
        self.jobs: list[tuple[Part, dict[str, int]]] = []

    def _run(self, part: Part, total: dict[str, int]) -> None:
        own: dict[str, int] = {}
        super()._run(part, own)
        self.jobs.append((part, own))
        for name, value in own.items():
            total[name] = total.get(name, 0) + value

    def check_cycles(self, config: Configuration) -> int:
        """The cycles of all jobs; AssertionError for one that is not as golden's model says."""
        for part, counters in self.jobs:
            cycles, model = counters["cycles"], model_cycles(config, part)
            assert abs(cycles - model) <= max(0.01 * cycles, MODEL_CYCLES), (
                f"{cycles} cycles, {model} by the model, of {part}"
            )
        return sum(counters["cycles"] for _, counters in self.jobs)


def model_cycles(config: Configuration, part: Part) -> int:
    """Of one job, by golden's model."""
    return job_cycles(
        part.sizes,
        part.selected,
        outputs=config.outputs,
        plane=config.plane,
        beat=config.beat_bytes,
        accumulate=part.accumulate,
        update=part.update is not None,
        bias=part.bias,
    )
