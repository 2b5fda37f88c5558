# SPDX-License-Identifier: Apache-2.0
"""Who computes a sparse-gradient job: the golden model, the generated hardware, or both."""

from dataclasses import fields
from typing import NoReturn, Protocol

import numpy as np

from golden.sgmac import Convolution, JobResult, Update, bands, run_job
from golden.sgmac.importance import by_channel, importance, ranking
from golden.sgmac.schedule import following_place, window_channels
from host.backends import RtlBackend
from host.errors import GradientError, HardwareError
from host.gradient_driver import GradientDriver

DEFAULT_PRESET = "train"


class GradientBackend(Protocol):
    """Computes one job; all back ends give the same bits."""

    name: str
    counters: dict[str, int]

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

    def rank(self, weights: np.ndarray, *, depthwise: bool = False) -> np.ndarray:
        """The input channels by the importance of their weights: see golden.sgmac.importance."""
        ...

    def schedule(
        self, ranking: np.ndarray, *, window: int, pool: int, place: int
    ) -> tuple[np.ndarray, int]:
        """The channels of a window on a ranking, and the place of the window behind it: see
        golden.sgmac.schedule, window_channels and following_place."""
        ...

    def close(self) -> None:
        """Frees what it holds."""
        ...


class GoldenGradient:
    """The integer model in golden/, compiled by numba."""

    name = "golden"

    def __init__(self) -> None:
        self.counters: dict[str, int] = {}

    def close(self) -> None:
        """Nothing is held."""

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

    def rank(self, weights: np.ndarray, *, depthwise: bool = False) -> np.ndarray:
        """See golden.sgmac.importance."""
        try:
            return ranking(importance(weights, depthwise=depthwise))
        except ValueError as wrong:
            raise GradientError(str(wrong)) from None

    def schedule(
        self, ranking: np.ndarray, *, window: int, pool: int, place: int
    ) -> tuple[np.ndarray, int]:
        """See golden.sgmac.schedule."""
        try:
            channels = window_channels(ranking, window, pool, place)
        except ValueError as wrong:
            raise GradientError(str(wrong)) from None
        return channels, following_place(window, pool, place)


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
        """See golden.sgmac.run_job; GradientError if the job does not fit the hardware,
        HardwareError if hardware fails."""
        self._check(convolution)
        with self._hardware.accelerator() as (_, port):
            driver = GradientDriver(port)
            result, self.counters = driver.run_job(x, error, channels, convolution, update)
        return result

    def rank(self, weights: np.ndarray, *, depthwise: bool = False) -> np.ndarray:
        """See GradientBackend; errors are those of run_job."""
        try:
            channels = len(by_channel(weights, depthwise=depthwise))
        except ValueError as wrong:
            raise GradientError(str(wrong)) from None
        self._check_sizes(kernel=(weights.shape[-1], "kernel"), in_channels=(channels, "channels"))
        with self._hardware.accelerator() as (_, port):
            driver = GradientDriver(port)
            order = driver.rank(weights, depthwise=depthwise)
            self.counters = driver.counters()
        return order

    def schedule(
        self, ranking: np.ndarray, *, window: int, pool: int, place: int
    ) -> tuple[np.ndarray, int]:
        """See GradientBackend; errors are those of run_job."""
        try:
            window_channels(ranking, window, pool, place)
        except ValueError as wrong:
            raise GradientError(str(wrong)) from None
        self._check_sizes(in_channels=(len(ranking), "channels"))
        with self._hardware.accelerator() as (_, port):
            driver = GradientDriver(port)
            found = driver.schedule(ranking, window=window, pool=pool, place=place)
            self.counters = driver.counters()
        return found

    def _check_sizes(self, **sizes: tuple[int, str]) -> None:
        """GradientError unless each value is within the size of the configuration beside it."""
        config = self.config
        if not config.outputs:
            raise GradientError(
                f"{config.name} was generated without the sparse-gradient unit: give it outputs"
            )
        for name, (value, size) in sizes.items():
            if value > (most := getattr(config, size)):
                raise GradientError(
                    f"{name} {value} does not fit preset {config.name}, which takes at most "
                    f"{most}: choose another preset"
                )

    def _check(self, sizes: Convolution) -> None:
        config = self.config
        self._check_sizes(
            kernel=(sizes.kernel, "kernel"),
            in_channels=(sizes.in_channels, "channels"),
            out_channels=(sizes.out_channels, "channels"),
        )
        try:
            bands(sizes, config.plane)
        except ValueError as wrong:
            raise GradientError(
                f"maps do not fit preset {config.name}: {wrong}; choose another preset"
            ) from None

    def close(self) -> None:
        """Ends the simulator."""
        self._hardware.close()


