# SPDX-License-Identifier: Apache-2.0
"""Networks as tables of convolutions: what the planner counts and the trainer runs.

Batch norm is folded into weights and biases. Padding is TensorFlow's 'same': a map of n rows
becomes ceil(n / stride), and where the rows of zeros that this takes are odd in number, the extra
one stands below (to the right), so a stride of 2 on an even size pads below and to the right only.
"""

from dataclasses import dataclass
from functools import cached_property

from host.errors import TrainingError

RELU6 = 6.0
RELU = float("inf")


@dataclass(frozen=True, kw_only=True)
class Layer:
    """A convolution with a bias, followed by clip(y, 0, ceiling) unless ceiling is None.

    depthwise: one filter a channel; inputs and outputs are then equal.
    """

    name: str
    inputs: int
    outputs: int
    kernel: int = 1
    stride: int = 1
    depthwise: bool = False
    ceiling: float | None = None

    @property
    def weights(self) -> int:
        """Weights without biases."""
        return self.outputs * self.kernel**2 * (1 if self.depthwise else self.inputs)

    def window_weights(self, channels: int) -> int:
        """Weights that read `channels` of the input channels."""
        return channels * self.kernel**2 * (1 if self.depthwise else self.outputs)

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Of the weights: (outputs, inputs, k, k), depthwise (channels, 1, k, k)."""
        columns = 1 if self.depthwise else self.inputs
        return self.outputs, columns, self.kernel, self.kernel


@dataclass(frozen=True)
class Block:
    """Layers one after the other. shortcut: True adds the block's input to its output, a Layer adds
    what it makes of that input; `ceiling` clips the sum."""

    layers: tuple[Layer, ...]
    shortcut: bool | Layer = False
    ceiling: float | None = None

    @property
    def all_layers(self) -> tuple[Layer, ...]:
        """The layers and that of the shortcut."""
        return (*self.layers, *([self.shortcut] if isinstance(self.shortcut, Layer) else []))

    @property
    def name(self) -> str:
        """What the names of its layers begin with."""
        return self.layers[0].name.split(".")[0]

    @property
    def inputs(self) -> int:
        return self.layers[0].inputs

    @property
    def outputs(self) -> int:
        return self.layers[-1].outputs

    @property
    def stride(self) -> int:
        stride = 1
        for layer in self.layers:
            stride *= layer.stride
        return stride


@dataclass(frozen=True)
class Network:
    """Blocks, an average over the last map, and a linear classifier."""

    name: str
    blocks: tuple[Block, ...]

    @cached_property
    def layers(self) -> tuple[Layer, ...]:
        """All convolutions in the order in which they are computed."""
        return tuple(layer for block in self.blocks for layer in block.all_layers)

    @property
    def weights(self) -> int:
        """Weights of all convolutions, the classifier's and biases left out."""
        return sum(layer.weights for layer in self.layers)

    @property
    def features(self) -> int:
        """What the classifier reads."""
        return self.blocks[-1].outputs

    def find_block(self, name: str) -> int:
        """The number of the block of this name; TrainingError for an unknown one."""
        names = [block.name for block in self.blocks]
        if name not in names:
            raise TrainingError(
                f"{self.name} has no block {name!r}: choose one of {', '.join(names)}"
            )
        return names.index(name)

    def sides(self, side: int) -> tuple[int, ...]:
        """The side of each block's input map, and of the last output, for images of `side`."""
        found = [side]
        for block in self.blocks:
            found.append(-(-found[-1] // block.stride))
        return tuple(found)


def padding(side: int, kernel: int, stride: int) -> tuple[int, int]:
    """Zeros above and below of 'same' padding."""
    total = max((-(-side // stride) - 1) * stride + kernel - side, 0)
    return total // 2, total - total // 2


def _eighths(value: float) -> int:
    """`value` rounded to a multiple of 8, at least 8 and not below nine tenths of it."""
    rounded = max(8, int(value + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * value else rounded


MOBILENET_STAGES = (  # expansion, channels, blocks, stride
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)


def mobilenet_v2(width: float) -> Network:
    """MobileNetV2 (Sandler et al. 2018, table 2), channels times `width` rounded as Keras does."""
    channels = _eighths(32 * width)
    first = Layer(name="first", inputs=3, outputs=channels, kernel=3, stride=2, ceiling=RELU6)
    blocks = [Block((first,))]
    for expansion, base, repeats, first_stride in MOBILENET_STAGES:
        outputs = _eighths(base * width)
        for repeat in range(repeats):
            name = f"block{len(blocks) - 1}"
            stride = first_stride if repeat == 0 else 1
            wide = channels * expansion
            layers = []
            if expansion > 1:
                layers.append(
                    Layer(name=f"{name}.expand", inputs=channels, outputs=wide, ceiling=RELU6)
                )
            layers.append(
                Layer(
                    name=f"{name}.depthwise",
                    inputs=wide,
                    outputs=wide,
                    kernel=3,
                    stride=stride,
                    depthwise=True,
                    ceiling=RELU6,
                )
            )
            layers.append(Layer(name=f"{name}.project", inputs=wide, outputs=outputs))
            blocks.append(Block(tuple(layers), shortcut=stride == 1 and channels == outputs))
            channels = outputs
    outputs = max(1280, _eighths(1280 * width))
    blocks.append(Block((Layer(name="last", inputs=channels, outputs=outputs, ceiling=RELU6),)))
    return Network(f"mobilenetv2-{width}", tuple(blocks))


def resnet8(channels: int = 3) -> Network:
    """ResNet-8 of MLPerf Tiny: a first convolution and three residual blocks of 16, 32 and 64."""
    first = Layer(name="first", inputs=channels, outputs=16, kernel=3, ceiling=RELU)
    blocks, inputs = [Block((first,))], 16
    for number, outputs in enumerate((16, 32, 64)):
        stride = 1 if number == 0 else 2
        name = f"block{number}"
        layers = (
            Layer(
                name=f"{name}.a",
                inputs=inputs,
                outputs=outputs,
                kernel=3,
                stride=stride,
                ceiling=RELU,
            ),
            Layer(name=f"{name}.b", inputs=outputs, outputs=outputs, kernel=3),
        )
        shortcut = stride == 1 or Layer(
            name=f"{name}.shortcut", inputs=inputs, outputs=outputs, stride=stride
        )
        blocks.append(Block(layers, shortcut, RELU))
        inputs = outputs
    return Network("resnet8", tuple(blocks))


NETWORKS = ("mobilenetv2-0.35", "mobilenetv2-1.0", "resnet8")


def make_network(name: str, channels: int = 3) -> Network:
    """The network of this name for images of `channels`; TrainingError for an unknown one."""
    if name not in NETWORKS:
        raise TrainingError(f"there is no network {name!r}: choose one of {', '.join(NETWORKS)}")
    if name == "resnet8":
        return resnet8(channels)
    if channels != 3:
        raise TrainingError(
            f"{name} needs images of 3 channels, but these have {channels}: choose resnet8"
        )
    return mobilenet_v2(float(name.removeprefix("mobilenetv2-")))
