# SPDX-License-Identifier: Apache-2.0
"""Sparse updates in PyTorch: gradients equal dense autograd's, only selected weights move, and less
is held."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed: pip install .[train]")

from torch import nn  # noqa: E402
from torch.nn import functional  # noqa: E402

from golden.sgmac import Schedule  # noqa: E402
from host.trainer.channels import POOLS, Selector, rank  # noqa: E402
from host.trainer.memory import LiveBytes, saved_bytes  # noqa: E402
from host.trainer.model import Convolution, Model  # noqa: E402
from host.trainer.network import RELU6, Layer, make_network  # noqa: E402
from host.trainer.operations import Clip  # noqa: E402
from host.trainer.plan import Widths  # noqa: E402
from host.trainer.planner import bias_plan, make_plan, whole_plan  # noqa: E402
from host.trainer.update import Descent, grid_scale  # noqa: E402
from host.trainer.weights import random_weights  # noqa: E402

CLASSES = 5


@pytest.fixture(autouse=True)
def _one_thread():
    """Tests run side by side, and small maps are slower on several threads."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def _weights(network, seed=1):
    """Random weights in which no branch is zero."""
    draw = np.random.default_rng(seed)
    weights = random_weights(network, seed)
    return {
        name: (values + 0.03 * draw.standard_normal(values.shape)).astype(np.float32)
        for name, values in weights.items()
    }


def _setting(name, side, start, ratio=0.1, batch=2, saved="float32", widths=None):
    """A model with random windows, and maps and labels for it."""
    network = make_network(name)
    plan = make_plan(
        network,
        side,
        CLASSES,
        10**9,
        ratio,
        start=start,
        least_saved=0,
        batch=batch,
        widths=widths or Widths(),
    )
    model = Model(network, _weights(network), plan, CLASSES, saved)
    nn.init.normal_(model.classifier.weight, generator=torch.Generator().manual_seed(2))
    draw = np.random.default_rng(3)
    for convolution in model.convolutions.values():
        if convolution.window is not None:
            inputs = convolution.layer.inputs
            convolution.select(np.sort(draw.permutation(inputs)[: convolution.count]))
    return model, _maps(network, side, plan.start, batch), torch.arange(batch) % CLASSES


def _maps(network, side, start, batch):
    inner = network.sides(side)[start]
    shape = (batch, inner, inner, network.blocks[start].inputs)
    return torch.randn(shape, generator=torch.Generator().manual_seed(4))


