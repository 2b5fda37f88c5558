# SPDX-License-Identifier: Apache-2.0
"""Gradients and jobs: linear where they must be, and unmoved by what must not matter."""

import dataclasses
from math import prod

import numpy as np
import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st

from golden.sgmac import (
    Convolution,
    Update,
    bands,
    bias_gradient,
    run_job,
    weight_gradient,
)
from golden.sgmac.shape import POSITION_LIMIT, check_channels, check_positions

FEW = settings(max_examples=40)
CASES = st.integers(0, 1 << 30)


@st.composite
def jobs(draw, depthwise=None):
    """x and error of half range, so that two of them add up; channels; a small convolution."""
    kernel = draw(st.integers(1, 3))
    stride = draw(st.integers(1, 2))
    padding = draw(st.integers(0, kernel - 1))
    single = draw(st.booleans()) if depthwise is None else depthwise
    sizes = {}
    for side in ("height", "width"):
        size = draw(st.integers(1, 6))
        low = max((size + padding - kernel) // stride + 1, 1)
        out = draw(st.integers(low, (size + padding - 1) // stride + 1))
        sizes |= {side: size, f"out_{side}": out}
    inputs = draw(st.integers(1, 4))
    outputs = inputs if single else draw(st.integers(1, 3))
    found = Convolution(
        out_channels=outputs,
        in_channels=inputs,
        kernel=kernel,
        stride=stride,
        padding=padding,
        depthwise=single,
        **sizes,
    )
    rng = np.random.default_rng(draw(CASES))
    images = draw(st.integers(1, 3))
    x = rng.integers(-64, 64, (images, inputs, found.height, found.width), np.int8)
    error = rng.integers(-64, 64, (images, outputs, found.out_height, found.out_width), np.int8)
    chosen = np.flatnonzero(rng.random(inputs) < 0.6)
    return x, error, chosen if len(chosen) else np.array([inputs - 1]), found, rng


# gradients


@seed(1)
@FEW
@given(jobs())
def test_gradients_are_linear_in_maps_and_errors(job):
    x, error, chosen, sizes, rng = job
    x2 = rng.integers(-63, 64, x.shape, np.int8)
    e2 = rng.integers(-63, 64, error.shape, np.int8)
    got = weight_gradient(x, error, chosen, sizes)
    assert np.array_equal(
        weight_gradient(x + x2, error, chosen, sizes),
        got + weight_gradient(x2, error, chosen, sizes),
    )
    assert np.array_equal(
        weight_gradient(x, error + e2, chosen, sizes), got + weight_gradient(x, e2, chosen, sizes)
    )
    assert np.array_equal(weight_gradient(-x, error, chosen, sizes), -got)
    assert np.array_equal(
        bias_gradient(error + e2, chosen, sizes),
        bias_gradient(error, chosen, sizes) + bias_gradient(e2, chosen, sizes),
    )


@seed(2)
@FEW
@given(jobs())
def test_gradients_add_over_images_in_any_order(job):
    x, error, chosen, sizes, rng = job
    got, bias = weight_gradient(x, error, chosen, sizes), bias_gradient(error, chosen, sizes)
    order = rng.permutation(len(x))
    assert np.array_equal(weight_gradient(x[order], error[order], chosen, sizes), got)
    single = [slice(n, n + 1) for n in range(len(x))]
    assert np.array_equal(sum(weight_gradient(x[n], error[n], chosen, sizes) for n in single), got)
    assert np.array_equal(sum(bias_gradient(error[n], chosen, sizes) for n in single), bias)


@seed(3)
@FEW
@given(jobs())
def test_a_choice_of_channels_is_a_slice(job):
    x, error, chosen, sizes, _ = job
    everything = np.arange(sizes.in_channels)
    whole = weight_gradient(x, error, everything, sizes)
    got = weight_gradient(x, error, chosen, sizes)
    assert np.array_equal(got, whole[chosen] if sizes.depthwise else whole[:, chosen])
    assert got.shape == sizes.gradient_shape(len(chosen))
    sums = error.astype(int).sum(axis=(0, 2, 3))
    bias = bias_gradient(error, chosen, sizes)
    assert bias.tolist() == (sums[chosen] if sizes.depthwise else sums).tolist()


@seed(4)
@FEW
@given(jobs(depthwise=False))
def test_permuted_outputs_have_permuted_gradients(job):
    x, error, chosen, sizes, rng = job
    order = rng.permutation(sizes.out_channels)
    got = weight_gradient(x, error, chosen, sizes)
    assert np.array_equal(weight_gradient(x, error[:, order], chosen, sizes), got[order])


@seed(5)
@FEW
@given(jobs(depthwise=True))
def test_depthwise_is_the_diagonal_of_dense(job):
    """A group for each channel: what dense has of output i and input i."""
    x, error, chosen, sizes, _ = job
    dense = weight_gradient(x, error, chosen, dataclasses.replace(sizes, depthwise=False))
    assert np.array_equal(
        weight_gradient(x, error, chosen, sizes)[:, 0], dense[chosen, np.arange(len(chosen))]
    )


@seed(6)
@FEW
@given(jobs())
def test_turned_maps_have_turned_gradients(job):
    x, error, chosen, sizes, _ = job
    turned = dataclasses.replace(
        sizes,
        height=sizes.width,
        width=sizes.height,
        out_height=sizes.out_width,
        out_width=sizes.out_height,
    )
    got = weight_gradient(x.swapaxes(2, 3), error.swapaxes(2, 3), chosen, turned)
    assert np.array_equal(got.swapaxes(2, 3), weight_gradient(x, error, chosen, sizes))


# sizes


@seed(7)
@FEW
@given(jobs(), st.integers(1, 4))
def test_counts_of_a_job_fit_together(job, selected):
    sizes = job[3]
    selected = min(selected, sizes.in_channels)
    shape = sizes.gradient_shape(selected)
    assert prod(shape) == sizes.outputs(selected) * sizes.rows(selected)
    assert sizes.taps == shape[2] * shape[3] and sizes.above == sizes.padding
    one = sizes.multiply_accumulates(1, selected)
    assert one == prod(shape) * sizes.out_height * sizes.out_width
    assert sizes.multiply_accumulates(5, selected) == 5 * one
    check_positions((POSITION_LIMIT - 1) // (sizes.out_height * sizes.out_width), sizes)
    with pytest.raises(ValueError, match="use fewer images a job"):
        check_positions(-(-POSITION_LIMIT // (sizes.out_height * sizes.out_width)), sizes)


COUNTS = ("out_channels", "in_channels", "height", "width", "out_height", "out_width")


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        *((name, 1, 65535) for name in COUNTS),
        ("kernel", 1, 255),
        ("stride", 1, 255),
        ("padding", 0, 254),
    ],
)
def test_sizes_reach_their_limits_and_no_further(name, low, high):
    usual = {"in_channels": 1, "out_channels": 1, "kernel": 255, "padding": 0, "stride": 1}
    usual |= {"height": 1, "width": 1, "out_height": 1, "out_width": 1}

    def sizes(value):
        more = {name: value}
        if name in ("height", "width"):  # the largest map fits many positions; take the fewest
            more[f"out_{name}"] = max(value - 254, 1)
        elif name in ("out_height", "out_width"):
            more[name.removeprefix("out_")] = min(max(value, 1), 65535)
        elif name == "padding":  # one position that reaches over all of the padding
            more |= {"kernel": 255, "out_height": 1, "out_width": 1}
        return Convolution(**(usual | more))

    assert getattr(sizes(low), name) == low and getattr(sizes(high), name) == high
    for value in (low - 1, high + 1):
        with pytest.raises(ValueError, match=f"{name} is {value}: it must be an integer"):
            sizes(value)


@seed(8)
@FEW
@given(st.sets(st.integers(0, 60), min_size=1), st.integers(0, 5))
def test_every_rising_list_of_channels_is_taken(channels, beyond):
    listed = sorted(channels)
    got = check_channels(listed, listed[-1] + 1 + beyond)
    assert got.dtype == np.int64 and got.tolist() == listed
    with pytest.raises(ValueError, match=f"channel {listed[-1]} does not exist"):
        check_channels(listed, listed[-1])


@seed(9)
@FEW
@given(jobs(), st.integers(0, 40))
def test_larger_planes_never_need_more_bands(job, more):
    sizes = job[3]
    least = max(sizes.height * sizes.width, sizes.out_height * sizes.out_width)
    assert len(bands(sizes, least)) == 1
    enough = max(min(sizes.kernel, sizes.height) * sizes.width, sizes.out_width)
    few, many = len(bands(sizes, enough + more)), len(bands(sizes, enough))
    assert 1 <= few <= many <= sizes.out_height


# a job


@seed(23)
@FEW
@given(jobs(), st.sampled_from(["nearest", "stochastic"]), st.integers(0, 99))
def test_only_selected_weights_move_and_by_their_own_gradient(job, rounding, number):
    x, error, chosen, sizes, rng = job
    layer = sizes.gradient_shape(sizes.in_channels)
    update = Update(
        weights=rng.integers(-100, 101, layer, np.int8),
        multiplier=rng.integers(1, 65536, layer[0]),
        shift=rng.integers(20, 30, layer[0]),
        rounding=rounding,
        seed=number,
    )
    got = run_job(x, error, chosen, sizes, update)
    assert got.weights is not None and got.weights.shape == layer
    others = np.setdiff1d(np.arange(sizes.in_channels), chosen)
    rest, place = (update.place(c, sizes.depthwise) for c in (others, chosen))
    assert np.array_equal(got.weights[rest], update.weights[rest])
    applied, saturated = update.apply(got.weight_gradient, chosen, sizes.depthwise)
    assert np.array_equal(applied, got.weights) and saturated == got.saturated
    assert update.weights[place].shape == got.weight_gradient.shape
    still = run_job(x, np.zeros_like(error), chosen, sizes, update)
    assert still.weights is not None and np.array_equal(still.weights, update.weights)
    assert not still.bias_gradient.any() and still.saturated == 0
