# SPDX-License-Identifier: Apache-2.0
"""Directed rank jobs of the sparse-gradient unit: corners that random jobs hardly ever reach.

Each function takes a port of the compiled `tiny` accelerator, and raises when something is wrong.
Most were found as mutants of the netlist that survived 500 rounds of the soak.
"""

import numpy as np

from golden.sgmac import layout
from golden.sgmac.importance import importance, ranking
from host.gradient_driver import GradientDriver
from verif.sim.directed_gradient import LIMIT, MEMORY
from verif.sim.top import SimulatedPort
from verif.vectors.choice_memory import layers


def _ranked(driver: GradientDriver, weights: np.ndarray, *, depthwise: bool = False) -> list[int]:
    """Golden's ranking, which is also the driver's."""
    want = ranking(importance(weights, depthwise=depthwise)).tolist()
    assert driver.rank(weights, depthwise=depthwise).tolist() == want
    return want


def cycles_of_ranks(port: SimulatedPort) -> None:
    """As golden says."""
    config = port.config
    driver = GradientDriver(port, memory=MEMORY, timeout=LIMIT)
    for job in layers(np.random.default_rng(1), config.channels, config.kernel):
        _ranked(driver, job.weights, depthwise=job.depthwise)
        cycles, model = driver.counters()["cycles"], job.cycles(config.beat_bytes, 0)
        assert cycles - model in range(1, 4), f"{cycles} cycles, {model} by the model"


def bytes_of_rows(port: SimulatedPort) -> None:
    """Every byte of a row counts: all weights are zero but those of one output."""
    driver = GradientDriver(port, memory=MEMORY, timeout=LIMIT)
    for outputs in range(1, 2 * driver.beat + 1):
        for alone in range(outputs):
            weights = np.zeros((outputs, 5, 1, 1), np.int8)
            weights[alone, :, 0, 0] = [1, 5, -3, 2, -7]
            _ranked(driver, weights)


def bytes_between_rows(port: SimulatedPort) -> None:
    """No byte behind a row counts: the less a channel weighs, the larger are those behind it."""
    driver = GradientDriver(port, memory=MEMORY, timeout=LIMIT)
    for outputs in range(1, 2 * driver.beat + 1):
        for kernel, depthwise in ((1, False), (3, False), (2, True), (3, True)):
            channels = min(outputs, port.config.channels) if depthwise else 5
            each = np.arange(1, channels + 1, dtype=np.int8).reshape(-1, 1, 1)
            shape = (channels, 1) if depthwise else (outputs, channels)
            weights = np.zeros((*shape, kernel, kernel), np.int8)
            weights[:] = each[:, None] if depthwise else each
            want = _ranked(driver, weights, depthwise=depthwise)
            packed = layout.pack_weights(weights, driver.beat, depthwise=depthwise)
            packed[..., kernel * kernel if depthwise else outputs :] = 120 - 7 * each
            port.write_memory(driver._addresses["weights"], packed.tobytes())
            driver.start_order()
            driver.finish_order()
            assert driver._read_words("ranking", channels).tolist() == want


def large_layers(port: SimulatedPort) -> None:
    """Every bit of a layer's length, of which nothing else is read; sums up to 2^32 - 2^14."""
    driver = GradientDriver(port, memory=MEMORY, timeout=LIMIT)
    rng = np.random.default_rng(1)
    for inputs, outputs in ((16, 1 << 15), (15, 17472), (7, 8)):
        weights = rng.integers(-128, 128, (outputs, inputs, 1, 1), np.int8)
        _ranked(driver, weights)
        assert driver.counters()["bytes_read"] == weights.size
    for outputs, kernel in ((29127, 3), (65535, 2)):
        weights = np.full((outputs, 2, kernel, kernel), -127, np.int8)
        weights[:, 0] = -128
        _ranked(driver, weights)


DIRECTED = (cycles_of_ranks, bytes_of_rows, bytes_between_rows, large_layers)
