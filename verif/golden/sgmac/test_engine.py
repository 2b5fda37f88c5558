# SPDX-License-Identifier: Apache-2.0
"""engine: only selected weights move, and training by it learns."""

import numpy as np
import pytest

from golden.arith.lfsr import seed_register
from golden.sgmac import Update, bias_gradient, run_job, update_weights, weight_gradient
from verif.vectors.sgmac import convolution, draw

DENSE = convolution(6, 5, (7, 6), kernel=3, stride=2, padding=1)
DEPTHWISE = convolution(5, 5, (7, 6), kernel=3, padding=1, depthwise=True)


@pytest.mark.parametrize("rounding", ["nearest", "stochastic"])
@pytest.mark.parametrize("c", [DENSE, DEPTHWISE], ids=["dense", "depthwise"])
def test_a_job(c, rounding, seed):
    rng = np.random.default_rng(seed)
    x, error = draw(rng, 2, c)
    weights = rng.integers(-128, 128, c.gradient_shape(5), np.int8)
    multiplier, shift = rng.integers(30000, 60000, c.out_channels), np.full(c.out_channels, 27)
    channels = [1, 3]
    before = weights.copy()
    update = Update(
        weights=weights, multiplier=multiplier, shift=shift, rounding=rounding, seed=seed
    )
    got = run_job(x, error, channels, c, update)
    assert np.array_equal(got.weight_gradient, weight_gradient(x, error, channels, c))
    assert np.array_equal(got.bias_gradient, bias_gradient(error, channels, c))
    place = channels if c.depthwise else (slice(None), channels)
    scale = [v[channels] if c.depthwise else v for v in (multiplier, shift)]
    want = update_weights(
        weights[place],
        got.weight_gradient,
        *scale,
        rounding=rounding,
        register=seed_register(seed),
    )
    assert got.weights is not None and np.array_equal(got.weights[place], want.weights)
    assert got.saturated == want.saturated
    others = [0, 2, 4]
    rest = others if c.depthwise else (slice(None), others)
    assert np.array_equal(got.weights[rest], weights[rest])
    assert np.array_equal(weights, before) and (got.weights != weights).any()


def test_a_job_without_an_update(seed):
    x, error = draw(np.random.default_rng(seed), 1, DENSE)
    got = run_job(x, error, [0], DENSE)
    assert got.weights is None and got.saturated == 0


def test_steps_against_the_gradient_lower_the_cost(seed):
    """A convolution learns another one of which every second channel differs."""
    rng = np.random.default_rng(seed)
    c = convolution(4, 6, (8, 8), kernel=3, padding=1)
    target = rng.integers(-60, 61, (4, 6, 3, 3), np.int8)
    weights = target.copy()
    weights[:, ::2] = 0
    windows = np.lib.stride_tricks.sliding_window_view
    costs = []
    for step in range(30):
        x = rng.integers(-8, 9, (4, 6, 8, 8), np.int8)
        padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1))).astype(int)
        patches = windows(padded, (3, 3), axis=(2, 3))
        difference = np.einsum("ncyzuv,ocuv->noyz", patches, weights.astype(int) - target)
        costs.append(float((difference.astype(float) ** 2).mean()))
        error = np.clip(np.rint(difference / 64), -128, 127).astype(np.int8)
        update = Update(
            weights=weights,
            multiplier=np.full(4, 40000),
            shift=np.full(4, 23),
            rounding="stochastic",
            seed=step,
        )
        job = run_job(x, error, [0, 2, 4], c, update)
        assert job.weights is not None
        weights = job.weights
    assert costs[-1] < 0.1 * costs[0]
    assert np.array_equal(weights[:, 1::2], target[:, 1::2])


@pytest.mark.parametrize(
    "change, message",
    [
        ({"weights": np.zeros((6, 2, 3, 3), np.int8)}, r"shape \(6, 2, 3, 3\): this layer's is"),
        ({"weights": np.zeros((6, 5, 3, 3), np.int16)}, "weights holds int16"),
        ({"multiplier": np.ones(5, int)}, "one integer for each of 6 outputs"),
        ({"shift": np.full(6, 41)}, "shift 41 is out of range"),
        ({"rounding": "up"}, "unknown rounding 'up'"),
        ({"seed": -1}, "seed must be 0 or more, not -1"),
    ],
)
def test_updates_that_cannot_be(change, message, seed):
    x, error = draw(np.random.default_rng(seed), 1, DENSE)
    good = {
        "weights": np.zeros((6, 5, 3, 3), np.int8),
        "multiplier": np.ones(6, int),
        "shift": np.zeros(6, int),
    }
    run_job(x, error, [1], DENSE, Update(**good))
    with pytest.raises(ValueError, match=message):
        run_job(x, error, [1], DENSE, Update(**(good | change)))
