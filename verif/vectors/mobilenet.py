# SPDX-License-Identifier: Apache-2.0
"""Every convolution of MobileNetV2 as a sparse-gradient job has it, from the trainer's table."""

from dataclasses import dataclass

from golden.sgmac import Convolution
from host.trainer.network import mobilenet_v2, padding

PIXELS = 128


@dataclass(frozen=True, kw_only=True)
class LayerSizes:
    """name: of the trainer's layer, or "classifier". bottleneck: its number from 0; -1 for the
    first convolution, one more than the last for what follows them."""

    name: str
    bottleneck: int
    sizes: Convolution

    @property
    def pointwise(self) -> bool:
        """A 1 x 1 convolution over a map; the classifier is none."""
        return self.sizes.kernel == 1 and self.name != "classifier"


def mobilenet(pixels: int = PIXELS, classes: int = 1000) -> list[LayerSizes]:
    """Every convolution of the network of width 1 in order, for images of pixels x pixels, and the
    classifier as one on a map of one position."""
    layers, side = [], pixels
    network = mobilenet_v2(1.0)
    for number, block in enumerate(network.blocks):
        for layer in block.layers:
            after = -(-side // layer.stride)
            sizes = Convolution(
                out_channels=layer.outputs,
                in_channels=layer.inputs,
                height=side,
                width=side,
                out_height=after,
                out_width=after,
                kernel=layer.kernel,
                stride=layer.stride,
                padding=padding(side, layer.kernel, layer.stride)[0],
                depthwise=layer.depthwise,
            )
            layers.append(LayerSizes(name=layer.name, bottleneck=number - 1, sizes=sizes))
            side = after
    single = dict.fromkeys(("height", "width", "out_height", "out_width"), 1)
    sizes = Convolution(out_channels=classes, in_channels=network.features, **single)
    last = layers[-1].bottleneck
    return [*layers, LayerSizes(name="classifier", bottleneck=last, sizes=sizes)]


def back_half(layers: list[LayerSizes]) -> list[LayerSizes]:
    """The later half of the bottlenecks (the middle one among them) and the last convolution."""
    middle = max(layer.bottleneck for layer in layers) // 2
    return [layer for layer in layers if layer.bottleneck >= middle and layer.name != "classifier"]
