# SPDX-License-Identifier: Apache-2.0
"""The convolution of a sparse-gradient job: its sizes, and what follows from them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

PRODUCT_LIMIT = 1 << 14
"""Largest magnitude of a product of two signed bytes: (-128) * (-128)."""

POSITION_LIMIT = (1 << 31) // PRODUCT_LIMIT
"""A job sums over fewer error positions than this, so that no sum can leave 32 bits."""

LIMITS = {
    "out_channels": (1, 65535),
    "in_channels": (1, 65535),
    "height": (1, 65535),
    "width": (1, 65535),
    "out_height": (1, 65535),
    "out_width": (1, 65535),
    "kernel": (1, 255),
    "stride": (1, 255),
    "padding": (0, 254),
}
"""Smallest and largest value of each size."""


@dataclass(frozen=True, kw_only=True)
class Convolution:
    """A square convolution without dilation; every illegal value or combination is a ValueError.

    Tap (u, v) of output position (y, z) reads the map at (y * stride + u - above,
    z * stride + v - padding), and zero outside the map.

    Parameters
    ----------
    out_channels, in_channels: 1..65535, equal when depthwise.
    height, width: of an input map, 1..65535.
    out_height, out_width: of an error map. Legal is what any padding of 0..kernel - 1 below (to the
    right) gives: (height + above - kernel) // stride + 1, at least 1, up to
    (height + above - 1) // stride + 1; likewise for the width, with padding.
    kernel: taps a side, 1..255. stride: 1..255. padding: to the left and, unless padding_above is
    given, above; 0..kernel - 1. padding_above: for bands of rows, which have less above.
    depthwise: one filter a channel instead of one for each pair of channels.
    """

    out_channels: int
    in_channels: int
    height: int
    width: int
    out_height: int
    out_width: int
    kernel: int = 1
    stride: int = 1
    padding: int = 0
    depthwise: bool = False
    padding_above: int | None = None

    def __post_init__(self) -> None:
        for key, (low, high) in LIMITS.items():
            value = getattr(self, key)
            if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
                raise ValueError(f"{key} is {value!r}: it must be an integer from {low} to {high}")
        for key in ("padding", "above"):
            value = getattr(self, key)
            if not 0 <= value < self.kernel:
                raise ValueError(
                    f"{key.replace('above', 'padding_above')} is {value}: it must be 0 or more and "
                    f"less than kernel, which is {self.kernel}"
                )
        if self.depthwise and self.out_channels != self.in_channels:
            raise ValueError(
                f"out_channels is {self.out_channels}: a depthwise convolution has as many as "
                f"in_channels, which is {self.in_channels}"
            )
        for side, padding in (("height", self.above), ("width", self.padding)):
            value, size = getattr(self, f"out_{side}"), getattr(self, side)
            low, high = self._output_range(size, padding)
            if not low <= value <= high:
                legal = f"{low}" if low == high else f"{low} to {high}"
                raise ValueError(
                    f"out_{side} is {value}: {side} {size} with kernel {self.kernel}, stride "
                    f"{self.stride} and padding {padding} gives {legal}"
                )

    def _output_range(self, size: int, padding: int) -> tuple[int, int]:
        """Smallest and largest legal out_height of a map of this height (or width)."""
        lowest = (size + padding - self.kernel) // self.stride + 1
        return max(lowest, 1), (size + padding - 1) // self.stride + 1

    @property
    def above(self) -> int:
        """Padding above: padding_above, or padding if that is not given."""
        return self.padding if self.padding_above is None else self.padding_above

    @property
    def taps(self) -> int:
        """Weights of one filter and input channel: kernel * kernel."""
        return self.kernel * self.kernel

    def rows(self, selected: int) -> int:
        """Weight gradients of each output, with `selected` channels: selected * taps, or the taps
        alone when depthwise."""
        return self.taps if self.depthwise else selected * self.taps

    def outputs(self, selected: int) -> int:
        """Outputs with weight gradients: all out_channels, or the selected ones when depthwise."""
        return selected if self.depthwise else self.out_channels

    def gradient_shape(self, selected: int) -> tuple[int, int, int, int]:
        """Shape of the weight gradient: (out_channels, selected, kernel, kernel), or (selected, 1,
        kernel, kernel) when depthwise."""
        columns = 1 if self.depthwise else selected
        return self.outputs(selected), columns, self.kernel, self.kernel

    def multiply_accumulates(self, images: int, selected: int) -> int:
        """Products summed for the weight gradients of a job, those with the zeros outside
        included."""
        positions = images * self.out_height * self.out_width
        return positions * self.outputs(selected) * self.rows(selected)


def check_channels(channels: Sequence[int] | np.ndarray, in_channels: int) -> np.ndarray:
    """The selected channels as int64 [K]; ValueError unless they are 1 to in_channels integers,
    strictly ascending, 0..in_channels - 1."""
    chosen = np.asarray(channels)
    if chosen.ndim != 1 or not len(chosen) or not np.issubdtype(chosen.dtype, np.integer):
        raise ValueError("channels must be a list of one or more integers")
    for value in chosen[(chosen < 0) | (chosen >= in_channels)]:
        raise ValueError(f"channel {value} does not exist: choose from 0 to {in_channels - 1}")
    chosen = chosen.astype(np.int64)
    for position in np.flatnonzero(np.diff(chosen) <= 0):
        before, after = chosen[position : position + 2]
        if before == after:
            raise ValueError(f"channel {after} is listed twice: list every channel once")
        raise ValueError(f"channel {after} stands behind {before}: list channels in rising order")
    return chosen


def check_positions(images: int, convolution: Convolution) -> None:
    """ValueError if the sums of a job over this many images could leave 32 bits."""
    positions = images * convolution.out_height * convolution.out_width
    if positions >= POSITION_LIMIT:
        raise ValueError(
            f"{images} images of {convolution.out_height} x {convolution.out_width} errors are "
            f"{positions} positions, and a 32-bit sum is only safe below {POSITION_LIMIT}: "
            "use fewer images a job"
        )
