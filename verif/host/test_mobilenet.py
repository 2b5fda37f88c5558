# SPDX-License-Identifier: Apache-2.0
"""The table of MobileNetV2 against figures that others published."""

from itertools import pairwise

from verif.vectors.mobilenet import back_half, mobilenet


def test_parameters_and_products():
    """torchvision's mobilenet_v2 has 3,504,872 parameters: two for each channel of a normalisation
    (17,056 channels) and the biases of the classifier are not weights of a convolution; and
    300.8 million products for an image of 224 x 224."""
    layers = mobilenet(pixels=224)
    weights = products = channels = 0
    for layer in layers:
        c = layer.sizes
        shape = c.gradient_shape(c.in_channels)
        weights += shape[0] * shape[1] * c.taps
        products += c.multiply_accumulates(1, c.in_channels)
        channels += c.out_channels if layer.name != "classifier" else 0
    assert channels == 17_056
    assert weights == 3_504_872 - 2 * channels - 1000
    assert round(products / 1e6, 1) == 300.8


def test_layers():
    """Each takes what the one before gives; the back half is what it is called."""
    layers = mobilenet()
    assert len(layers) == 53
    for before, after in pairwise(layers):
        assert before.sizes.out_channels == after.sizes.in_channels
        if after.name != "classifier":
            assert before.sizes.out_height == after.sizes.height
    assert layers[-2].sizes.out_height == 4
    names = [layer.name for layer in back_half(layers)]
    assert names[0] == "block8.expand" and names[-1] == "last" and len(names) == 28
    assert sum(layer.pointwise for layer in back_half(layers)) == 19
