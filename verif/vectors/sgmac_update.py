# SPDX-License-Identifier: Apache-2.0
"""Weights to update: steps of the size of a weight, ties, ends and extremes."""

from dataclasses import dataclass

import numpy as np

from golden.arith.lfsr import seed_register
from golden.sgmac.update import Updated, update_weights

INT32 = (-(1 << 31), (1 << 31) - 1)


@dataclass(frozen=True, kw_only=True)
class Job:
    """What an update is given, outputs first.

    weights: int8 [O, rows]. gradient: int32 [O, rows]. multiplier, shift: int64 [O].
    """

    weights: np.ndarray
    gradient: np.ndarray
    multiplier: np.ndarray
    shift: np.ndarray
    register: int
    rounding: str

    @property
    def updated(self) -> Updated:
        """What the golden model makes of it."""
        return update_weights(
            self.weights,
            self.gradient,
            self.multiplier,
            self.shift,
            rounding=self.rounding,
            register=self.register,
        )


def draw(seed: int, outputs: int, rows: int, rounding: str) -> Job:
    """Random scales; quotients about the size of a weight, a third of them ties or whole, a tenth
    of the gradients and weights at their ends; each output's shift another one, 0 and 40 among
    them."""
    rng = np.random.default_rng(seed)
    shift = (np.arange(outputs) * 40 // max(outputs - 1, 1)) % 41
    shift = rng.permutation(shift)
    multiplier = rng.integers(1, 1 << rng.integers(1, 17, outputs))
    even = rng.random(outputs) < 0.4  # powers of two have ties at every shift
    multiplier[even] = 1 << np.clip(shift[even] - rng.integers(8, 24, even.sum()), 0, 15)
    unit = np.ldexp(1.0, shift) / multiplier
    gradient = rng.uniform(-1, 1, (outputs, rows)) * (unit * 300)[:, None]
    halves = np.rint(gradient / (unit / 2)[:, None]) * (unit / 2)[:, None]
    gradient = np.where(rng.random(gradient.shape) < 1 / 3, halves, gradient)
    gradient = np.clip(np.rint(gradient), *INT32).astype(np.int32)
    ends = rng.random(gradient.shape) < 0.1
    gradient[ends] = rng.choice([*INT32, 0, 1, -1], ends.sum())
    weights = rng.integers(-128, 128, gradient.shape, np.int8)
    ends = rng.random(gradient.shape) < 0.1
    weights[ends] = rng.choice([-128, 127], ends.sum())
    return Job(
        weights=weights,
        gradient=gradient,
        multiplier=multiplier,
        shift=shift,
        register=seed_register(seed),
        rounding=rounding,
    )


def operands(job: Job, lanes: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """(the fields of operand_layout, a weight an entry, and the place of each in the flat job), in
    the order of rows: for each block of `lanes` outputs, each row, each output of the block."""
    outputs, rows = job.weights.shape
    order = [
        (o, row)
        for first in range(0, outputs, lanes)
        for row in range(rows)
        for o in range(first, min(first + lanes, outputs))
    ]
    o, row = np.array(order).T
    fields = {
        "weight": job.weights[o, row],
        "gradient": job.gradient[o, row],
        "multiplier": job.multiplier[o],
        "shift": job.shift[o],
        "fresh": (row == 0).astype(int),
        "place": o % lanes,
    }
    return {name: np.asarray(value, np.int64) for name, value in fields.items()}, o * rows + row
