# SPDX-License-Identifier: Apache-2.0
"""The sparse-gradient unit by its definition, value by value in Python's integers and fractions.

Of golden only `lfsr_advance` is used, which verif/golden/arith/test_lfsr.py holds to single steps.
"""

from fractions import Fraction

import numpy as np

from golden.arith.lfsr import lfsr_advance


def in_loops(x, error, channels, c):
    """The definition, weight by weight, in Python's integers. x outside the map is zero."""
    inside = {place: int(value) for place, value in np.ndenumerate(x)}
    errors = [(place, int(value)) for place, value in np.ndenumerate(error)]
    outputs = [None] if c.depthwise else range(c.out_channels)
    weights = {
        (channel, o, u, v): sum(
            value
            * inside.get((n, channel, y * c.stride + u - c.above, z * c.stride + v - c.padding), 0)
            for (n, output, y, z), value in errors
            if output == (channel if o is None else o)
        )
        for channel in channels
        for o in outputs
        for u in range(c.kernel)
        for v in range(c.kernel)
    }
    flat = np.array(list(weights.values()))
    shape = len(channels), len(outputs), c.kernel, c.kernel
    return flat.reshape(shape) if c.depthwise else flat.reshape(shape).swapaxes(0, 1)


def errors_summed(error, channels, c):
    """The bias gradient, in Python's integers."""
    return [
        sum(error[:, o].ravel().tolist())
        for o in (channels if c.depthwise else range(c.out_channels))
    ]


def updated_in_fractions(weights, gradient, multiplier, shift, register=None):
    """The definition in Python's integers and fractions, weights visited from last to first."""
    flat = weights.reshape(len(weights), -1)
    steps = gradient.reshape(flat.shape)
    updated, saturated = np.empty_like(flat), 0
    for o in reversed(range(flat.shape[0])):
        m, s = int(multiplier[o]), int(shift[o])
        for row in reversed(range(flat.shape[1])):
            exact = Fraction(int(steps[o, row]) * m, 2**s)
            if register is None:
                step = round(exact)  # Python rounds ties to even
            else:
                state = lfsr_advance(register, row + 65536 * o)
                word = f"{state:032b}"
                word = ("1" if word[0] == "0" else "0") + word[1:] + "0" * 8
                step = (exact + Fraction(int("0" + word[:s], 2), 2**s)) // 1
            w = int(flat[o, row]) - step
            saturated += not -128 <= w <= 127
            updated[o, row] = min(max(w, -128), 127)
    return updated.reshape(weights.shape), saturated
