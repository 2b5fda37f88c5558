# SPDX-License-Identifier: Apache-2.0
"""Who computes a sparse-gradient job: the golden model."""

from collections.abc import Callable
from typing import Protocol

import numpy as np

from golden.sgmac import Convolution, JobResult, Update, run_job
from host.backends import DEFAULT_PRESET, RtlBackend
from host.errors import GradientError
from host.gradient_driver import GradientDriver


class GradientBackend(Protocol):
    """Computes one job; all back ends give the same bits."""

    name: str

    def run_job(
        self,
        x: np.ndarray,
        error: np.ndarray,
        channels: np.ndarray,
        convolution: Convolution,
        update: Update | None,
    ) -> JobResult:
        """See golden.sgmac.run_job; a job that cannot be is a GradientError."""
        ...


class GoldenGradient:
    """The integer model in golden/, compiled by numba."""

    name = "golden"

    def run_job(
        self,
        x: np.ndarray,
        error: np.ndarray,
        channels: np.ndarray,
        convolution: Convolution,
        update: Update | None,
    ) -> JobResult:
        """See golden.sgmac.run_job."""
        try:
            return run_job(x, error, channels, convolution, update)
        except ValueError as wrong:
            raise GradientError(str(wrong)) from None


class RtlGradient:
    """The generated Verilog of a preset, compiled by Verilator.

    Parameters
    ----------
    preset: a preset or a configuration file. The simulator is built on the first use.

    Attributes
    ----------
    counters: of the last job, by name, summed over its images.

    Raises
    ------
    SelectionError: there is no such preset, or no Verilator.
    """

    name = "rtl"

    def __init__(self, preset: str = DEFAULT_PRESET) -> None:
        self._hardware = RtlBackend(preset)
        self.config = self._hardware.config
        self.counters: dict[str, int] = {}

    def run_job(
        self,
        x: np.ndarray,
        error: np.ndarray,
        channels: np.ndarray,
        convolution: Convolution,
        update: Update | None,
    ) -> JobResult:
        """See golden.sgmac.run_job; raises HardwareError if hardware fails."""
        with self._hardware.accelerator() as (_, port):
            driver = GradientDriver(port)
            result, self.counters = driver.run_job(x, error, channels, convolution, update)
        return result

    def close(self) -> None:
        """Ends the simulator."""
        self._hardware.close()


BACKENDS: dict[str, Callable[[], GradientBackend]] = {"golden": GoldenGradient}


def make_backend(name: str) -> GradientBackend:
    """The back end called `name`, ready; GradientError for one that does not exist."""
    if name not in BACKENDS:
        raise GradientError(f"there is no back end {name!r}: choose {' or '.join(BACKENDS)}")
    return BACKENDS[name]()
