# SPDX-License-Identifier: Apache-2.0
"""Random jobs of the sparse-gradient unit, and what golden says of its gradients."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from golden.sgmac import Convolution, layout, run_job
from hw.config import Configuration
from hw.sgmac.registers import ADDRESSES
from verif.coverage import observers
from verif.sim.top import SimulatedPort
from verif.soak.job import Job, Mismatch
from verif.vectors.gradient_memory import MemoryJob
from verif.vectors.sgmac import draw, draw_update

PREFIX = "gradient_"
Expected = tuple[str, NDArray[np.uint8], NDArray[np.bool_]]


class UnitJob(Job):
    """What the three kinds share.

    used: the arrays whose address counts. wrong: changes to fields, by register, of an illegal job.
    """

    used: tuple[str, ...]

    def __init__(self, what: str, config: Configuration, sizes: dict[str, int]) -> None:
        super().__init__(engine=PREFIX, sizes=sizes, words={}, what=what)
        self.config, self.wrong = config, {}
        self.fields: dict[str, dict[str, int]] = {}

    def spoil(self, rng: np.random.Generator, cases: list[tuple[str, str, str, list[int]]]) -> None:
        """Makes it illegal: one of cases (refusal, register, field, values), or an address."""
        cases = [*cases, ("operation", "mode", "operation", [3])]
        number = int(rng.integers(len(cases) + len(self.used)))
        if number >= len(cases):
            name = self.used[number - len(cases)]
            self.illegal = f"{name}_address"
            self.wrong = {self.illegal: int(rng.integers(1, self.config.beat_bytes))}
        else:
            self.illegal, register, field, values = cases[number]
            self.fields[register][field] = int(rng.choice(values))
        self.what += f" refused for {self.illegal}, {self.wrong or self.fields}"

    def place(self, addresses, mirror) -> None:
        super().place(addresses, mirror)
        # of an array that the job has no use for the address is anything
        for name in ADDRESSES:
            for half in ("low", "high"):
                self.words.setdefault(f"{PREFIX}{name}_address_{half}", 0x9E3779B1)
        for name, extra in self.wrong.items():
            self.words[f"{PREFIX}{name}_low"] += extra
        map = mirror.port.map
        for name, fields in self.fields.items():
            self.words[f"{PREFIX}{name}"] = map[f"{PREFIX}{name}"].encode(**fields)


class GradientJob(UnitJob):
    """Gradients of one image, added to what is in memory or not, with an update or not."""

    def __init__(self, rng: np.random.Generator, config: Configuration, illegal: bool) -> None:
        self.bias = bool(rng.integers(2))
        sizes = _convolution(rng, config, self.bias)
        count = int(rng.integers(1, sizes.in_channels + 1))
        channels = np.sort(rng.permutation(sizes.in_channels)[:count])
        x, error = draw(rng, 1, sizes)
        update = None
        if rng.random() < 0.5:
            update = draw_update(rng, sizes, str(rng.choice(["nearest", "stochastic"])))
        accumulate = bool(rng.integers(2))
        self.job = job = MemoryJob(
            x=x[0],
            error=error[0],
            channels=channels,
            sizes=sizes,
            update=update,
            accumulate=accumulate,
            bias=self.bias,
            addresses={},
        )
        self.before = rng.integers(-(1 << 31), 1 << 31, sizes.gradient_shape(count), np.int32)
        if update:  # so that not every step saturates
            self.before >>= 12
        self.bias_before = rng.integers(-(1 << 31), 1 << 31, sizes.outputs(count), np.int32)
        self.beat = config.beat_bytes
        room = {name: len(content) for name, content in job.contents(self.beat).items()}
        result = self._pack(self.before).size
        used = ["channels", "input", "error"]
        if update is None or accumulate:
            used.append("result")
            room["result"] = result
        if update is not None:
            used += ["weights", "scale"]
        if self.bias:
            used.append("bias")
            room["bias"] = 4 * len(self.bias_before)
        self.used = tuple(used)
        super().__init__(
            f"gradient {sizes} K={count} accumulate={accumulate} bias={self.bias} "
            f"update={update and update.rounding}",
            config,
            room,
        )
        numbers = job.numbers()
        self.fields = {
            "input_size": {name: numbers[name] for name in ("width", "height")},
            "error_size": {name: numbers[f"out_{name}"] for name in ("width", "height")},
            "kernel": {"size": sizes.kernel}
            | {name: numbers[name] for name in ("stride", "padding", "padding_above")},
            "mode": {name: numbers[name] for name in ("depthwise", "accumulate", "update", "bias")}
            | {"stochastic": job.stochastic, "operation": 0},
            "in_channels": {"value": numbers["in_channels"]},
            "outputs": {"value": numbers["outputs"]},
            "selected": {"value": count},
            "seed": {"value": job.seed},
        }
        self.list = channels
        if illegal and rng.random() < 0.3:
            self.list = channels.copy()
            place = int(rng.integers(count))
            wrong = [sizes.in_channels, 1 << 31, *([channels[place - 1]] if place else [])]
            self.list[place] = int(rng.choice(wrong))
            self.unlisted = True
            self.what += f" with the list {self.list}"
        elif illegal:
            self.spoil(rng, self._illegal(sizes))

    def _illegal(self, sizes: Convolution) -> list[tuple[str, str, str, list[int]]]:
        c = self.config
        most = c.channels if self.bias else 0xFFFF
        return [
            ("kernel", "kernel", "size", [0, c.kernel + 1, 255]),
            ("kernel", "kernel", "stride", [0]),
            ("kernel", "kernel", "padding", [sizes.kernel, 255]),
            ("kernel", "kernel", "padding_above", [sizes.kernel, 255]),
            ("input_size", "input_size", "width", [0, c.plane // sizes.height + 1, 0xFFFF]),
            ("input_size", "input_size", "height", [0, c.plane // sizes.width + 1]),
            ("error_size", "error_size", "width", [0, c.plane // sizes.out_height + 1, 0xFFFF]),
            ("error_size", "error_size", "height", [0, c.plane // sizes.out_width + 1]),
            ("in_channels", "in_channels", "value", [0, c.channels + 1, 1 << 31]),
            ("outputs", "outputs", "value", [0, most + 1, 1 << 31]),
            ("selected", "selected", "value", [0, sizes.in_channels + 1, 1 << 31]),
        ]

    def _pack(self, gradient: np.ndarray) -> NDArray[np.uint8]:
        return layout.pack_weights(gradient, self.beat, depthwise=self.job.sizes.depthwise)

    def contents(self) -> dict[str, bytes]:
        pieces = self.job.contents(self.beat) | {"channels": layout.pack_channels(self.list)}
        if self.job.accumulate:
            pieces["result"] = self._pack(self.before).tobytes()
            if self.bias:
                pieces["bias"] = self.bias_before.astype("<i4").tobytes()
        return {name: bytes(piece) for name, piece in pieces.items()}

    def place(self, addresses, mirror) -> None:
        super().place(addresses, mirror)
        if self.illegal or self.unlisted:
            return
        job, sizes, update = self.job, self.job.sizes, self.job.update
        result = run_job(job.x[None], job.error[None], job.channels, sizes)
        gradient, bias = result.weight_gradient, result.bias_gradient
        if job.accumulate:
            gradient, bias = gradient + self.before, bias + self.bias_before
        if self.bias:
            content = bias.astype("<i4").view(np.uint8)
            self.expected.append(("bias", content, np.ones(len(content), bool)))
        self.saturated = 0
        if update is None:
            mask = self._pack(np.full(gradient.shape, -1, np.int32))
            self.expected.append(("result", self._pack(gradient).ravel(), mask.ravel() != 0))
            return
        weights, self.saturated = update.apply(gradient, job.channels, sizes.depthwise)
        self.result = replace(result, weight_gradient=gradient, saturated=self.saturated)
        mask = np.zeros(weights.shape, np.int8)
        mask[update.place(job.channels, sizes.depthwise)] = -1
        self.expected.append(
            ("weights", self._pack(weights).ravel(), self._pack(mask).ravel() != 0)
        )

    def check(self, port: SimulatedPort) -> int:
        got = port.read(port.map[f"{PREFIX}count_saturated"].offset)
        if got != self.saturated:
            raise Mismatch(f"{got} weights saturated, golden says {self.saturated}")
        observers.channels(self.list, self.job.sizes.in_channels)
        if self.job.update is not None:
            observers.update(self.result, self.job)
        return 1


def _convolution(rng: np.random.Generator, config: Configuration, bias: bool) -> Convolution:
    """Any that fits, of all kinds."""
    while True:
        kernel, stride = int(rng.integers(1, config.kernel + 1)), int(rng.integers(1, 4))
        padding, above = (int(value) for value in rng.integers(0, kernel, 2))
        height = int(rng.integers(1, min(config.plane, 64) + 1))
        width = int(rng.integers(1, min(config.plane // height, 64) + 1))
        if rng.random() < 0.1:
            height = width = 1
        depthwise = bool(rng.random() < 0.3)
        inputs = int(rng.integers(1, config.channels + 1))
        outputs = inputs if depthwise else int(rng.integers(1, config.channels + 1))
        if not bias and not depthwise and rng.random() < 0.2:
            outputs = int(rng.integers(1, 41))
        # the output sizes that any padding below and to the right gives
        lines, columns = (
            int(
                rng.integers(
                    max((side + p - kernel) // stride + 1, 1), (side + p - 1) // stride + 2
                )
            )
            for side, p in ((height, above), (width, padding))
        )
        if lines * columns <= config.plane:
            return Convolution(
                out_channels=outputs,
                in_channels=inputs,
                height=height,
                width=width,
                out_height=lines,
                out_width=columns,
                kernel=kernel,
                stride=stride,
                padding=padding,
                padding_above=above,
                depthwise=depthwise,
            )
