# SPDX-License-Identifier: Apache-2.0
"""Autograd functions that keep of a step only what the selected gradients need.

Maps are float32 [n, height, width, channels]. A convolution keeps the selected input channels, as
int8 or float32, and nothing else of its input; a clip keeps one bit a value. Everything in backward
is computed from those and the weights.
"""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from host.trainer.network import Layer, padding

SAVED_TYPES = ("int8", "float32")
INT8_LIMIT = 127


def quantise(values: Tensor) -> tuple[Tensor, Tensor]:
    """int8 values and one scale: values ~ int8 * scale, scale = max|values| / 127, ties to even."""
    scale = (values.abs().amax() / INT8_LIMIT).clamp_min(torch.finfo(values.dtype).tiny)
    return (values / scale).round_().to(torch.int8), scale


def _planes(maps: Tensor) -> Tensor:
    """[n, h, w, c] seen as [n, c, h, w], as torch's convolutions want it; nothing moves."""
    return maps.permute(0, 3, 1, 2)


def _padded(maps: Tensor, layer: Layer) -> tuple[Tensor, tuple[int, int]]:
    """Planes with what torch's symmetric padding cannot give already there, and that padding."""
    rows, columns = (padding(side, layer.kernel, layer.stride) for side in maps.shape[1:3])
    if rows[0] == rows[1] and columns[0] == columns[1]:
        return _planes(maps), (rows[0], columns[0])
    return functional.pad(_planes(maps), (*columns, *rows)), (0, 0)


def convolve(x: Tensor, weight: Tensor, bias: Tensor, layer: Layer) -> Tensor:
    """y = x * weight + bias, without gradients. weight: [outputs, inputs, k, k], depthwise
    [channels, 1, k, k]."""
    if layer.kernel == 1 and not layer.depthwise:
        x = x[:, :: layer.stride, :: layer.stride]
        return functional.linear(x, weight[:, :, 0, 0], bias)
    planes, pad = _padded(x, layer)
    groups = layer.inputs if layer.depthwise else 1
    y = functional.conv2d(planes, weight, bias, layer.stride, pad, groups=groups)
    return y.permute(0, 2, 3, 1).contiguous()


def _backward(
    error: Tensor,
    planes: Tensor,
    weight: Tensor,
    pad: tuple[int, int],
    stride: int,
    groups: int,
    of_input: bool,
) -> Tensor:
    """The gradient by the padded planes (of which only the shape matters then) or by weight."""
    wanted = [of_input, not of_input, False]
    results = torch.ops.aten.convolution_backward(
        *(_planes(error), planes, weight, None, [stride] * 2, list(pad), [1, 1], False, [0, 0]),
        *(groups, wanted),
    )
    return results[0] if of_input else results[1]


def input_gradient(error: Tensor, weight: Tensor, layer: Layer, shape: torch.Size) -> Tensor:
    """The gradient by the input map of this shape."""
    if layer.kernel == 1 and not layer.depthwise:
        flat = error.reshape(-1, layer.outputs) @ weight[:, :, 0, 0]
        if layer.stride == 1:
            return flat.view(shape)
        gradient = error.new_zeros(shape)
        gradient[:, :: layer.stride, :: layer.stride] = flat.view(*error.shape[:3], layer.inputs)
        return gradient
    groups = layer.inputs if layer.depthwise else 1
    if layer.stride == 1:  # the correlation with the mirrored weights
        before = layer.kernel // 2
        mirrored = weight.flip(2, 3)
        if not layer.depthwise:
            mirrored = mirrored.transpose(0, 1)
        planes = functional.conv2d(_planes(error), mirrored, None, 1, before, groups=groups)
        return planes.permute(0, 2, 3, 1).contiguous()
    rows, columns = (padding(side, layer.kernel, layer.stride) for side in shape[1:3])
    height, width = shape[1] + sum(rows), shape[2] + sum(columns)
    padded = error.new_empty(1).expand(shape[0], shape[3], height, width)
    planes = _backward(error, padded, weight, (0, 0), layer.stride, groups, of_input=True)
    inner = planes[:, :, rows[0] : rows[0] + shape[1], columns[0] : columns[0] + shape[2]]
    return inner.permute(0, 2, 3, 1).contiguous()


