# SPDX-License-Identifier: Apache-2.0
"""golden.sgmac.mobilenet against figures of the network that others published."""

from itertools import pairwise

import pytest

from golden.sgmac.mobilenet import back_half, mobilenet, scaled


def test_parameters_and_products():
    """torchvision's mobilenet_v2 has 3,504,872 parameters: two for each channel of a normalisation
    (17,056 channels) and the biases of the classifier are not weights of a convolution; and
    300.8 million products for an image of 224 x 224."""
    layers = mobilenet(pixels=224)
    weights = products = channels = 0
    for layer in layers:
        c = layer.sizes
        shape = c.gradient_shape(c.in_channels)
        count = shape[0] * shape[1] * c.taps
        weights += count
        products += c.multiply_accumulates(1, c.in_channels)
        channels += c.out_channels if layer.name != "classifier" else 0
    assert channels == 17_056
    assert weights == 3_504_872 - 2 * channels - 1000
    assert round(products / 1e6, 1) == 300.8


def test_layers():
    layers = mobilenet()
    assert len(layers) == 53 and [layer.name for layer in layers[:4]] == [
        "stem",
        "0 depthwise",
        "0 project",
        "1 expand",
    ]
    for before, after in pairwise(layers):
        assert before.sizes.out_channels == after.sizes.in_channels
        if after.name != "classifier":
            assert before.sizes.out_height == after.sizes.height
    assert layers[-2].sizes.out_height == 4
    names = [layer.name for layer in back_half(layers)]
    assert names[0] == "8 expand" and names[-1] == "head" and len(names) == 28
    assert sum(layer.pointwise for layer in back_half(layers)) == 19


def test_widths():
    assert [scaled(c, 0.35) for c in (16, 24, 32, 64, 96, 160, 320)] == [8, 8, 16, 24, 32, 56, 112]
    assert mobilenet(0.35)[-2].sizes.out_channels == 1280
    assert mobilenet(1.4)[-2].sizes.out_channels == 1792


@pytest.mark.parametrize("asked", [{"pixels": 100}, {"pixels": 0}, {"width": 0.0}])
def test_illegal(asked):
    with pytest.raises(ValueError, match=f"{next(iter(asked))} is "):
        mobilenet(**asked)
