# SPDX-License-Identifier: Apache-2.0
"""What a calibrated row really reaches, in float64 and with nothing of `golden`'s arithmetic."""

import numpy as np

LN_2 = np.log(2)


def row_shifted(distances: np.ndarray, neighbours: np.ndarray) -> np.ndarray:
    """delta [n, k]: the distances to the kept neighbours, less the smallest."""
    kept = np.take_along_axis(distances, neighbours.astype(np.int64), axis=1)
    return kept - kept.min(axis=1, keepdims=True)


def conditional_probabilities(delta: np.ndarray, code: np.ndarray) -> np.ndarray:
    """p [n, k] = 2^(-beta delta), normalised, at beta = 2^(code / 256 - 28)."""
    beta = np.exp2(np.asarray(code, np.float64) / 256 - 28)[:, None]
    p = np.exp2(-beta * delta)
    return p / p.sum(axis=1, keepdims=True)


def true_perplexity(delta: np.ndarray, code: np.ndarray) -> np.ndarray:
    """2^entropy [n] of the conditional probabilities."""
    p = conditional_probabilities(delta, code)
    safe = np.where(p > 0, p, 1)
    return np.exp2(-(p * np.log2(safe)).sum(axis=1))


def entropy_slack(delta: np.ndarray, code: np.ndarray) -> np.ndarray:
    """Bits [n] by which the hardware's entropy may differ from the true one.

    dH = ln 2 * sum p |t - mean t| |dt|, to first order: |dt| < 1/256 where t was floored (and 2^-15
    of t from the mantissa), and a weight rounded to 2^-16 moves by up to 2^-16 / w of itself. The
    table of log2 adds 2^-16. Doubled for the second order.
    """
    beta = np.exp2(np.asarray(code, np.float64) / 256 - 28)[:, None]
    t = beta * delta
    p = conditional_probabilities(delta, code)
    spread = np.abs(t - (p * t).sum(axis=1, keepdims=True))
    floored = LN_2 * (p * spread * (1 / 256 + t * 2.0**-15)).sum(axis=1)
    share = 2.0**-16 / np.exp2(-t).sum(axis=1, keepdims=True)
    rounded = (share * np.minimum(spread + 2, 40)).sum(axis=1)
    return 2 * (floored + rounded + 2.0**-16)
