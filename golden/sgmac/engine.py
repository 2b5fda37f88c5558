# SPDX-License-Identifier: Apache-2.0
"""engine: one job of the sparse-gradient unit. It only calls the blocks in order."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from golden.arith.lfsr import seed_register
from golden.sgmac.gradient import bias_gradient, weight_gradient
from golden.sgmac.shape import Convolution, check_channels
from golden.sgmac.update import check_scale, update_weights


@dataclass(frozen=True, kw_only=True)
class Update:
    """What a job is told about the weights it updates.

    weights: int8, the whole layer, [C_out, C_in, k, k] or depthwise [C, 1, k, k]. multiplier,
    shift: integers [C_out] (depthwise [C]), 1..65535 and 0..40. rounding: nearest or stochastic.
    seed: any integer >= 0; a new one for every layer and step, or they repeat their random bits.
    """

    weights: np.ndarray
    multiplier: np.ndarray
    shift: np.ndarray
    rounding: str = "nearest"
    seed: int = 1

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise ValueError(f"seed must be 0 or more, not {self.seed}")

    def place(self, channels: np.ndarray, depthwise: bool) -> Any:
        """Index of the weights of these input channels in the layer's."""
        return channels if depthwise else (slice(None), channels)

    def apply(
        self, gradient: np.ndarray, channels: np.ndarray, depthwise: bool
    ) -> tuple[np.ndarray, int]:
        """The layer's weights after the step, and how many saturated; gradient: of the channels."""
        place = self.place(channels, depthwise)
        outputs = channels if depthwise else slice(None)
        updated = update_weights(
            self.weights[place],
            gradient,
            self.multiplier[outputs],
            self.shift[outputs],
            rounding=self.rounding,
            register=seed_register(self.seed),
        )
        weights = self.weights.copy()
        weights[place] = updated.weights
        return weights, updated.saturated


@dataclass(frozen=True, kw_only=True)
class JobResult:
    """Everything a job leaves behind."""

    weight_gradient: np.ndarray  # int32 [C_out, K, k, k], depthwise [K, 1, k, k]
    bias_gradient: np.ndarray  # int32 [C_out], depthwise [K]
    weights: np.ndarray | None  # int8, the whole layer after the update; None without one
    saturated: int  # weights whose step led outside -128..127; 0 without an update


def run_job(
    x: np.ndarray,
    error: np.ndarray,
    channels: Sequence[int] | np.ndarray,
    convolution: Convolution,
    update: Update | None = None,
) -> JobResult:
    """The gradients of the selected input channels and, if asked for, their weights updated.

    x: int8 [N, C_in, H, W]. error: int8 [N, C_out, H', W']. channels: K integers, strictly
    ascending. Weights of channels not selected stay as they are; no array given is changed. Raises
    ValueError as weight_gradient and update_weights do, and for weights of another layer.
    """
    chosen = check_channels(channels, convolution.in_channels)
    if update is not None:
        layer = convolution.gradient_shape(convolution.in_channels)
        if update.weights.shape != layer:
            raise ValueError(f"weights have shape {update.weights.shape}: this layer's is {layer}")
        check_scale(update.multiplier, update.shift, layer[0])
    gradient = weight_gradient(x, error, chosen, convolution)
    bias = bias_gradient(error, chosen, convolution)
    if update is None:
        return JobResult(weight_gradient=gradient, bias_gradient=bias, weights=None, saturated=0)
    weights, saturated = update.apply(gradient, chosen, convolution.depthwise)
    return JobResult(
        weight_gradient=gradient,
        bias_gradient=bias,
        weights=weights,
        saturated=saturated,
    )
