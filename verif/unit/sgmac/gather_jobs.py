# SPDX-License-Identifier: Apache-2.0
"""Jobs of the gather and its parts, and what each has to read."""

import dataclasses
from dataclasses import dataclass, field

from hw.config import PRESETS

CONFIG = dataclasses.replace(PRESETS["tiny"], outputs=8, channels=40, kernel=5)
LANES, BEAT = CONFIG.outputs, CONFIG.data_width // 8
BASES = {
    name: (number + 1) << 32
    for number, name in enumerate(
        ("channels", "x", "error", "gradient", "weights", "scale", "bias")
    )
}


@dataclass(frozen=True, kw_only=True)
class Job:
    """A job as the host describes it, and what has to be read for it, in order."""

    channels: list[int]
    in_channels: int = 40
    outputs: int = 8
    taps: int = 1
    x_beats: int = 2
    error_beats: int = 1
    depthwise: bool = False
    accumulate: bool = False
    update: bool = False
    bias: bool = False
    resident: bool = False
    strides: dict[str, int] = field(init=False)

    def __post_init__(self):
        values = self.taps if self.depthwise else self.outputs
        padded = -(-values // BEAT) * BEAT
        strides = {"gradient_row": -(-4 * values // BEAT) * BEAT, "weights_row": padded}
        strides["weights_piece"] = padded if self.depthwise else self.taps * padded
        object.__setattr__(self, "strides", strides)

    def numbers(self) -> dict[str, int]:
        return {
            **{f"{name}_address": base for name, base in BASES.items()},
            **self.strides,
            "x_stride": self.x_beats * BEAT,
            "error_stride": self.error_beats * BEAT,
            "in_channels": self.in_channels,
            "selected": len(self.channels),
            "outputs": self.outputs,
            "taps": self.taps,
            **{
                name: int(getattr(self, name))
                for name in ("depthwise", "accumulate", "update", "bias", "resident")
            },
        }

    def rows(self) -> list[list[tuple[int, int, int]]]:
        """By channel of each block: (gradient address, weights address, values) of each row."""
        row, piece = self.strides["gradient_row"], self.strides["weights_piece"]
        step = self.strides["weights_row"]
        blocks = range(0, 1 if self.depthwise else self.outputs, LANES)
        found = []
        for first in blocks:
            for j, c in enumerate(self.channels):
                weights = BASES["weights"] + c * piece
                if self.depthwise:
                    found.append(
                        [
                            (
                                BASES["gradient"] + j * row + 4 * tap,
                                weights + tap,
                                min(LANES, self.taps - tap),
                            )
                            for tap in range(0, self.taps, LANES)
                        ]
                    )
                else:
                    found.append(
                        [
                            (
                                BASES["gradient"] + (j * self.taps + t) * row + 4 * first,
                                weights + t * step + first,
                                min(LANES, self.outputs - first),
                            )
                            for t in range(self.taps)
                        ]
                    )
        return found

    def reads(self) -> list[tuple[str, int, int]]:
        """(reader, address, bytes) of every transfer, as the docstring of Gather orders them."""
        x, error = self.x_beats * BEAT, self.error_beats * BEAT
        k = len(self.channels)
        order = [("channels", BASES["channels"], 4 * k)]
        rows = self.rows()

        def owed(number):
            for gradient, weights, values in rows[number]:
                if self.accumulate:
                    order.append(("partials", gradient, 4 * values))
                if self.update:
                    order.append(("weights", weights, values))

        if self.depthwise:
            for j, c in enumerate(self.channels):
                order.append(("lanes", BASES["x"] + c * x, x))
                order.append(("ring", BASES["error"] + c * error, error))
                if j:
                    owed(j - 1)
                if self.update:
                    order.append(("scales", BASES["scale"] + j * BEAT, 4))
            owed(k - 1)
            return order + self.bias_reads(k)
        share = -(-LANES // k)  # planes
        blocks = -(-self.outputs // LANES)
        at = 0  # outputs whose errors were read

        def errors(count):
            nonlocal at
            order.append(("lanes", BASES["error"] + at * error, count * error))
            at += count

        errors(min(LANES, self.outputs))
        number = 0
        for block in range(blocks):
            after = min(max(self.outputs - (block + 1) * LANES, 0), LANES)
            for j, c in enumerate(self.channels):
                if not (self.resident and block):
                    order.append(("ring", BASES["x"] + c * x, x))
                if number:
                    owed(number - 1)
                if self.update and j == 0:
                    valid = min(LANES, self.outputs - block * LANES)
                    order.append(("scales", BASES["scale"] + 4 * block * LANES, 4 * valid))
                if after:
                    count = min(share, after)
                    errors(count)
                    after -= count
                number += 1
        owed(number - 1)
        return order + self.bias_reads(self.outputs)

    def bias_reads(self, planes: int) -> list[tuple[str, int, int]]:
        wanted = self.bias and self.accumulate
        return [("bias", BASES["bias"], 4 * planes)] if wanted else []


JOBS = {
    "one channel": Job(channels=[3]),
    "pointwise": Job(channels=[0, 4, 5, 39], outputs=21),
    "resident": Job(channels=[1, 2, 9], outputs=40, resident=True),
    "all channels": Job(channels=list(range(40)), outputs=17),
    "3 x 3 that accumulates": Job(channels=[7, 8], outputs=9, taps=9, accumulate=True, bias=True),
    "5 x 5 with update": Job(channels=[7, 30], outputs=8, taps=25, update=True, error_beats=3),
    "both": Job(
        channels=[0, 11, 12], outputs=30, taps=4, update=True, accumulate=True, resident=True
    ),
    "one output": Job(channels=[2, 3], outputs=1, update=True, bias=True),
    "depthwise": Job(channels=[1, 17, 18], taps=9, outputs=40, depthwise=True),
    "depthwise with all": Job(
        channels=[0, 1, 39],
        taps=25,
        outputs=40,
        depthwise=True,
        update=True,
        accumulate=True,
        bias=True,
    ),
    "depthwise, one": Job(channels=[5], taps=1, outputs=40, depthwise=True, update=True),
}
PATTERNS = ["none", "random", "long"]
