# SPDX-License-Identifier: Apache-2.0
"""The convolutions of MobileNetV2, from the table of its paper (Sandler et al., 2018, table 2)."""

from dataclasses import dataclass

from golden.sgmac.shape import Convolution

BOTTLENECKS = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
"""Expansion, output channels, repetitions, stride of the first repetition."""

STEM, HEAD = 32, 1280
"""Output channels of the first and of the last convolution."""


@dataclass(frozen=True, kw_only=True)
class Layer:
    """A convolution of the network.

    name: "stem", "head", "classifier", or bottleneck and part, as "9 expand", "9 depthwise",
    "9 project"; bottlenecks count from 0. bottleneck: its number; -1 for the stem, one more than
    the last for what follows them.
    """

    name: str
    bottleneck: int
    sizes: Convolution

    @property
    def pointwise(self) -> bool:
        """A 1 x 1 convolution over a map; the classifier is none."""
        return self.sizes.kernel == 1 and self.name != "classifier"


def scaled(channels: int, width: float) -> int:
    """channels * width to the nearest multiple of 8, halves up, at least 8, and never below nine
    tenths of the product: the rule of the network's authors."""
    wanted = channels * width
    nearest = max(8, int(wanted + 4) // 8 * 8)
    return nearest + 8 if nearest < 0.9 * wanted else nearest


def mobilenet(width: float = 1.0, pixels: int = 128, classes: int = 1000) -> list[Layer]:
    """Every convolution in order, and the classifier as one on a map of one position.

    width: multiplier of all channels but those of the images, the head (which never has fewer than
    1280) and the classes. pixels: side of an image, a multiple of 32. Padding is (k - 1) / 2 on all
    sides. Raises ValueError for other images and widths not above 0.
    """
    if pixels < 32 or pixels % 32:
        raise ValueError(f"pixels is {pixels}: it must be a multiple of 32")
    if not width > 0:
        raise ValueError(f"width is {width}: it must be above 0")
    layers = []

    def add(name, bottleneck, inputs, outputs, side, kernel=1, stride=1, depthwise=False):
        after = -(-side // stride)
        sizes = Convolution(
            out_channels=outputs,
            in_channels=inputs,
            height=side,
            width=side,
            out_height=after,
            out_width=after,
            kernel=kernel,
            stride=stride,
            padding=kernel // 2,
            depthwise=depthwise,
        )
        layers.append(Layer(name=name, bottleneck=bottleneck, sizes=sizes))
        return outputs, after

    channels, side = add("stem", -1, 3, scaled(STEM, width), pixels, 3, 2)
    number = 0
    for expansion, outputs, repetitions, first_stride in BOTTLENECKS:
        for repetition in range(repetitions):
            stride = first_stride if repetition == 0 else 1
            wide = expansion * channels
            if expansion != 1:
                add(f"{number} expand", number, channels, wide, side)
            _, side = add(f"{number} depthwise", number, wide, wide, side, 3, stride, True)
            channels, _ = add(f"{number} project", number, wide, scaled(outputs, width), side)
            number += 1
    channels, _ = add("head", number, channels, max(HEAD, scaled(HEAD, width)), side)
    add("classifier", number, channels, classes, 1)
    return layers


def back_half(layers: list[Layer]) -> list[Layer]:
    """The later half of the bottlenecks (the middle one among them), and the head."""
    last = max(layer.bottleneck for layer in layers)
    return [
        layer for layer in layers if layer.bottleneck >= last // 2 and layer.name != "classifier"
    ]