def _reference(network, start, weights, maps):
    """The same blocks from torch's own operations, channels first, in float64."""

    def layer_of(layer, x):
        side = x.shape[2]
        zeros = max((-(-side // layer.stride) - 1) * layer.stride + layer.kernel - side, 0)
        x = functional.pad(x, (zeros // 2, zeros - zeros // 2) * 2)
        groups = layer.inputs if layer.depthwise else 1
        weight, bias = weights[f"{layer.name}.weight"], weights[f"{layer.name}.bias"]
        y = functional.conv2d(x, weight, bias, layer.stride, groups=groups)
        return y if layer.ceiling is None else y.clamp(0, layer.ceiling)

    x = maps.permute(0, 3, 1, 2).double()
    for block in network.blocks[start:]:
        y = x
        for layer in block.layers:
            y = layer_of(layer, y)
        if isinstance(block.shortcut, Layer):
            y = y + layer_of(block.shortcut, x)
        elif block.shortcut:
            y = y + x
        x = y if block.ceiling is None else y.clamp(0, block.ceiling)
    return x.mean((2, 3))


@pytest.mark.parametrize(
    "name, side, start",
    [
        ("mobilenetv2-0.35", 32, "first"),  # every layer, maps of one pixel at the end
        ("mobilenetv2-0.35", 72, "block12"),  # sides 5 and 3: 'same' with stride 2, odd
        ("mobilenetv2-0.35", 64, "block12"),  # sides 4 and 2: even
        ("resnet8", 12, "first"),  # layers as shortcuts
    ],
)
def test_gradients_equal_dense_autograd_on_the_selected_channels(name, side, start) -> None:
    model, maps, _ = _setting(name, side, start)
    features = model.features(maps)
    weigh = torch.randn(features.shape, generator=torch.Generator().manual_seed(5))
    (features * weigh).sum().backward()
    dense = {
        name: torch.from_numpy(values).double().requires_grad_()
        for name, values in _weights(model.network).items()
    }
    reference = _reference(model.network, model.plan.start, dense, maps)
    (reference * weigh).sum().backward()
    torch.testing.assert_close(features.double(), reference, rtol=1e-4, atol=1e-5)
    for name, convolution in model.convolutions.items():
        expected = dense[f"{name}.weight"].grad
        target = convolution.window if convolution.window is not None else convolution.weight
        if convolution.channels is not None:
            expected = expected.index_select(convolution.axis, convolution.channels)
        for found, wanted in ((target, expected), (convolution.bias, dense[f"{name}.bias"].grad)):
            assert found.grad.shape == wanted.shape
            worst = (found.grad - wanted).abs().max() / wanted.abs().max()
            assert worst < 2e-5, f"{name}: {worst}"


@pytest.mark.parametrize("depthwise", [False, True])
def test_int8_inputs_give_the_gradient_of_the_rounded_input(depthwise: bool) -> None:
    """Rounding moves an input by half a step of its scale at most, and the gradient by no more
    than the errors weigh that."""
    layer = Layer(name="l", inputs=6, outputs=6, kernel=3, depthwise=depthwise)
    generator = torch.Generator().manual_seed(1)
    weight = torch.randn(layer.shape, generator=generator)
    x = torch.randn((3, 5, 5, 6), generator=generator) * 4
    error = torch.randn((3, 5, 5, 6), generator=generator)
    found = {}
    for saved in ("float32", "int8"):
        convolution = Convolution(layer, weight, torch.zeros(6), 2, saved=saved)
        convolution.select(np.array([1, 4]))
        assert convolution.window is not None
        _, held = saved_bytes(convolution, lambda c=convolution: c(x))
        convolution(x).backward(error)
        found[saved] = (convolution.window.grad, held)
    half = x[..., [1, 4]].abs().max() / 127 / 2
    difference = (found["int8"][0] - found["float32"][0]).abs()
    assert 0 < difference.max() <= half * error.abs().sum((0, 1, 2)).max() * 1.001
    assert found["float32"][1] == 3 * 25 * 2 * 4
    assert found["int8"][1] == 3 * 25 * 2 + 4  # and the scale


def test_clip_passes_errors_where_nothing_was_clipped() -> None:
    y = torch.tensor([[-1.0, 0.0, 0.5, 3.0, 5.9, 6.0, 7.0, 2.0, 1.0]]).requires_grad_()
    clipped = Clip.apply(y * 1, RELU6)
    clipped.backward(torch.arange(1.0, 10.0)[None])
    assert clipped.tolist()[0] == pytest.approx([0, 0, 0.5, 3, 5.9, 6, 6, 2, 1])
    assert y.grad.tolist() == [[0, 0, 3, 4, 5, 0, 0, 8, 9]]


def _loss(model, maps, labels):
    return functional.cross_entropy(model(maps), labels)


@pytest.mark.parametrize("precision", ["float", "int8"])
def test_only_selected_weights_move_and_gradients_are_freed(precision: str) -> None:
    model, maps, labels = _setting("mobilenetv2-0.35", 32, "block14")
    descent = Descent(model, precision, seed=1)
    descent.rate = 0.5
    before = model.weights()
    _loss(model, maps, labels).backward()
    after = model.weights()
    for name, convolution in model.convolutions.items():
        moved = np.any(
            before[f"{name}.weight"] != after[f"{name}.weight"],
            axis=tuple(a for a in range(4) if a != convolution.axis),
        )
        selected = set(convolution.channels.tolist())
        assert set(np.flatnonzero(moved)) <= selected
        assert moved.any(), f"no weight of {name} moved"
    assert all(parameter.grad is None for parameter in model.parameters())


def test_descent_is_gradient_descent() -> None:
    """The window after a step is window - rate * gradient, written into the weight."""
    rate = 0.25
    plain, maps, labels = _setting("mobilenetv2-0.35", 32, "block16")
    _loss(plain, maps, labels).backward()
    stepped, _, _ = _setting("mobilenetv2-0.35", 32, "block16")
    Descent(stepped, "float", seed=1).rate = rate
    _loss(stepped, maps, labels).backward()
    for name, convolution in stepped.convolutions.items():
        source = plain.convolutions[name]
        expected = source.window.detach() - rate * source.window.grad
        torch.testing.assert_close(convolution.window.detach(), expected)
        part = convolution.weight.index_select(convolution.axis, convolution.channels)
        assert torch.equal(part, convolution.window.detach())


def test_int8_weights_take_the_float_step_on_average() -> None:
    """Quantisation-aware scaling: in real numbers the step is that of float but for rounding, and
    rounding is random with the right mean."""
    rate, draws = 0.01, 200
    model, maps, labels = _setting("mobilenetv2-0.35", 32, "block16")
    descent = Descent(model, "int8", seed=7)
    chosen = model.convolutions["block16.project"]
    scale = grid_scale(chosen.weight)
    start = chosen.weight.clone()
    assert torch.equal((start / scale).round() * scale, start)
    reference, _, _ = _setting("mobilenetv2-0.35", 32, "block16")
    for name, convolution in reference.convolutions.items():
        convolution.weight.copy_(model.convolutions[name].weight)
        convolution.select(convolution.channels.numpy())
    _loss(reference, maps, labels).backward()
    gradient = reference.convolutions["block16.project"].window.grad
    window = start.index_select(1, chosen.channels)
    total = torch.zeros_like(window)
    room = (window / scale - rate * gradient / scale).abs() < 126  # where nothing saturates
    assert room.float().mean() > 0.9
    descent.rate = rate
    for step in range(draws):
        descent.step = step
        moved = descent._on_grid(window, gradient, chosen, scale, 0)
        counts = moved / scale
        assert (counts - counts.round()).abs().max() < 1e-3
        assert (((moved - window + rate * gradient) / scale).abs() < 1.001)[room].all()
        total += moved
    mean_step, expected = total / draws - window, -rate * gradient
    deviation = ((mean_step - expected) / scale)[room]
    assert deviation.abs().max() < 5 * 0.5 / draws**0.5, "beyond five standard errors"
    assert abs(deviation.mean()) < 5 * 0.5 / (draws * room.sum()) ** 0.5


def test_windows_follow_the_golden_schedule() -> None:
    model, _, _ = _setting("mobilenetv2-0.35", 32, "block15", ratio=0.05)
    steps, period = 90, 3
    selector = Selector(model, "dgsu", steps, period, seed=1)
    convolution = model.convolutions["block16.project"]
    inputs, count = convolution.layer.inputs, convolution.count
    pools = tuple((i * 30, max(count, round(POOLS[i] * inputs))) for i in range(3))
    schedule = Schedule(window=count, period=period, pools=pools)
    norms = convolution.weight.square().sum((0, 2, 3))
    ranked = rank(convolution.weight, depthwise=False)
    assert (norms[ranked][:-1] >= norms[ranked][1:] * 0.99).all()  # int8 rounding aside
    for step in range(steps):
        selector.move(step)
        assert convolution.channels.tolist() == schedule.channels(step, ranked).tolist()
        part = convolution.weight.index_select(1, convolution.channels)
        assert torch.equal(part, convolution.window.detach())


def test_static_stays_and_random_moves() -> None:
    seen = {}
    for rule in ("static", "random"):
        model, _, _ = _setting("mobilenetv2-0.35", 32, "block16", ratio=0.05)
        selector = Selector(model, rule, 20, 5, seed=1)
        convolution = model.convolutions["last"]
        seen[rule] = set()
        for step in range(20):
            selector.move(step)
            seen[rule].add(tuple(convolution.channels.tolist()))
    assert len(seen["static"]) == 1 and len(seen["random"]) > 10


SLACK = 1024  # scales, logits, labels and what cross entropy keeps


@pytest.mark.parametrize("saved", ["int8", "float32"])
@pytest.mark.parametrize("kind", ["sparse", "dense", "bias"])
def test_held_tensors_are_those_of_the_plan(kind: str, saved: str) -> None:
    """Saved inputs and masks to the byte; the most alive at a moment within half again, for a clip
    makes a second error map here, where the plan lets a device overwrite the first."""
    network, side, batch = make_network("mobilenetv2-0.35"), 64, 8
    widths = Widths(weight=4, map=4, saved=1 if saved == "int8" else 4)
    options = {"batch": batch, "widths": widths}
    start = network.find_block("block9")
    if kind == "sparse":
        model, maps, labels = _setting(
            "mobilenetv2-0.35", side, "block9", batch=batch, saved=saved, widths=widths
        )
    else:
        make = whole_plan if kind == "dense" else bias_plan
        plan = make(network, side, CLASSES, start, **options)
        model = Model(network, _weights(network), plan, CLASSES, saved)
        maps, labels = _maps(network, side, start, batch), torch.arange(batch) % CLASSES
    plan = model.plan
    loss, held = saved_bytes(model, lambda: _loss(model, maps, labels))
    loss.backward()
    planned = plan.inputs_bytes + plan.masks_bytes
    assert planned <= held <= planned + SLACK
    Descent(model, "float", 1)
    live = LiveBytes()
    live.ignore([maps, labels, *model.parameters(), *model.buffers()])
    with live:
        _loss(model, maps, labels).backward()
    assert live.peak < 1.5 * (planned + plan.peak_bytes) + SLACK
    assert live.peak > 0.9 * (planned + plan.peak_bytes)


def test_a_sparse_step_really_holds_less() -> None:
    peaks = {}
    for kind in ("sparse", "dense"):
        model, maps, labels = _setting("mobilenetv2-0.35", 64, "block9", 0.02, 8, "int8")
        if kind == "dense":
            plan = whole_plan(model.network, 64, CLASSES, model.plan.start)
            model = Model(model.network, _weights(model.network), plan, CLASSES)
        Descent(model, "float", 1)
        live = LiveBytes()
        live.ignore([maps, labels, *model.parameters(), *model.buffers()])
        with live:
            _loss(model, maps, labels).backward()
        peaks[kind] = live.peak
    assert peaks["sparse"] < peaks["dense"] / 3, peaks
