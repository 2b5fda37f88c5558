# SPDX-License-Identifier: Apache-2.0
"""A sparse-gradient job as it lies in memory, for testbenches that have no driver."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from golden.arith.lfsr import seed_register
from golden.sgmac import Convolution, layout
from golden.sgmac.engine import Update

SPACE = 1 << 20
NAMES = ("channels", "input", "error", "result", "weights", "scale", "bias", "ranking")
ADDRESSES = {f"{name}_address": (1 << 33) + number * SPACE for number, name in enumerate(NAMES)}
"""Every array has a megabyte of its own."""


@dataclass(frozen=True, kw_only=True)
class MemoryJob:
    """One image of a job: x int8 [C, H, W], error int8 [C_out, H', W']."""

    x: np.ndarray
    error: np.ndarray
    channels: Sequence[int]
    sizes: Convolution
    update: Update | None = None
    accumulate: bool = False
    bias: bool = True
    addresses: dict[str, int] = field(default_factory=lambda: ADDRESSES)

    def numbers(self) -> dict[str, int]:
        """The fields of hw.sgmac.numbers.asked_layout."""
        sizes = self.sizes
        return self.addresses | {
            "width": sizes.width,
            "height": sizes.height,
            "out_width": sizes.out_width,
            "out_height": sizes.out_height,
            "in_channels": sizes.in_channels,
            "outputs": sizes.out_channels,
            "selected": len(self.channels),
            "kernel": sizes.kernel,
            "stride": sizes.stride,
            "padding": sizes.padding,
            "padding_above": sizes.above,
            "depthwise": int(sizes.depthwise),
            "accumulate": int(self.accumulate),
            "update": int(self.update is not None),
            "bias": int(self.bias),
        }

    @property
    def seed(self) -> int:
        """What the seed register holds."""
        return seed_register(self.update.seed) if self.update else 1

    @property
    def stochastic(self) -> int:
        return int(self.update is not None and self.update.rounding == "stochastic")

    def contents(self, beat: int) -> dict[str, bytes]:
        """What is in memory before the job, by the names of ADDRESSES without `_address`."""
        chosen = np.asarray(self.channels)
        pieces = {
            "channels": layout.pack_channels(chosen),
            "input": layout.pack_maps(self.x[None], beat),
            "error": layout.pack_maps(self.error[None], beat),
        }
        if self.update:
            depthwise = self.sizes.depthwise
            outputs = chosen if depthwise else slice(None)
            pieces["weights"] = layout.pack_weights(self.update.weights, beat, depthwise=depthwise)
            pieces["scale"] = layout.pack_scale(
                self.update.multiplier[outputs],
                self.update.shift[outputs],
                beat,
                depthwise=depthwise,
            )
        return {name: piece.tobytes() for name, piece in pieces.items()}

    def gradient(self, memory: bytes, beat: int) -> np.ndarray:
        """The weight gradient in the bytes of `result`."""
        sizes = self.sizes
        shape = sizes.gradient_shape(len(self.channels))
        size = layout.pack_weights(np.zeros(shape, np.int32), beat, depthwise=sizes.depthwise)
        content = np.frombuffer(memory[: size.size], np.uint8).reshape(size.shape)
        return layout.unpack_weights(
            content, shape[0], sizes.kernel, np.int32, depthwise=sizes.depthwise
        )

    def weights(self, memory: bytes, beat: int) -> np.ndarray:
        """The whole layer in the bytes of `weights`."""
        assert self.update is not None
        sizes = self.sizes
        before = layout.pack_weights(self.update.weights, beat, depthwise=sizes.depthwise)
        content = np.frombuffer(memory[: before.size], np.uint8).reshape(before.shape)
        return layout.unpack_weights(
            content, sizes.out_channels, sizes.kernel, np.int8, depthwise=sizes.depthwise
        )
