# SPDX-License-Identifier: Apache-2.0
"""Pretrained weights: each format gives the network that its makers mean."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed: pip install .[train]")

from torch.nn import functional  # noqa: E402

from host.errors import TrainingError  # noqa: E402
from host.trainer.features import as_input  # noqa: E402
from host.trainer.model import Front  # noqa: E402
from host.trainer.network import make_network  # noqa: E402
from host.trainer.weights import (  # noqa: E402
    KNOWN_FILES,
    find_weights,
    load_weights,
    random_weights,
    save_weights,
)

DATA = Path(os.environ.get("NMS_DATA") or Path(__file__).parents[3] / "shared" / "data")
BLOCKS = 3  # a first layer, a block without expansion, one with, of stride 2


def _keras(draw: np.random.Generator) -> dict[str, np.ndarray]:
    """Arrays by the names of keras.applications.MobileNetV2, width 0.35, without its top."""
    arrays: dict[str, np.ndarray] = {}

    def norm(name: str, channels: int) -> None:
        arrays[f"{name}/gamma"] = draw.normal(1, 0.2, channels)
        arrays[f"{name}/beta"] = draw.normal(0, 0.3, channels)
        arrays[f"{name}/moving_mean"] = draw.normal(0, 0.3, channels)
        arrays[f"{name}/moving_variance"] = draw.uniform(0.0005, 2, channels)

    arrays["Conv1/kernel"] = draw.normal(0, 0.3, (3, 3, 3, 16))
    norm("bn_Conv1", 16)
    inputs = 16
    outputs = [8] * 3 + [16] * 3 + [24] * 4 + [32] * 3 + [56] * 3 + [112]
    for block, channels in enumerate(outputs):
        name = "expanded_conv_" if block == 0 else f"block_{block}_"
        wide = inputs if block == 0 else 6 * inputs
        if block:
            arrays[f"{name}expand/kernel"] = draw.normal(0, 0.2, (1, 1, inputs, wide))
            norm(f"{name}expand_BN", wide)
        arrays[f"{name}depthwise/depthwise_kernel"] = draw.normal(0, 0.3, (3, 3, wide, 1))
        norm(f"{name}depthwise_BN", wide)
        arrays[f"{name}project/kernel"] = draw.normal(0, 0.2, (1, 1, wide, channels))
        norm(f"{name}project_BN", channels)
        inputs = channels
    arrays["Conv_1/kernel"] = draw.normal(0, 0.2, (1, 1, inputs, 1280))
    norm("Conv_1_bn", 1280)
    return {name: values.astype(np.float32) for name, values in arrays.items()}


def test_keras_batch_norm_is_folded(tmp_path: Path, seed: int) -> None:
    """The first blocks against convolutions and batch norms left apart, of a side that is odd after
    the first halving."""
    draw = np.random.default_rng(seed)
    arrays = _keras(draw)
    np.savez(tmp_path / "k.npz", **arrays)
    network = make_network("mobilenetv2-0.35")
    found = load_weights(network, tmp_path / "k.npz")
    x = torch.from_numpy(draw.normal(size=(2, 18, 18, 3)).astype(np.float32))
    y = x.permute(0, 3, 1, 2).double()
    for name, norm, stride, clipped in (
        ("Conv1", "bn_Conv1", 2, True),
        ("expanded_conv_depthwise", "expanded_conv_depthwise_BN", 1, True),
        ("expanded_conv_project", "expanded_conv_project_BN", 1, False),
        ("block_1_expand", "block_1_expand_BN", 1, True),
        ("block_1_depthwise", "block_1_depthwise_BN", 2, True),
        ("block_1_project", "block_1_project_BN", 1, False),
    ):
        depthwise = "depthwise" in name
        kernel = torch.from_numpy(arrays[f"{name}/{'depthwise_' * depthwise}kernel"]).double()
        kernel = kernel.permute((2, 3, 0, 1) if depthwise else (3, 2, 0, 1))
        size, taps = y.shape[2], kernel.shape[2]
        zeros = max((-(-size // stride) - 1) * stride + taps - size, 0)
        y = functional.pad(y, (zeros // 2, zeros - zeros // 2) * 2)
        y = functional.conv2d(y, kernel, stride=stride, groups=y.shape[1] if depthwise else 1)
        parts = ("moving_mean", "moving_variance", "gamma", "beta")
        y = functional.batch_norm(
            y, *(torch.from_numpy(arrays[f"{norm}/{part}"]).double() for part in parts), eps=1e-3
        )
        y = y.clamp(0, 6) if clipped else y
    ours = Front(network, found, 0, BLOCKS)(x).permute(0, 3, 1, 2)
    torch.testing.assert_close(ours.double(), y, rtol=1e-4, atol=1e-4)


def _tensorflow_lite(draw: np.random.Generator, folder: Path) -> dict[str, np.ndarray]:
    """Writes a quantised graph of MobileNetV2, width 1.0, with random counts and scales; returns
    the real weights."""
    network = make_network("mobilenetv2-1.0")
    arrays, tensors, operators, real = {}, [], [{"op": "QUANTIZE", "ins": [0], "outs": [1]}], {}
    for number, layer in enumerate(network.layers):
        size = layer.kernel
        shape = (layer.outputs, size, size, layer.inputs)
        if layer.depthwise:
            shape = (1, size, size, layer.outputs)
        kernel = draw.integers(-127, 128, shape, np.int8)
        bias = draw.integers(-1000, 1000, layer.outputs, np.int32)
        scales = [draw.uniform(0.001, 0.02, layer.outputs).tolist() for _ in range(2)]
        first = 10 + 2 * number
        for index, values, scale in zip((first, first + 1), (kernel, bias), scales, strict=True):
            name = f"net/{index}/Conv"
            arrays[name.replace("/", "|")] = values
            zeros = [0] * len(scale)
            tensors.append({"index": index, "name": name, "scale": scale, "zero_point": zeros})
        operators.append({"op": "DEPTHWISE_CONV_2D" if layer.depthwise else "CONV_2D"})
        operators[-1]["ins"] = [1, first, first + 1]
        axes = (3, 0, 1, 2) if layer.depthwise else (0, 3, 1, 2)
        scaled = kernel.transpose(axes) * np.array(scales[0])[:, None, None, None]
        real[f"{layer.name}.weight"], real[f"{layer.name}.bias"] = scaled, bias * scales[1]
    np.savez(folder / "t.npz", **arrays)
    (folder / "t.graph.json").write_text(json.dumps({"tensors": tensors, "operators": operators}))
    return real


def test_quantised_weights_times_their_scales(tmp_path: Path, seed: int) -> None:
    real = _tensorflow_lite(np.random.default_rng(seed), tmp_path)
    found = load_weights(make_network("mobilenetv2-1.0"), tmp_path / "t.npz")
    assert found.keys() == real.keys()
    for name, values in real.items():
        np.testing.assert_allclose(found[name], values, rtol=1e-6)
    (tmp_path / "t.graph.json").unlink()
    with pytest.raises(Exception, match=r"t\.graph\.json does not exist"):
        load_weights(make_network("mobilenetv2-1.0"), tmp_path / "t.npz")


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    network = make_network("resnet8")
    weights = {**random_weights(network, 3), "classifier.weight": np.ones((4, 64), np.float32)}
    save_weights(tmp_path / "w.npz", weights)
    found = load_weights(network, tmp_path / "w.npz")
    assert found.keys() == weights.keys()
    assert all(np.array_equal(found[name], weights[name]) for name in weights)


def test_other_weights_are_refused(tmp_path: Path) -> None:
    network = make_network("resnet8")
    weights = random_weights(network, 3)
    save_weights(tmp_path / "w.npz", {**weights, "first.bias": np.full(16, np.nan, np.float32)})
    with pytest.raises(TrainingError, match=r"first\.bias holds values that are NaN"):
        load_weights(network, tmp_path / "w.npz")
    with pytest.raises(TrainingError, match=r"does not hold the weights of mobilenetv2-0\.35"):
        load_weights(make_network("mobilenetv2-0.35"), tmp_path / "w.npz")
    (tmp_path / "w.npz").write_bytes(b"no archive")
    with pytest.raises(TrainingError, match="cannot be read"):
        load_weights(network, tmp_path / "w.npz")
    with pytest.raises(TrainingError, match="do not exist"):
        load_weights(network, tmp_path / "none.npz")


def test_missing_weights_name_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NMS_DATA", raising=False)
    with pytest.raises(TrainingError, match=r"--weights FILE\.npz, or set NMS_DATA"):
        find_weights("mobilenetv2-1.0", None)
    monkeypatch.setenv("NMS_DATA", str(tmp_path))
    with pytest.raises(TrainingError, match="is not there"):
        find_weights("mobilenetv2-1.0", None)
    assert find_weights("resnet8", None) is None


@pytest.mark.slow
@pytest.mark.parametrize("name, bar", [("mobilenetv2-0.35", 0.72), ("mobilenetv2-1.0", 0.76)])
def test_pretrained_features_tell_cifar_apart(name: str, bar: float) -> None:
    """A linear classifier on the frozen features of 1,500 CIFAR-10 images at 128 pixels. Wrong
    padding, epsilon, channel order or preprocessing cost it many points."""
    from sklearn.linear_model import LogisticRegression

    archive, weights = DATA / "cifar10" / "cifar10-half.npz", DATA / "weights" / KNOWN_FILES[name]
    for path in (archive, weights):
        if not path.exists():
            pytest.skip(f"no {path.name} in NMS_DATA or shared/data")
    network = make_network(name)
    front = Front(network, load_weights(network, weights), 0, len(network.blocks))
    data, draw = np.load(archive), np.random.default_rng(1)
    features, labels = {}, {}
    for part, count in (("train", 1500), ("test", 500)):
        chosen = draw.permutation(len(data[f"y_{part}"]))[:count]
        images, labels[part] = data[f"x_{part}"][chosen], data[f"y_{part}"][chosen]
        made = [front(as_input(images[i : i + 50], 128)).mean((1, 2)) for i in range(0, count, 50)]
        features[part] = torch.cat(made).numpy()
    mean, spread = features["train"].mean(0), features["train"].std(0) + 1e-3
    scaled = {part: (values - mean) / spread for part, values in features.items()}
    classifier = LogisticRegression(C=0.01, max_iter=200).fit(scaled["train"], labels["train"])
    assert classifier.score(scaled["test"], labels["test"]) > bar
