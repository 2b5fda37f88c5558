# SPDX-License-Identifier: Apache-2.0
"""How parameters take a step: gradient descent without momentum, as soon as a gradient is there.

A parameter's gradient is averaged over the workers, the parameter steps, and the gradient is freed,
while the rest of the backward pass is still to come: no two layers' gradients exist at once.

With precision int8 the weights of convolutions lie on a grid, w = q * s[o] with q an integer from
-127 to 127 and s[o] = max|w[o]| / 127 at the beginning. The gradient by q is s * dL/dw, which
quantisation-aware scaling divides by s^2 (Lin et al. 2022, "On-Device Training Under 256KB
Memory", and their code), so q <- clip(q - rate * dL/dw / s), rounded at random so that a step below
one half is not lost. In real numbers that is the step of float training but for rounding.
"""

import numpy as np
import torch
from torch import Tensor, distributed, nn

from host.trainer.model import Convolution, Model

PRECISIONS = ("float", "int8")
GRID_LIMIT = 127


def grid_scale(weight: Tensor) -> Tensor:
    """s of every output channel, [outputs, 1, 1, 1]; above zero throughout."""
    largest = weight.abs().amax((1, 2, 3), keepdim=True)
    return (largest / GRID_LIMIT).clamp_min(torch.finfo(weight.dtype).tiny)


class Descent:
    """Steps of every trained parameter of a model; `rate` and `step` are set before each step.

    seed: of the rounding of precision int8. Gradients are averaged over the workers of
    torch.distributed where it runs.
    """

    def __init__(self, model: Model, precision: str, seed: int) -> None:
        self.rate, self.step, self.seed = 0.0, 0, seed
        self.workers = distributed.get_world_size() if distributed.is_initialized() else 1
        for number, convolution in enumerate(model.convolutions.values()):
            scale = None
            if precision == "int8":
                weight = convolution.weight.data
                scale = grid_scale(weight)
                weight.copy_((weight / scale).round_() * scale)
                if convolution.channels is not None:
                    convolution.select(convolution.channels.numpy())
            target = convolution.window
            if target is None and isinstance(convolution.weight, nn.Parameter):
                target = convolution.weight
            if target is not None:
                self._follow(target, convolution, scale, number)
            if isinstance(convolution.bias, nn.Parameter):
                self._follow(convolution.bias)
        for parameter in model.classifier.parameters():
            self._follow(parameter)

    def _follow(
        self,
        parameter: nn.Parameter,
        convolution: Convolution | None = None,
        scale: Tensor | None = None,
        number: int = 0,
    ) -> None:
        @torch.no_grad()
        def on_gradient(parameter: Tensor) -> None:
            gradient = parameter.grad
            assert gradient is not None
            if self.workers > 1:
                distributed.all_reduce(gradient)
                gradient /= self.workers
            if scale is None or convolution is None:
                parameter.add_(gradient, alpha=-self.rate)
            else:
                parameter.copy_(self._on_grid(parameter, gradient, convolution, scale, number))
            parameter.grad = None
            if convolution is not None and convolution.window is not None:
                convolution.write_back()

        parameter.register_post_accumulate_grad_hook(on_gradient)

    def _on_grid(
        self,
        weight: Tensor,
        gradient: Tensor,
        convolution: Convolution,
        scale: Tensor,
        number: int,
    ) -> Tensor:
        """The weights after a step, on their grid."""
        if convolution.layer.depthwise and convolution.channels is not None:
            scale = scale[convolution.channels]
        draw = np.random.default_rng([self.seed, self.step, number])
        noise = torch.from_numpy(draw.random(tuple(weight.shape), np.float32))
        q = (weight / scale).round_() - gradient * (self.rate / scale)
        return q.add_(noise).floor_().clamp_(-GRID_LIMIT, GRID_LIMIT) * scale
