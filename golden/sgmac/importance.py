# SPDX-License-Identifier: Apache-2.0
"""importance: which input channels of a layer matter most, by the size of their weights."""

import numpy as np

TERM_LIMIT = 1 << 18
"""A channel has fewer weights than this, so that its sum of squares fits 32 bits unsigned."""


def by_channel(weights: np.ndarray, *, depthwise: bool = False) -> np.ndarray:
    """The weights of each input channel, int8 [C_in, weights]; arguments and errors are those of
    importance."""
    if weights.dtype != np.int8:
        raise ValueError(f"weights hold {weights.dtype} values: they must be int8")
    if weights.ndim != 4 or not weights.size or (depthwise and weights.shape[1] != 1):
        wanted = "(C, 1, k, k)" if depthwise else "(C_out, C_in, k, k)"
        raise ValueError(f"weights have shape {weights.shape}: it must be {wanted}")
    channels = weights if depthwise else weights.swapaxes(0, 1)
    flat = channels.reshape(len(channels), -1)
    if flat.shape[1] >= TERM_LIMIT:
        raise ValueError(
            f"a channel of {flat.shape[1]} weights is too large: a 32-bit sum of squares is only "
            f"safe below {TERM_LIMIT}"
        )
    return flat


def importance(weights: np.ndarray, *, depthwise: bool = False) -> np.ndarray:
    """The squared L2 norm of each input channel's weights, an exact integer.

    The order of channels is that of the L2 norm in the weights' integers, and of the real weights
    where all outputs share one scale. weights: int8 [C_out, C_in, k, k]; depthwise int8
    [C, 1, k, k]. Returns uint32 [C_in]. Raises ValueError for another type or shape, and for 2^18
    weights or more a channel: their squares, up to 2^14 each, could leave 32 bits.
    """
    values = by_channel(weights, depthwise=depthwise).astype(np.int64)
    return (values * values).sum(axis=1).astype(np.uint32)


def ranking(importances: np.ndarray) -> np.ndarray:
    """The channels in descending order of importance, ties to the lower channel: int64 [C_in]."""
    return np.argsort(-importances.astype(np.int64), kind="stable")
