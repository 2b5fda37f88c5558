# SPDX-License-Identifier: Apache-2.0
"""The trained end of a network: its last blocks and the classifier, with what is updated of them.

Every convolution has a full weight, which the forward pass reads, and, where a part of it is
updated, a window: the parameter that holds the weights of the channels selected now.
"""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn

from host.trainer.network import Block, Layer, Network
from host.trainer.operations import Convolve, clip
from host.trainer.plan import Plan


class Convolution(nn.Module):
    """One layer. channels: how many input channels are updated a step, all of them or none too."""

    weight: Tensor
    bias: Tensor

    def __init__(
        self,
        layer: Layer,
        weight: Tensor,
        bias: Tensor,
        channels: int = 0,
        train_bias: bool = False,
        saved: str = "float32",
    ) -> None:
        super().__init__()
        self.layer, self.count, self.saved = layer, channels, saved
        self.channels: Tensor | None = None
        self.window: nn.Parameter | None = None
        self.register_buffer("weight", weight.clone())
        if train_bias:
            self.bias = nn.Parameter(bias.clone())
        else:
            self.register_buffer("bias", bias.clone())
        if channels == layer.inputs:
            del self.weight
            self.weight = nn.Parameter(weight.clone())
        elif channels:
            self.window = nn.Parameter(weight.new_empty(0))
            self.select(np.arange(channels))

    @property
    def axis(self) -> int:
        """The axis of the input channels in the weight."""
        return 0 if self.layer.depthwise else 1

    def select(self, channels: np.ndarray) -> None:
        """The window becomes these input channels; for a layer with a window."""
        assert self.window is not None
        self.channels = torch.from_numpy(np.asarray(channels, np.int64))
        self.window.data = self.weight.index_select(self.axis, self.channels)

    @torch.no_grad()
    def write_back(self) -> None:
        """What the window holds now becomes part of the weight."""
        assert self.window is not None and self.channels is not None
        self.weight.index_copy_(self.axis, self.channels, self.window)

    def forward(self, x: Tensor) -> Tensor:
        target = self.window
        if target is None and isinstance(self.weight, nn.Parameter):
            target = self.weight
        y = Convolve.apply(
            x, self.weight.detach(), target, self.bias, self.layer, self.channels, self.saved
        )
        assert isinstance(y, Tensor)
        return clip(y, self.layer.ceiling)


class _Block(nn.Module):
    def __init__(self, block: Block, layers: Mapping[str, Convolution]) -> None:
        super().__init__()
        self.ceiling = block.ceiling
        self.adds_input = block.shortcut is True
        self.layers = nn.ModuleList([layers[layer.name] for layer in block.layers])
        shortcut = block.shortcut
        self.shortcut = layers[shortcut.name] if isinstance(shortcut, Layer) else None

    def forward(self, x: Tensor) -> Tensor:
        y = x
        for layer in self.layers:
            y = layer(y)
        if self.adds_input:
            y = y + x
        elif self.shortcut is not None:
            y = y + self.shortcut(x)
        return clip(y, self.ceiling)


class Model(nn.Module):
    """The blocks from the plan's `start` on, an average over the map, and the classifier.

    Maps are float32 [n, height, width, channels]. weights: as load_weights gives them, the
    classifier left out; it starts at zero.
    """

    def __init__(
        self,
        network: Network,
        weights: Mapping[str, np.ndarray],
        plan: Plan,
        classes: int,
        saved: str = "float32",
    ) -> None:
        super().__init__()
        self.network, self.plan = network, plan
        self.convolutions: dict[str, Convolution] = {}
        for block in network.blocks[plan.start :]:
            for layer in block.all_layers:
                weight, bias = (
                    torch.from_numpy(weights[f"{layer.name}.{kind}"]) for kind in ("weight", "bias")
                )
                self.convolutions[layer.name] = Convolution(
                    layer, weight, bias, plan.channels[layer.name], plan.biases, saved
                )
        self.blocks = nn.ModuleList(
            [_Block(block, self.convolutions) for block in network.blocks[plan.start :]]
        )
        self.classifier = nn.Linear(network.features, classes)
        nn.init.zeros_(self.classifier.weight)
        nn.init.zeros_(self.classifier.bias)

    def features(self, x: Tensor) -> Tensor:
        """What the classifier reads, [n, features]."""
        for block in self.blocks:
            x = block(x)
        return x.mean((1, 2))

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.features(x))

    def weights(self) -> dict[str, np.ndarray]:
        """Every weight and bias of these blocks and the classifier, as save_weights takes them."""
        found = {}
        for name, module in (*self.convolutions.items(), ("classifier", self.classifier)):
            for kind in ("weight", "bias"):
                found[f"{name}.{kind}"] = getattr(module, kind).detach().numpy().copy()
        return found


class Front(nn.Module):
    """Some blocks of the network, frozen; a map in, a map out, nothing saved."""

    def __init__(
        self, network: Network, weights: Mapping[str, np.ndarray], first: int, stop: int
    ) -> None:
        super().__init__()
        blocks = []
        for block in network.blocks[first:stop]:
            layers = {}
            for layer in block.all_layers:
                weight, bias = (
                    torch.from_numpy(weights[f"{layer.name}.{kind}"]) for kind in ("weight", "bias")
                )
                layers[layer.name] = Convolution(layer, weight, bias)
            blocks.append(_Block(block, layers))
        self.blocks = nn.Sequential(*blocks)

    @torch.inference_mode()
    def forward(self, x: Tensor) -> Tensor:
        return self.blocks(x)
