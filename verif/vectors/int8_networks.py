# SPDX-License-Identifier: Apache-2.0
"""Small int8 networks with real data, for training in the loop."""

from pathlib import Path

import numpy as np

from golden.sgmac import Convolution
from host import datasets
from verif.int8_network import LIMIT, Int8Network, Layer

MOBILENET_WEIGHTS = "weights/mobilenetv2_w0.35_224_imagenet_notop_fp32.npz"
MOBILENET_SIDE = 128
CIFAR10 = "cifar10/cifar10-half.npz"


def random_weights(rng: np.random.Generator, sizes: Convolution) -> np.ndarray:
    """A normal distribution with a standard deviation of 32, cut at -127 and 127."""
    shape = sizes.gradient_shape(sizes.in_channels)
    return np.clip(np.round(32 * rng.standard_normal(shape)), -LIMIT, LIMIT).astype(np.int8)


def digits_network(
    seed: int, samples: int = 256, batch: int = 16
) -> tuple[Int8Network, tuple[np.ndarray, np.ndarray]]:
    """A convolution that stays as it is, then depthwise, pointwise and a classifier, which are
    trained; and training samples of the digits, 8 x 8. It fits preset tiny."""
    data = datasets.load("digits")
    rng = np.random.default_rng([seed, 8])
    chosen = rng.permutation(len(data.x_train))[:samples]
    pixels = data.x_train[chosen].astype(np.int16)
    x = np.clip(pixels - pixels.mean(0).astype(np.int16), -128, 127).astype(np.int8)[:, None]
    labels = data.y_train[chosen].astype(np.int64)
    side = dict.fromkeys(("height", "width", "out_height", "out_width"), 8)
    same = side | {"kernel": 3, "padding": 1}
    layers = [
        Layer(sizes=Convolution(out_channels=16, in_channels=1, **same), selected=0),
        Layer(
            sizes=Convolution(out_channels=16, in_channels=16, depthwise=True, **same), selected=8
        ),
        Layer(
            sizes=Convolution(out_channels=16, in_channels=16, **side),
            selected=8,
            pool=4,
            relu=False,
        ),
        Layer(
            sizes=Convolution(
                out_channels=10,
                in_channels=16,
                height=2,
                width=2,
                out_height=1,
                out_width=1,
                kernel=2,
            ),
            selected=16,
            relu=False,
        ),
    ]
    weights = [random_weights(rng, layer.sizes) for layer in layers]
    biases = [np.zeros(layer.sizes.out_channels, np.int64) for layer in layers]
    network = Int8Network(
        layers, weights, biases, x[:batch], labels[:batch], first_step=2.0, seed=seed
    )
    return network, (x, labels)


def mobilenet_pair(
    seed: int, folder: Path, samples: int = 64, batch: int = 8
) -> tuple[Int8Network, tuple[np.ndarray, np.ndarray]]:
    """The depthwise convolution and the projection of bottleneck 16 of MobileNetV2 0.35 with its
    weights, an average and a new classifier; and what the frozen part before them makes of images
    of CIFAR-10 at 128 x 128. It fits preset train.

    folder: holds CIFAR10 and MOBILENET_WEIGHTS. Weights become bytes with one scale a layer; ReLU6
    becomes the end of the range of bytes.
    """
    import torch

    from host.trainer.features import as_input
    from host.trainer.model import Front
    from host.trainer.network import make_network
    from host.trainer.operations import clip, convolve
    from host.trainer.weights import load_weights

    network = make_network("mobilenetv2-0.35")
    parts = load_weights(network, folder / MOBILENET_WEIGHTS)
    data = datasets.load(str(folder / CIFAR10))
    rng = np.random.default_rng([seed, 16])
    chosen = rng.permutation(len(data.x_train))[:samples]
    block = network.find_block("block16")
    expand, depthwise, project = network.blocks[block].layers
    front = Front(network, parts, 0, block)
    with torch.inference_mode():
        maps = front(as_input(data.x_train[chosen], MOBILENET_SIDE))
        weight, bias = (
            torch.from_numpy(parts[f"{expand.name}.{kind}"]) for kind in ("weight", "bias")
        )
        maps = clip(convolve(maps, weight, bias, expand), expand.ceiling).numpy()
    scale = float(maps.max()) / LIMIT
    x = np.round(maps / scale).astype(np.int8).transpose(0, 3, 1, 2)
    side = dict.fromkeys(("height", "width", "out_height", "out_width"), x.shape[2])
    point = dict.fromkeys(side, 1)
    wide, narrow = depthwise.outputs, project.outputs
    layers = [
        Layer(
            sizes=Convolution(
                out_channels=wide,
                in_channels=wide,
                kernel=3,
                padding=1,
                depthwise=True,
                **side,
            ),
            selected=wide // 4,
        ),
        Layer(
            sizes=Convolution(out_channels=narrow, in_channels=wide, **side),
            selected=wide // 4,
            relu=False,
            pool=x.shape[2],
        ),
        Layer(
            sizes=Convolution(out_channels=10, in_channels=narrow, **point),
            selected=narrow,
        ),
    ]
    weights = []
    for layer in (depthwise, project):
        values = parts[f"{layer.name}.weight"]
        weights.append(np.round(values * (LIMIT / np.abs(values).max())).astype(np.int8))
    weights.append(random_weights(rng, layers[-1].sizes))
    biases = [np.zeros(layer.sizes.out_channels, np.int64) for layer in layers]
    labels = data.y_train[chosen].astype(np.int64)
    made = Int8Network(
        layers, weights, biases, x[:batch], labels[:batch], first_step=0.5, seed=seed
    )
    return made, (x, labels)
