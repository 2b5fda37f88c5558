# SPDX-License-Identifier: Apache-2.0
"""Weights of a network from an .npz: our own, of Keras, or of a quantised TensorFlow Lite graph.

Our own archive holds for every layer `NAME.weight`, (outputs, inputs, k, k), and `NAME.bias`, for
the classifier `classifier.weight`, (classes, features), and `classifier.bias`, all float32. The
classifier may be missing. Keras: kernels and batch norm of keras.applications.MobileNetV2, folded
here. TensorFlow Lite: int8 weights with the scales and the order of layers in NAME.graph.json.
"""

import io
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from host.errors import TrainingError
from host.files import check_arrays, read_json, write_whole
from host.trainer.network import Layer, Network

Weights = dict[str, np.ndarray]

KERAS_EPSILON = 1e-3
KNOWN_FILES = {
    "mobilenetv2-0.35": "mobilenetv2_w0.35_224_imagenet_notop_fp32.npz",
    "mobilenetv2-1.0": "tf2_mobilenet_v2_1.0_224_ptq.npz",
}
CONVOLUTIONS = ("CONV_2D", "DEPTHWISE_CONV_2D")


def find_weights(network: str, given: Path | None) -> Path | None:
    """The file of `given`, or the known one under the folder NMS_DATA; None for a network that
    starts from random weights. TrainingError with the remedy where there is none."""
    if given is not None or network not in KNOWN_FILES:
        return given
    name, folder = KNOWN_FILES[network], os.environ.get("NMS_DATA")
    if folder is None:
        raise TrainingError(
            f"{network} starts from pretrained weights: give them with --weights FILE.npz, or set "
            f"NMS_DATA to a folder that holds weights/{name}"
        )
    path = Path(folder) / "weights" / name
    if not path.exists():
        raise TrainingError(
            f"NMS_DATA is {folder}, but weights/{name} is not there: give --weights FILE.npz"
        )
    return path


def load_weights(network: Network, path: Path) -> Weights:
    """Every layer's weight and bias, batch norm folded in, and the classifier where the file has
    one of our own. TrainingError when the file is not of this network."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
            check_arrays(arrays)
    except FileNotFoundError:
        raise TrainingError(f"the weights {path} do not exist") from None
    except Exception as error:  # numpy, zipfile and zlib raise of every kind for spoilt bytes
        raise TrainingError(f"{path} cannot be read as an .npz of plain arrays: {error}") from None
    try:
        if "first.weight" in arrays:
            found = arrays
        elif "Conv1/kernel" in arrays:
            found = _from_keras(network, arrays)
        else:
            found = _from_tensorflow_lite(network, arrays, path.with_suffix(".graph.json"))
        return _checked(network, found)
    except (KeyError, ValueError, IndexError) as error:
        raise TrainingError(
            f"{path} does not hold the weights of {network.name}: {error}"
        ) from None


def save_weights(path: Path, weights: Mapping[str, np.ndarray]) -> None:
    """Writes our own archive, whole or not at all."""
    stream = io.BytesIO()
    # the stub takes every keyword for allow_pickle, a bool, too
    np.savez(stream, **weights)  # type: ignore[arg-type]
    write_whole(path, stream.getvalue())


def random_weights(network: Network, seed: int) -> Weights:
    """He's normal weights (2015): variance 2 / fan-in; the last layer of a block with a shortcut
    starts at zero, so that the block begins as its shortcut."""
    draw = np.random.default_rng([seed, 0x77])
    weights: Weights = {}
    for layer in network.layers:
        fan = layer.weights // layer.outputs
        values = draw.standard_normal(layer.shape) * np.sqrt(2 / fan)
        weights[f"{layer.name}.weight"] = values.astype(np.float32)
        weights[f"{layer.name}.bias"] = np.zeros(layer.outputs, np.float32)
    for block in network.blocks:
        if block.shortcut:
            weights[f"{block.layers[-1].name}.weight"][:] = 0
    return weights


def _checked(network: Network, arrays: Mapping[str, np.ndarray]) -> Weights:
    weights: Weights = {}
    for layer in network.layers:
        for kind, shape in (("weight", layer.shape), ("bias", (layer.outputs,))):
            name = f"{layer.name}.{kind}"
            values = np.ascontiguousarray(arrays[name], np.float32)
            if values.shape != shape:
                raise ValueError(f"{name} has shape {values.shape}, not {shape}")
            if not np.isfinite(values).all():
                raise ValueError(f"{name} holds values that are NaN or infinite")
            weights[name] = values
    for name in ("classifier.weight", "classifier.bias"):
        if name in arrays:
            weights[name] = np.ascontiguousarray(arrays[name], np.float32)
    return weights


def _from_keras(network: Network, arrays: Mapping[str, np.ndarray]) -> Weights:
    weights: Weights = {}
    for layer in network.layers:
        name, norm = _keras_names(layer)
        kernel = arrays[f"{name}/{'depthwise_' if layer.depthwise else ''}kernel"]
        kernel = kernel.transpose((2, 3, 0, 1) if layer.depthwise else (3, 2, 0, 1))
        scale = arrays[f"{norm}/gamma"] / np.sqrt(
            arrays[f"{norm}/moving_variance"].astype(np.float64) + KERAS_EPSILON
        )
        weights[f"{layer.name}.weight"] = kernel * scale[:, None, None, None]
        weights[f"{layer.name}.bias"] = (
            arrays[f"{norm}/beta"] - arrays[f"{norm}/moving_mean"] * scale
        )
    return weights


def _keras_names(layer: Layer) -> tuple[str, str]:
    """Names of a layer's convolution and of its batch norm."""
    if layer.name == "first":
        return "Conv1", "bn_Conv1"
    if layer.name == "last":
        return "Conv_1", "Conv_1_bn"
    block, part = layer.name.removeprefix("block").split(".")
    name = f"expanded_conv_{part}" if block == "0" else f"block_{block}_{part}"
    return name, f"{name}_BN"


def _from_tensorflow_lite(
    network: Network, arrays: Mapping[str, np.ndarray], path: Path
) -> Weights:
    graph = read_json(path, "the graph of the quantised weights")
    tensors = {tensor["index"]: tensor for tensor in graph["tensors"]}
    operators = [part for part in graph["operators"] if part["op"] in CONVOLUTIONS]
    weights: Weights = {}
    for layer, operator in zip(network.layers, operators, strict=False):
        kernel, bias = (tensors[index] for index in operator["ins"][1:3])
        if any(kernel["zero_point"]):
            raise ValueError(f"{kernel['name']} has a zero point")
        values = arrays[kernel["name"].replace("/", "|")].astype(np.float64)
        values = values.transpose((3, 0, 1, 2) if layer.depthwise else (0, 3, 1, 2))
        weights[f"{layer.name}.weight"] = values * np.array(kernel["scale"])[:, None, None, None]
        counts = arrays[bias["name"].replace("/", "|")]
        weights[f"{layer.name}.bias"] = counts * np.array(bias["scale"])
    return weights
