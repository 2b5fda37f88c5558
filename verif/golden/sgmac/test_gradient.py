# SPDX-License-Identifier: Apache-2.0
"""gradient: exactly PyTorch's, exactly a plain loop's, at the extremes too; every refusal."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st

from golden.sgmac import Convolution, bias_gradient, weight_gradient
from golden.sgmac.shape import POSITION_LIMIT, check_channels
from verif.golden.plain_gradient import errors_summed, in_loops
from verif.vectors.sgmac import CASES, convolution, draw


@pytest.fixture(scope="module")
def torch():
    """PyTorch on one thread: small convolutions gain nothing from more."""
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: pip install .[train]")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield torch
    torch.set_num_threads(before)


def through_autograd(torch, x, error, c):
    """Weight and bias gradient of every channel, by PyTorch in float64."""
    inputs = torch.tensor(x, dtype=torch.float64)
    columns = 1 if c.depthwise else c.in_channels
    weight = torch.zeros((c.out_channels, columns, c.kernel, c.kernel), dtype=torch.float64)
    bias = torch.zeros(c.out_channels, dtype=torch.float64)
    weight.requires_grad_(), bias.requires_grad_()
    padding = c.padding
    symmetric = c.above == padding and [
        (side + 2 * padding - c.kernel) // c.stride + 1 for side in (c.height, c.width)
    ] == [c.out_height, c.out_width]
    if not symmetric:  # rows and columns of zeros, or fewer of the map's where none reaches them
        below = (c.out_height - 1) * c.stride + c.kernel - c.above - c.height
        right = (c.out_width - 1) * c.stride + c.kernel - padding - c.width
        inputs = torch.nn.functional.pad(inputs, (padding, right, c.above, below))
        padding = 0
    groups = c.in_channels if c.depthwise else 1
    outputs = torch.nn.functional.conv2d(inputs, weight, bias, c.stride, padding, 1, groups)
    outputs.backward(torch.tensor(error, dtype=torch.float64))
    assert weight.grad is not None and bias.grad is not None
    return weight.grad.numpy(), bias.grad.numpy()


@pytest.mark.parametrize("case", range(len(CASES)))
def test_equals_loops(case, seed):
    images, channels, c = CASES[case]
    x, error = draw(np.random.default_rng([seed, case]), images, c)
    got = weight_gradient(x, error, channels, c)
    assert got.dtype == np.int32 and got.shape == c.gradient_shape(len(channels))
    assert np.array_equal(got, in_loops(x, error, channels, c))
    assert np.array_equal(bias_gradient(error, channels, c), errors_summed(error, channels, c))


@pytest.mark.parametrize("case", range(len(CASES)))
def test_equals_autograd(torch, case, seed):
    images, channels, c = CASES[case]
    x, error = draw(np.random.default_rng([seed, case]), images, c)
    got = weight_gradient(x, error, channels, c)
    weights, bias = through_autograd(torch, x, error, c)
    chosen = list(channels)
    assert np.array_equal(got, weights[chosen] if c.depthwise else weights[:, chosen])
    got_bias = bias_gradient(error, channels, c)
    assert got_bias.dtype == np.int32
    assert np.array_equal(got_bias, bias[chosen] if c.depthwise else bias)


@st.composite
def jobs(draw_one):
    kernel = draw_one(st.integers(1, 7))
    stride = draw_one(st.integers(1, 3))
    padding = draw_one(st.integers(0, kernel - 1))
    size = draw_one(st.tuples(st.integers(1, 14), st.integers(1, 14)))
    out_size = [
        draw_one(
            st.integers(
                max((side + padding - kernel) // stride + 1, 1), (side + padding - 1) // stride + 1
            )
        )
        for side in size
    ]
    channels = draw_one(st.integers(1, 12))
    depthwise = draw_one(st.booleans())
    outputs = channels if depthwise else draw_one(st.integers(1, 20))
    sizes = convolution(
        outputs,
        channels,
        size,
        tuple(out_size),
        kernel=kernel,
        stride=stride,
        padding=padding,
        depthwise=depthwise,
    )
    chosen = draw_one(st.sets(st.integers(0, channels - 1), min_size=1))
    return draw_one(st.integers(1, 4)), sorted(chosen), sizes, draw_one(st.integers(0, 1000))


@seed(1)
@settings(max_examples=60)
@given(jobs())
def test_any_convolution_equals_autograd(torch, job):
    images, channels, c, draw_seed = job
    x, error = draw(np.random.default_rng(draw_seed), images, c)
    weights, bias = through_autograd(torch, x, error, c)
    got = weight_gradient(x, error, channels, c)
    assert np.array_equal(got, weights[channels] if c.depthwise else weights[:, channels])
    assert np.array_equal(
        bias_gradient(error, channels, c), bias[channels] if c.depthwise else bias
    )


@pytest.mark.parametrize("depthwise", [False, True])
@pytest.mark.parametrize("images, size", [(POSITION_LIMIT - 1, (1, 1)), (1, (381, 344))])
def test_the_largest_sums_fit(images, size, depthwise):
    c = convolution(2, 2, size, depthwise=depthwise)
    positions = images * size[0] * size[1]
    assert positions in (POSITION_LIMIT - 1, POSITION_LIMIT - 8)
    x = np.full((images, 2, *size), -128, np.int8)
    error = x.copy()
    error[:, 1] = 127
    got = weight_gradient(x, error, (0, 1), c)
    outputs = np.array([16384, -16256]) * positions
    assert np.array_equal(got[:, 0, 0, 0], outputs)
    assert outputs[0] > 2**31 - 2**18
    assert bias_gradient(error, (0, 1), c).tolist() == [-128 * positions, 127 * positions]


def test_extremes_meet_the_padding():
    c = convolution(1, 1, (64, 64), kernel=7, padding=3)
    x = np.full((1, 1, 64, 64), -128, np.int8)
    got = weight_gradient(x, x, (0,), c)[0, 0]
    met = 64 - np.abs(np.arange(7) - 3)
    assert np.array_equal(got, 16384 * np.outer(met, met))


def test_no_error_no_gradient(seed):
    c = convolution(5, 4, (6, 7), kernel=3, padding=1)
    x, error = draw(np.random.default_rng(seed), 2, c)
    assert not weight_gradient(x, np.zeros_like(error), (0, 3), c).any()
    assert not weight_gradient(np.zeros_like(x), error, (0, 3), c).any()
    assert not bias_gradient(np.zeros_like(error), (0, 3), c).any()


def test_the_choice_of_channels_only_chooses(seed):
    c = convolution(6, 9, (8, 5), kernel=3, stride=2, padding=1)
    x, error = draw(np.random.default_rng(seed), 2, c)
    whole = weight_gradient(x, error, np.arange(9), c)
    assert np.array_equal(weight_gradient(x, error, (2, 3, 8), c), whole[:, [2, 3, 8]])


def test_large_jobs_are_cut_without_a_trace(seed):
    """More positions and patches than the model handles at once."""
    c = convolution(3, 40, (60, 70), kernel=7, padding=3)
    x, error = draw(np.random.default_rng(seed), 5, c)
    whole = weight_gradient(x, error, range(40), c)
    for channel in (0, 19, 39):
        alone = sum(
            weight_gradient(x[n : n + 1], error[n : n + 1], [channel], c)[:, 0] for n in range(5)
        )
        assert np.array_equal(whole[:, channel], alone)


def test_counts():
    c = convolution(5, 4, (6, 7), kernel=3, padding=1)
    assert (c.taps, c.rows(2), c.outputs(2)) == (9, 18, 5)
    assert c.multiply_accumulates(3, 2) == 3 * 6 * 7 * 5 * 2 * 9
    d = dataclasses.replace(c, out_channels=4, depthwise=True)
    assert (d.taps, d.rows(2), d.outputs(2)) == (9, 9, 2)
    assert d.multiply_accumulates(3, 2) == 3 * 6 * 7 * 2 * 9


SIZES = dict(out_channels=4, in_channels=4, height=9, width=9, out_height=9, out_width=9)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"kernel": 0}, "kernel is 0: it must be an integer from 1 to 255"),
        ({"stride": True}, "stride is True"),
        ({"height": 1.5}, "height is 1.5"),
        ({"in_channels": 65536}, "in_channels is 65536"),
        ({"padding": -1}, "padding is -1"),
        (
            {"kernel": 3, "padding": 3},
            "padding is 3: it must be 0 or more and less than kernel, which is 3",
        ),
        ({"depthwise": True, "out_channels": 8}, "out_channels is 8: .* in_channels, which is 4"),
        ({"out_height": 8}, "out_height is 8: height 9 with kernel 1, .* gives 9$"),
        ({"out_width": 10}, "out_width is 10: .* gives 9$"),
        ({"kernel": 3, "padding": 1, "out_height": 7}, "out_height is 7: .* gives 8 to 10$"),
        ({"kernel": 3, "padding": 1, "out_width": 11}, "out_width is 11: .* gives 8 to 10$"),
        ({"stride": 2, "out_height": 6, "out_width": 5}, "out_height is 6: .* gives 5$"),
    ],
)
def test_convolutions_that_cannot_be(change, message):
    Convolution(**SIZES)
    with pytest.raises(ValueError, match=message):
        Convolution(**(SIZES | change))


@pytest.mark.parametrize(
    "channels, message",
    [
        ((), "one or more integers"),
        (((1,),), "one or more integers"),
        ((0.5,), "one or more integers"),
        ((True,), "one or more integers"),
        ((0, 4), "channel 4 does not exist: choose from 0 to 3"),
        ((-1, 2), "channel -1 does not exist"),
        ((0, 1, 1), "channel 1 is listed twice"),
        ((2, 1), "channel 1 stands behind 2: list channels in rising order"),
    ],
)
def test_channels_that_cannot_be(channels, message):
    with pytest.raises(ValueError, match=message):
        check_channels(channels, 4)


def test_unsigned_channels_are_ordered_as_numbers():
    with pytest.raises(ValueError, match="channel 1 stands behind 2"):
        check_channels(np.array([2, 1], np.uint8), 4)


@pytest.mark.parametrize(
    "x, error, message",
    [
        (np.zeros((1, 4, 9, 9), np.uint8), None, "x holds uint8 values: they must be int8"),
        (None, np.zeros((1, 4, 9, 9), np.int16), "error holds int16 values"),
        (np.zeros((1, 4, 9), np.int8), None, r"x has shape \(1, 4, 9\): it must be \(N, 4, 9, 9\)"),
        (np.zeros((1, 3, 9, 9), np.int8), None, r"x has shape \(1, 3, 9, 9\)"),
        (None, np.zeros((1, 4, 9, 8), np.int8), r"error has shape \(1, 4, 9, 8\)"),
        (np.zeros((0, 4, 9, 9), np.int8), np.zeros((0, 4, 9, 9), np.int8), "at least one image"),
        (None, np.zeros((2, 4, 9, 9), np.int8), "x holds 1 images and error 2"),
    ],
)
def test_arrays_that_cannot_be(x, error, message):
    good = np.zeros((1, 4, 9, 9), np.int8)
    with pytest.raises(ValueError, match=message):
        weight_gradient(
            good if x is None else x, good if error is None else error, (0,), Convolution(**SIZES)
        )


@pytest.mark.parametrize("images, size", [(POSITION_LIMIT, (1, 1)), (2, (256, 256))])
def test_sums_that_could_overflow(images, size):
    c = convolution(1, 1, size)
    x = np.zeros((images, 1, *size), np.int8)
    with pytest.raises(ValueError, match=r"131072 positions, .* below 131072: use fewer images"):
        weight_gradient(x, x, (0,), c)
    with pytest.raises(ValueError, match="131072 positions"):
        bias_gradient(x, (0,), c)