def weight_gradient(error: Tensor, x: Tensor, layer: Layer, channels: Tensor | None) -> Tensor:
    """The gradient by the weights that read the channels of x: [outputs, K, k, k], depthwise
    [K, 1, k, k]. x: the selected channels alone; channels: their numbers, None for all."""
    selected = x.shape[3]
    if layer.kernel == 1 and not layer.depthwise:
        x = x[:, :: layer.stride, :: layer.stride].reshape(-1, selected)
        return (error.reshape(-1, layer.outputs).t() @ x).view(layer.outputs, selected, 1, 1)
    if layer.depthwise and channels is not None:
        error = error[..., channels]
    rows = selected if layer.depthwise else layer.outputs
    columns = 1 if layer.depthwise else selected
    shape = (rows, columns, layer.kernel, layer.kernel)
    groups = selected if layer.depthwise else 1
    planes, pad = _padded(x, layer)
    kernels = error.new_empty(shape)
    return _backward(error, planes, kernels, pad, layer.stride, groups, of_input=False)


class Convolve(torch.autograd.Function):
    """A convolution with gradients for the weights of the selected input channels only.

    Arguments: x; weight, used as it stands; target, the parameter whose gradient is wanted, or
    None (of the shape of weight, or of the window [outputs, K, k, k], depthwise [K, 1, k, k]);
    bias; layer; channels, int64 [K], or None for all; saved, int8 or float32.
    """

    @staticmethod
    def forward(ctx, x, weight, target, bias, layer, channels, saved):
        kept = scale = None
        if target is not None:
            kept = x if channels is None else x[..., channels]
            if saved == "int8":
                kept, scale = quantise(kept)
        ctx.save_for_backward(kept, scale, weight)
        ctx.layer, ctx.channels, ctx.shape = layer, channels, x.shape
        y = convolve(x, weight, bias, layer)
        # the same memory, but no view in autograd's books, so that a clip may overwrite it
        return y.new_empty(0).set_(y.untyped_storage(), 0, y.shape, y.stride())

    @staticmethod
    def backward(ctx, *errors):
        (error,) = errors
        kept, scale, weight = ctx.saved_tensors
        layer = ctx.layer
        of_x = of_target = of_bias = None
        if ctx.needs_input_grad[2]:
            x = kept if scale is None else kept.to(error.dtype)
            of_target = weight_gradient(error, x, layer, ctx.channels)
            if scale is not None:
                of_target *= scale
        if ctx.needs_input_grad[3]:
            of_bias = error.sum((0, 1, 2))
        if ctx.needs_input_grad[0]:
            of_x = input_gradient(error, weight, layer, ctx.shape)
        return of_x, None, of_target, of_bias, None, None, None


class Clip(torch.autograd.Function):
    """clip(y, 0, ceiling) in place; one bit a value is kept: whether it passed unclipped."""

    @staticmethod
    def forward(ctx, y, ceiling):
        passed = y > 0
        if ceiling != float("inf"):
            passed &= y < ceiling
        bits = np.packbits(passed.numpy())
        kept = torch.empty(len(bits), dtype=torch.uint8)
        kept.numpy()[:] = bits
        ctx.save_for_backward(kept)
        ctx.mark_dirty(y)
        return y.clamp_(0, ceiling)

    @staticmethod
    def backward(ctx, *errors):
        (error,) = errors
        (bits,) = ctx.saved_tensors
        passed = np.unpackbits(bits.numpy(), count=error.numel()).reshape(error.shape)
        return error * torch.from_numpy(passed), None


def clip(y: Tensor, ceiling: float | None) -> Tensor:
    """clip(y, 0, ceiling), y itself for None; y is overwritten."""
    if ceiling is None:
        return y
    if torch.is_grad_enabled() and y.requires_grad:
        clipped = Clip.apply(y, ceiling)
        assert isinstance(clipped, Tensor)
        return clipped
    return y.clamp_(0, ceiling)
