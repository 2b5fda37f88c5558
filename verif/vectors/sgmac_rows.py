# SPDX-License-Identifier: Apache-2.0
"""Jobs of hw.sgmac.rows: the rows of the array, what is read beside them, and what is written."""

from collections.abc import Iterator

import numpy as np

from golden.sgmac.layout import pack_scale
from hw.config import Configuration
from verif.vectors import sgmac_update as vectors

KINDS = [
    # accumulate, update
    (False, None),
    (True, None),
    (False, "nearest"),
    (True, "stochastic"),
]


def to_beats(values: np.ndarray, size: int) -> list[int]:
    """The values in memory, little-endian, as beats; zeros fill the last one."""
    content = values.astype(values.dtype.newbyteorder("<")).tobytes()
    return [
        int.from_bytes(content[i : i + size].ljust(size, b"\0"), "little")
        for i in range(0, len(content), size)
    ]


class Job:
    """A job as Rows sees it. All arrays of values are [output, row], as in the golden update;
    depthwise an output is a channel and a row a tap.

    Parameters
    ----------
    sizes: (C_out, K, k). update: the rounding, or None for gradients.

    Attributes
    ----------
    numbers: of the job. rows: payloads of the array, lanes without a value hold noise. partials,
    weights, scales: beats, none where the job needs none. beats: what is written. saturated.
    """

    def __init__(
        self,
        config: Configuration,
        seed: int,
        sizes: tuple[int, int, int],
        *,
        depthwise: bool = False,
        accumulate: bool = False,
        update: str | None = None,
    ) -> None:
        self.config = config
        self.outputs, self.selected, kernel = sizes
        self.taps = kernel * kernel
        self.depthwise, self.accumulate, self.update = depthwise, accumulate, update
        kind = "depthwise " * depthwise + "accumulate " * accumulate + (update or "gradient")
        self.label = f"{sizes} {kind}"
        count = self.taps if depthwise else self.selected * self.taps
        drawn = vectors.draw(seed, self.outputs, count, update or "nearest")
        rng = np.random.default_rng(seed)
        limit = 1 << config.sum_width - 1
        ends = [-limit, limit - 1]
        if update:  # gradients whose steps are of the size of a weight
            self.sums = np.clip(drawn.gradient, *ends).astype(np.int64)
        else:
            self.sums = rng.integers(-limit, limit, drawn.gradient.shape)
            self.sums.flat[: min(2, self.sums.size)] = ends[: self.sums.size]
        added = np.zeros_like(self.sums)
        if accumulate:
            low, high = vectors.INT32[0] + limit, vectors.INT32[1] - limit
            added = rng.integers(low, high, self.sums.shape, endpoint=True)
            if update:
                added = np.clip(drawn.gradient, low, high).astype(np.int64)
        job = vectors.Job(
            weights=drawn.weights,
            gradient=(self.sums + added).astype(np.int32),
            multiplier=drawn.multiplier,
            shift=drawn.shift,
            register=drawn.register,
            rounding=drawn.rounding,
        )
        self.numbers = {
            "outputs": self.outputs,
            "taps": self.taps,
            "selected": self.selected,
            "depthwise": depthwise,
            "accumulate": accumulate,
            "update": update is not None,
            "stochastic": update == "stochastic",
            "seed": job.register,
        }
        noise = rng.integers(-limit, limit, config.outputs)
        parts = list(self._parts(self.sums))
        self.rows = {
            "sums": np.stack([np.append(part, noise[len(part) :]) for part in parts]),
            "last": np.arange(len(parts)) == len(parts) - 1,
        }
        self.partials = self._beats(added, np.int32) if accumulate else []
        self.weights = self._beats(job.weights, np.int8) if update else []
        self.scales = self._scales(job) if update else []
        result, dtype = (job.updated.weights, np.int8) if update else (job.gradient, np.int32)
        self.beats = self._beats(result, dtype)
        self.saturated = job.updated.saturated if update else 0

    def _parts(self, values: np.ndarray) -> Iterator[np.ndarray]:
        """The rows in the array's order, each with the values of its lanes."""
        lanes = self.config.outputs
        if self.depthwise:
            for channel in values:
                yield from (channel[i : i + lanes] for i in range(0, self.taps, lanes))
        else:
            for i in range(0, self.outputs, lanes):
                yield from values[i : i + lanes].T

    def _beats(self, values: np.ndarray, dtype: type[np.generic]) -> list[int]:
        """The parts in memory, each padded to the beat, as beats."""
        size = self.config.beat_bytes
        return [beat for part in self._parts(values) for beat in to_beats(part.astype(dtype), size)]

    def _scales(self, job: vectors.Job) -> list[int]:
        """A block's outputs, or a channel's alone."""
        size, lanes = self.config.beat_bytes, self.config.outputs
        words = pack_scale(job.multiplier, job.shift, size, depthwise=self.depthwise)
        pieces = words
        if not self.depthwise:
            pieces = [words[i : i + lanes] for i in range(0, self.outputs, lanes)]
        return [beat for piece in pieces for beat in to_beats(piece, size)]


def jobs(config: Configuration, seed: int) -> list[Job]:
    """Of every kind: whole blocks, a last one that is not full, a single output; depthwise with
    one block of taps, with several, with a single tap; as many channels as there may be."""
    lanes, channels, kernel = config.outputs, config.channels, config.kernel
    sizes = [
        ((lanes, 1, 1), False),
        ((2 * lanes + 3, 3, 2), False),
        ((1, channels, 1), False),
        ((3, 3, kernel), True),
        ((channels, channels, 2), True),
        ((2, 2, 1), True),
    ]
    return [
        Job(config, seed + number, size, depthwise=depthwise, accumulate=accumulate, update=update)
        for accumulate, update in KINDS
        for number, (size, depthwise) in enumerate(sizes)
    ]
