# SPDX-License-Identifier: Apache-2.0
"""Small classifiers, each a function of the shape of a sample."""

import math

import torch
from torch import nn

from host.errors import TrainingError
from host.trainer.model import Model
from host.trainer.network import resnet8
from host.trainer.planner import whole_plan
from host.trainer.weights import random_weights

MODELS = ("linear", "mlp", "cnn", "resnet8")
LARGE_SIDE = 16  # from here on the first convolution halves the image


def make_model(name: str, shape: tuple[int, ...], classes: int) -> nn.Module:
    """A classifier of samples [n, *shape] (images channels last) into `classes` logits.

    linear: one matrix. mlp: one hidden layer of 256. cnn: three 3 x 3 convolutions (16, 32, 64
    channels) with batch norm, one or two halvings, average pooling to 2 x 2. resnet8: that of
    MLPerf Tiny without batch norm. The last two need samples of shape (H, W) or (H, W, C).
    """
    size = math.prod(shape)
    if name == "linear":
        return nn.Sequential(nn.Flatten(), nn.Linear(size, classes))
    if name == "mlp":
        return nn.Sequential(nn.Flatten(), nn.Linear(size, 256), nn.ReLU(), nn.Linear(256, classes))
    if name not in MODELS:
        raise TrainingError(f"there is no model {name!r}: choose one of {', '.join(MODELS)}")
    if len(shape) < 2:
        raise TrainingError(
            f"the model {name} needs images, but a sample has shape {shape}: choose linear or mlp"
        )
    return _Cnn(shape, classes) if name == "cnn" else _ResNet8(shape, classes)


class _Cnn(nn.Module):
    def __init__(self, shape: tuple[int, ...], classes: int) -> None:
        super().__init__()
        channels = shape[2] if len(shape) == 3 else 1
        stride = 2 if max(shape[:2]) >= LARGE_SIDE else 1
        self.body = nn.Sequential(
            *_convolution(channels, 16, stride),
            *_convolution(16, 32, 1),
            nn.MaxPool2d(2, ceil_mode=True),
            *_convolution(32, 64, 1),
            nn.AdaptiveAvgPool2d((min(2, shape[0]), min(2, shape[1]))),
            nn.Flatten(),
            nn.LazyLinear(classes),
        )

    def forward(self, samples: torch.Tensor) -> torch.Tensor:
        images = samples if samples.ndim == 4 else samples.unsqueeze(-1)
        return self.body(images.permute(0, 3, 1, 2))


class _ResNet8(nn.Module):
    """Starts from random weights that follow torch's seed."""

    def __init__(self, shape: tuple[int, ...], classes: int) -> None:
        super().__init__()
        network = resnet8(shape[2] if len(shape) == 3 else 1)
        plan = whole_plan(network, max(shape[:2]), classes, start=0)
        weights = random_weights(network, int(torch.randint(1 << 31, ())))
        self.body = Model(network, weights, plan, classes)

    def forward(self, samples: torch.Tensor) -> torch.Tensor:
        return self.body(samples if samples.ndim == 4 else samples.unsqueeze(-1))


def _convolution(inputs: int, outputs: int, stride: int) -> tuple[nn.Module, ...]:
    kernel = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
    return kernel, nn.BatchNorm2d(outputs), nn.ReLU()