class BothGradient:
    """Golden and hardware; a difference is a HardwareError that names the first."""

    name = "both"

    def __init__(self, preset: str = DEFAULT_PRESET) -> None:
        self._golden, self._rtl = GoldenGradient(), RtlGradient(preset)
        self.config = self._rtl.config
        self.counters: dict[str, int] = {}

    def run_job(
        self,
        x: np.ndarray,
        error: np.ndarray,
        channels: np.ndarray,
        convolution: Convolution,
        update: Update | None,
    ) -> JobResult:
        """See golden.sgmac.run_job."""
        job = x, error, channels, convolution, update
        want, got = self._golden.run_job(*job), self._rtl.run_job(*job)
        self.counters = self._rtl.counters
        if text := first_difference(got, want):
            self._differs(text)
        return got

    def rank(self, weights: np.ndarray, *, depthwise: bool = False) -> np.ndarray:
        """See GradientBackend."""
        want = self._golden.rank(weights, depthwise=depthwise)
        got = self._rtl.rank(weights, depthwise=depthwise)
        self.counters = self._rtl.counters
        if not np.array_equal(got, want):
            place = int(np.argmax(got != want))
            self._differs(f"rank {place} is channel {got[place]}, golden has {want[place]}")
        return got

    def schedule(
        self, ranking: np.ndarray, *, window: int, pool: int, place: int
    ) -> tuple[np.ndarray, int]:
        """See GradientBackend."""
        want, following = self._golden.schedule(ranking, window=window, pool=pool, place=place)
        got, next_place = self._rtl.schedule(ranking, window=window, pool=pool, place=place)
        self.counters = self._rtl.counters
        if not np.array_equal(got, want):
            self._differs(f"the window has channels {got.tolist()}, golden has {want.tolist()}")
        if next_place != following:
            self._differs(f"the following place is {next_place}, golden has {following}")
        return got, following

    def _differs(self, text: str) -> NoReturn:
        raise HardwareError(f"hardware {self.config.name} differs from golden: {text}")

    def close(self) -> None:
        """Ends the simulator."""
        self._rtl.close()


def first_difference(got: JobResult, want: JobResult) -> str:
    """A sentence on the first value in which two results differ, or ""."""
    for field in fields(JobResult):
        a, b = getattr(got, field.name), getattr(want, field.name)
        if (a is None) != (b is None):
            return f"{field.name} is there in one of them only"
        if a is None or np.array_equal(a, b):
            continue
        name = field.name.replace("_", " ")
        if np.shape(a) != np.shape(b):
            return f"{name} has shape {np.shape(a)}, golden has {np.shape(b)}"
        places = np.argwhere(np.asarray(a) != np.asarray(b))
        if not places.size:
            return f"{name} is {a}, golden has {b}"
        at = tuple(map(int, places[0]))
        return f"{name} {list(at)} is {a[at]}, golden has {b[at]} ({len(places):,} differ)"
    return ""


BACKENDS = ("golden", "rtl", "both")


def make_backend(name: str, preset: str | None = None) -> GradientBackend:
    """The back end called `name`, ready; GradientError for one that does not exist."""
    if name not in BACKENDS:
        raise GradientError(f"there is no back end {name!r}: choose one of {', '.join(BACKENDS)}")
    if name == "golden":
        if preset is not None:
            raise GradientError(f"preset {preset!r} is for hardware: add --backend rtl or both")
        return GoldenGradient()
    return (RtlGradient if name == "rtl" else BothGradient)(preset or DEFAULT_PRESET)
