# SPDX-License-Identifier: Apache-2.0
"""A small network trained in int8, its weight gradients and steps taken by a GradientBackend.

Maps, weights and errors are signed bytes; all sums are exact integers; what is rounded is rounded
to a power of two. So two back ends that agree in every bit train the same network, and one that
does not is found out in the step in which it errs. Only the softmax is float64.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from golden.sgmac import Convolution, Schedule, Update, quantise_scale, weight_gradient
from golden.sgmac.importance import importance, ranking
from host.gradient_backends import GradientBackend

LIMIT = 127
SIZE, LOGIT_SIZE = 48, 1
"""Root mean square that shifts are chosen for, of bytes and of logits."""
LEAST_SCALE, MOST_SCALE = 2.0**-25, 65535.0


@dataclass(frozen=True, kw_only=True)
class Layer:
    """A convolution, then y = clip(round(sum / 2^shift), low, 127), then sums over pool x pool.

    selected: channels whose weights a step updates; 0: frozen. relu: low is 0, else -128. The last
    layer of a network gives its sums as they are, over a map of one position: logit = sum /
    2^shift.
    """

    sizes: Convolution
    selected: int
    relu: bool = True
    pool: int = 1


def convolve(x: np.ndarray, weights: np.ndarray, sizes: Convolution) -> np.ndarray:
    """Exact sums, int64 [N, C_out, H', W']."""
    k, stride, padding = sizes.kernel, sizes.stride, sizes.padding
    shape = [(side - 1) * stride + k for side in (sizes.out_height, sizes.out_width)]
    padded = np.zeros((*x.shape[:2], *shape))
    height, width = (
        min(side, wide - padding) for side, wide in zip(x.shape[2:], shape, strict=True)
    )
    padded[:, :, padding : padding + height, padding : padding + width] = x[:, :, :height, :width]
    windows = sliding_window_view(padded, (k, k), axis=(2, 3))[:, :, ::stride, ::stride]
    w = weights.astype(float)  # products and sums below 2^53 are exact
    if sizes.depthwise:
        sums = np.einsum("nchwuv,cuv->nchw", windows, w[:, 0])
    else:
        sums = np.tensordot(windows, w, ((1, 4, 5), (1, 2, 3))).transpose(0, 3, 1, 2)
    return sums.astype(np.int64)


def input_gradient(error: np.ndarray, weights: np.ndarray, sizes: Convolution) -> np.ndarray:
    """Exact sums, int64 [N, C_in, H, W]: what an error does to each byte of the map."""
    k, stride, padding = sizes.kernel, sizes.stride, sizes.padding
    rows, columns = ((side - 1) * stride + k for side in (sizes.out_height, sizes.out_width))
    total = np.zeros(
        (
            len(error),
            sizes.in_channels,
            max(rows, sizes.height + padding),
            max(columns, sizes.width + padding),
        )
    )
    e, w = error.astype(float), weights.astype(float)
    for u in range(k):
        for v in range(k):
            if sizes.depthwise:
                part = e * w[None, :, 0, u, v, None, None]
            else:
                part = np.tensordot(e, w[:, :, u, v], (1, 0)).transpose(0, 3, 1, 2)
            total[
                :,
                :,
                u : u + stride * sizes.out_height : stride,
                v : v + stride * sizes.out_width : stride,
            ] += part
    inside = total[:, :, padding : padding + sizes.height, padding : padding + sizes.width]
    return inside.astype(np.int64)


def to_bytes(values: np.ndarray) -> tuple[np.ndarray, int]:
    """int8 and an exponent, values ~ bytes * 2^exponent, with the smallest exponent that fits."""
    largest = float(np.abs(values).max())
    if largest == 0:
        return np.zeros(values.shape, np.int8), 0
    exponent = int(np.ceil(np.log2(largest / LIMIT)))
    scaled = np.floor(values * 2.0**-exponent + 0.5)
    return np.clip(scaled, -LIMIT, LIMIT).astype(np.int8), exponent


def _pooled(maps: np.ndarray, pool: int) -> np.ndarray:
    n, c, height, width = maps.shape
    return maps.reshape(n, c, height // pool, pool, width // pool, pool).sum((3, 5))


class Int8Network:
    """Layers, their weights, and steps of gradient descent.

    Parameters
    ----------
    layers: from the first on. weights: of each, int8. biases: of each, integers added to its sums;
    they stay. x, labels: a batch from which shifts and rates are taken; int8 [N, C, H, W] and
    integers [N]. first_step: how far a step on that batch moves the weights of a layer on the
    average; the rate of the layer follows from it. seed: of stochastic rounding.

    Attributes
    ----------
    weights: now. shifts: of each layer. rates: of each layer, and 0 for one that is frozen.
    """

    def __init__(
        self,
        layers: list[Layer],
        weights: list[np.ndarray],
        biases: list[np.ndarray],
        x: np.ndarray,
        labels: np.ndarray,
        *,
        first_step: float,
        seed: int,
    ) -> None:
        self.layers, self.biases, self.seed = layers, biases, seed
        self.weights = [w.copy() for w in weights]
        self.shifts: list[int] = []
        maps = x
        for layer in layers:
            sums = self._sums(len(self.shifts), maps)
            wanted = LOGIT_SIZE if layer is layers[-1] else SIZE
            size = float(np.sqrt(np.mean(sums.astype(float) ** 2)))
            self.shifts.append(max(0, round(np.log2(max(size, 1.0) / wanted))))
            maps, _ = self._activate(len(self.shifts) - 1, sums)
        self.rates = [0.0] * len(layers)
        for number, seen, error, unit in self._errors(x, labels):
            sizes = layers[number].sizes
            gradient = weight_gradient(seen, error, np.arange(sizes.in_channels), sizes)
            mean = float(np.abs(gradient.astype(np.int64)).mean())
            if layers[number].selected:
                self.rates[number] = first_step / (max(mean, 1.0) * unit)

    def _sums(self, number: int, x: np.ndarray) -> np.ndarray:
        layer, bias = self.layers[number], self.biases[number]
        sums = convolve(x, self.weights[number], layer.sizes) + bias[:, None, None]
        return _pooled(sums, layer.pool)

    def _activate(self, number: int, sums: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Bytes, and where they were not clipped."""
        shift = self.shifts[number]
        y = (sums + (1 << shift >> 1)) >> shift
        low = 0 if self.layers[number].relu else -LIMIT - 1
        return np.clip(y, low, LIMIT).astype(np.int8), (y >= low) & (y <= LIMIT)

    def _forward(self, x: np.ndarray) -> tuple[list[np.ndarray], list[np.ndarray], np.ndarray]:
        """The input of every layer, its places that were not clipped, and the logits."""
        inputs, passed = [x], []
        for number in range(len(self.layers) - 1):
            y, free = self._activate(number, self._sums(number, inputs[-1]))
            inputs.append(y)
            passed.append(free)
        sums = self._sums(len(self.layers) - 1, inputs[-1])
        return inputs, passed, sums[:, :, 0, 0] * 2.0 ** -self.shifts[-1]

    def loss(self, x: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
        """Mean cross-entropy, and the share that is classified right."""
        logits = self._forward(x)[2]
        shifted = logits - logits.max(1, keepdims=True)
        log_p = shifted - np.log(np.exp(shifted).sum(1, keepdims=True))
        right = logits.argmax(1) == labels
        return float(-log_p[np.arange(len(labels)), labels].mean()), float(right.mean())

    def _errors(
        self, x: np.ndarray, labels: np.ndarray
    ) -> Iterator[tuple[int, np.ndarray, np.ndarray, float]]:
        """From the last layer to the first that is updated: its number, its input, its error as
        bytes, and how much one of them is of the mean loss's derivative by the sums."""
        inputs, passed, logits = self._forward(x)
        p = np.exp(logits - logits.max(1, keepdims=True))
        p /= p.sum(1, keepdims=True)
        p[np.arange(len(labels)), labels] -= 1
        error, exponent = to_bytes(p[:, :, None, None])
        unit = 2.0 ** (exponent - self.shifts[-1]) / len(labels)
        for number in reversed(range(len(self.layers))):
            weights = self.weights[number]  # before the step
            yield number, inputs[number], error, unit
            if not any(layer.selected for layer in self.layers[:number]):
                return
            gradient = input_gradient(error, weights, self.layers[number].sizes)
            error, exponent = to_bytes(gradient * passed[number - 1])
            pool = self.layers[number - 1].pool
            error = error.repeat(pool, 2).repeat(pool, 3)
            unit *= 2.0 ** (exponent - self.shifts[number - 1])

    def step(
        self, x: np.ndarray, labels: np.ndarray, step: int, backend: GradientBackend
    ) -> tuple[int, dict[str, int]]:
        """A step of the selected weights of all layers that are not frozen; how many gradients
        there were, and the counters of the hardware summed over the layers.

        The channels are those of a window that moves through the layer's ranking every step.
        """
        count, counters = 0, {}
        for number, seen, error, unit in self._errors(x, labels):
            layer, weights = self.layers[number], self.weights[number]
            if not layer.selected:
                continue
            sizes = layer.sizes
            order = ranking(importance(weights, depthwise=sizes.depthwise))
            schedule = Schedule(window=layer.selected, period=1, pools=((0, sizes.in_channels),))
            scale = min(max(self.rates[number] * unit, LEAST_SCALE), MOST_SCALE)
            multiplier, shift = quantise_scale(np.full(len(weights), scale))
            result = backend.run_job(
                seen,
                error,
                schedule.channels(step, order),
                sizes,
                Update(
                    weights=weights,
                    multiplier=multiplier,
                    shift=shift,
                    rounding="stochastic",
                    seed=(self.seed * 1000 + step) * len(self.layers) + number,
                ),
            )
            assert result.weights is not None
            self.weights[number] = result.weights
            count += result.weight_gradient.size
            for name, value in backend.counters.items():
                counters[name] = counters.get(name, 0) + value
        return count, counters


@dataclass(frozen=True, kw_only=True)
class Step:
    """Of two networks trained side by side: the loss over all samples and the share classified
    right after the step, of the first; gradients computed; weights that differ; counters of the
    second's hardware."""

    step: int
    loss: float
    right: float
    gradients: int
    differ: int
    counters: dict[str, int]


def side_by_side(
    networks: tuple[Int8Network, Int8Network],
    backends: tuple[GradientBackend, GradientBackend],
    samples: tuple[np.ndarray, np.ndarray],
    steps: int,
    batch: int,
) -> Iterator[Step]:
    """Trains both, each with its own back end; step 0 is before any. samples: x and labels."""
    x, labels = samples
    first, second = networks
    draw = np.random.default_rng([first.seed, batch])
    for step in range(steps + 1):
        gradients, counters = 0, {}
        if step:
            chosen = draw.choice(len(x), batch, replace=False)
            for network, backend in zip(networks, backends, strict=True):
                gradients, counters = network.step(x[chosen], labels[chosen], step - 1, backend)
        loss, right = first.loss(x, labels)
        differ = sum(
            int((a != b).sum()) for a, b in zip(first.weights, second.weights, strict=True)
        )
        yield Step(
            step=step,
            loss=loss,
            right=right,
            gradients=gradients,
            differ=differ,
            counters=counters,
        )
