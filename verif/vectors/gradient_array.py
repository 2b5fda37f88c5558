# SPDX-License-Identifier: Apache-2.0
"""Jobs for the array of the sparse-gradient unit, and its streams for a job."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from golden.sgmac.cycles import array_cycles
from golden.sgmac.gradient import weight_gradient
from golden.sgmac.layout import pack_maps
from golden.sgmac.shape import Convolution
from hw.config import Configuration
from verif.vectors.sgmac import CASES, convolution, draw

LANES, RING = 0, 1


@dataclass(frozen=True, kw_only=True)
class Job:
    """One image.

    Attributes
    ----------
    sizes: of the convolution. channels: the selected ones, int64[K], ascending.
    x: int8[C_in, H, W]. error: int8[C_out, H', W'].
    """

    sizes: Convolution
    channels: NDArray[np.int64]
    x: NDArray[np.int8]
    error: NDArray[np.int8]

    def resident(self, config: Configuration) -> bool:
        """Whether all selected planes fit the ring."""
        words = len(self._planes(config, self.x)[0])
        fits = len(self.channels) * words <= 2 * config.plane_beats
        return fits and not self.sizes.depthwise

    def settings(self, config: Configuration) -> dict[str, int]:
        """The fields of array_job_layout."""
        sizes = self.sizes
        return {
            "height": sizes.height,
            "width": sizes.width,
            "out_height": sizes.out_height,
            "out_width": sizes.out_width,
            "kernel": sizes.kernel,
            "stride": sizes.stride,
            "padding": sizes.padding,
            "padding_above": sizes.above,
            "positions": sizes.out_height * sizes.out_width,
            "taps": sizes.taps,
            "line": sizes.stride * sizes.width % (2 * config.plane),
            "first_offset": -(sizes.above * sizes.width + sizes.padding) % (2 * config.plane),
            "depthwise": int(sizes.depthwise),
            "selected": len(self.channels),
            "outputs": sizes.out_channels,
            "x_beats": len(self._planes(config, self.x)[0]),
            "error_beats": len(self._planes(config, self.error)[0]),
            "resident": int(self.resident(config)),
        }

    @staticmethod
    def _planes(config: Configuration, maps: NDArray[np.int8]) -> list[list[int]]:
        """The words of each plane; bytes behind a plane's end are not zero, as in real memory."""
        size = maps[0].size
        packed = pack_maps(maps[None], config.beat_bytes)[0]
        packed[:, size:] = 0xA5
        return [
            [int.from_bytes(word.tobytes(), "little") for word in row]
            for row in packed.reshape(len(packed), -1, config.beat_bytes)
        ]

    def words(self, config: Configuration) -> list[dict[str, int]]:
        """All words in the order of use."""
        x, error = self._planes(config, self.x), self._planes(config, self.error)
        listed: list[dict[str, int]] = []

        def give(target: int, plane: list[int]) -> None:
            listed.extend({"data": word, "target": target} for word in plane)

        if self.sizes.depthwise:
            for channel in self.channels:
                give(LANES, x[channel])
                give(RING, error[channel])
            return listed
        blocks = [
            error[first : first + config.outputs] for first in range(0, len(error), config.outputs)
        ]
        share = -(-config.outputs // len(self.channels))
        for plane in blocks[0]:
            give(LANES, plane)
        for block in range(len(blocks)):
            following = blocks[block + 1] if block + 1 < len(blocks) else []
            for number, channel in enumerate(self.channels):
                if not block or not self.resident(config):
                    give(RING, x[channel])
                for plane in following[number * share : (number + 1) * share]:
                    give(LANES, plane)
        return listed

    def rows(self, config: Configuration) -> list[list[int]]:
        """The sums of every row, only those that exist: golden."""
        gradient = weight_gradient(self.x[None], self.error[None], self.channels, self.sizes)
        if self.sizes.depthwise:
            lines = gradient.reshape(len(self.channels), -1)
        else:
            lines = gradient.reshape(len(gradient), -1)
            blocks = [
                lines[first : first + config.outputs].T
                for first in range(0, len(lines), config.outputs)
            ]
            return [row.tolist() for block in blocks for row in block]
        return [
            line[first : first + config.outputs].tolist()
            for line in lines
            for first in range(0, len(line), config.outputs)
        ]

    def multiplications(self, config: Configuration) -> tuple[int, int]:
        """Cycles in which lanes multiply, and products of lanes that have an output or tap."""
        rows = self.rows(config)
        positions = self.sizes.out_height * self.sizes.out_width
        return len(rows) * positions, sum(map(len, rows)) * positions

    def cycles(self, config: Configuration) -> int:
        """Golden, from start to the end of busy, without stalls."""
        return array_cycles(
            self.sizes,
            len(self.channels),
            outputs=config.outputs,
            plane=config.plane,
            beat=config.beat_bytes,
        )


def fits(config: Configuration, sizes: Convolution, selected: int) -> bool:
    """Whether the array can do the job."""
    return (
        max(sizes.height * sizes.width, sizes.out_height * sizes.out_width) <= config.plane
        and sizes.kernel <= config.kernel
        and selected <= config.channels
    )


def job(config: Configuration, sizes: Convolution, channels, seed: int) -> Job:
    """Random bytes, all alike."""
    rng = np.random.default_rng(seed)
    x, error = draw(rng, 1, sizes)
    return Job(sizes=sizes, channels=np.array(channels), x=x[0], error=error[0])


def extreme(sizes: Convolution, x: int, error: int) -> Job:
    """All bytes of x the same, and all of the error; all channels selected."""
    return Job(
        sizes=sizes,
        channels=np.arange(sizes.in_channels),
        x=np.full((sizes.in_channels, sizes.height, sizes.width), x, np.int8),
        error=np.full((sizes.out_channels, sizes.out_height, sizes.out_width), error, np.int8),
    )


def cases(config: Configuration, seed: int) -> list[Job]:
    """The list of ragged convolutions, as far as they fit."""
    return [
        job(config, sizes, channels, seed + number)
        for number, (_, channels, sizes) in enumerate(CASES)
        if fits(config, sizes, len(channels))
    ]


def random_job(config: Configuration, seed: int) -> Job:
    """Any legal job with maps that fit."""
    rng = np.random.default_rng(seed)
    while True:
        kernel = int(rng.integers(1, config.kernel + 1))
        padding, stride = int(rng.integers(0, kernel)), int(rng.integers(1, 4))
        size = tuple(int(side) for side in rng.integers(1, 12, 2))
        out = []
        for side in size:
            lowest = max((side + padding - kernel) // stride + 1, 1)
            out.append(int(rng.integers(lowest, (side + padding - 1) // stride + 2)))
        channels = int(rng.integers(1, min(config.channels, 9) + 1))
        depthwise = bool(rng.integers(0, 3) == 0)
        outputs = channels if depthwise else int(rng.integers(1, 3 * config.outputs + 2))
        sizes = convolution(
            outputs,
            channels,
            size,
            (out[0], out[1]),
            kernel=kernel,
            stride=stride,
            padding=padding,
            depthwise=depthwise,
        )
        selected = int(rng.integers(1, channels + 1))
        if fits(config, sizes, selected):
            chosen = np.sort(rng.choice(channels, selected, replace=False))
            return job(config, sizes, chosen, seed)
