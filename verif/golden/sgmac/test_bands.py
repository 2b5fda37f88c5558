# SPDX-License-Identifier: Apache-2.0
"""bands: the gradients of a layer are the sums of those of its bands, and every band fits."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st

from golden.sgmac import Convolution, bands, bias_gradient, weight_gradient
from verif.vectors.sgmac import convolution, draw


@st.composite
def layers(draw_from):
    """A convolution, and bytes a plane that hold at least one row of its windows."""
    kernel = draw_from(st.integers(1, 5))
    padding = draw_from(st.integers(0, kernel - 1))
    stride = draw_from(st.integers(1, 4))
    sizes = {}
    for side in ("height", "width"):
        size = draw_from(st.integers(1, 17))
        lowest = max((size + padding - kernel) // stride + 1, 1)
        out = draw_from(st.integers(lowest, (size + padding - 1) // stride + 1))
        sizes |= {side: size, f"out_{side}": out}
    depthwise = draw_from(st.booleans())
    channels = 2 if depthwise else 3
    found = Convolution(
        out_channels=channels,
        in_channels=2,
        kernel=kernel,
        stride=stride,
        padding=padding,
        depthwise=depthwise,
        **sizes,
    )
    least = max(min(kernel, found.height) * found.width, found.out_width)
    return found, draw_from(st.integers(least, 2 * least + 20))


@seed(20261121)
@settings(max_examples=150, deadline=None)
@given(layers(), st.integers(0, 1000))
def test_bands_sum_to_the_layer(layer, number):
    whole, plane = layer
    x, error = draw(np.random.default_rng(number), 1, whole)
    parts = bands(whole, plane)
    rows = [row for part in parts for row in range(whole.out_height)[part.error_rows]]
    assert rows == list(range(whole.out_height)), "every row of the error once, in order"
    gradients, biases = 0, 0
    for part in parts:
        sizes = part.convolution
        assert sizes.height * sizes.width <= plane
        assert sizes.out_height * sizes.out_width <= plane
        job = x[:, :, part.rows], error[:, :, part.error_rows]
        gradients = gradients + weight_gradient(*job, [0, 1], sizes)
        biases = biases + bias_gradient(job[1], [0, 1], sizes)
    assert np.array_equal(gradients, weight_gradient(x, error, [0, 1], whole))
    assert np.array_equal(biases, bias_gradient(error, [0, 1], whole))


def test_a_layer_that_fits_is_one_band():
    whole = convolution(4, 3, (8, 8), kernel=3, padding=1)
    (part,) = bands(whole, 64)
    assert (part.rows, part.error_rows) == (slice(0, 8), slice(0, 8))
    assert part.convolution == dataclasses.replace(whole, padding_above=1)


def test_the_first_layer_of_mobilenet():
    """128 x 128 pixels, kernel 3, stride 2, nothing above: 16 rows of 128 are 2,048 bytes."""
    parts = bands(convolution(32, 3, (128, 128), (64, 64), kernel=3, stride=2), 2048)
    assert [part.rows for part in parts[:2]] == [slice(0, 15), slice(14, 29)]
    assert [part.error_rows for part in parts[-2:]] == [slice(49, 56), slice(56, 64)], (
        "row 128 is outside"
    )


def test_a_row_that_does_not_fit():
    with pytest.raises(ValueError, match=r"needs 3 x 30 bytes .* and a plane holds 89"):
        bands(convolution(1, 1, (9, 30), kernel=3), 89)
