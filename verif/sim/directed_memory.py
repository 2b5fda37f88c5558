# SPDX-License-Identifier: Apache-2.0
"""Directed jobs of the sparse-gradient unit: what it asks of memory, and what it counts of that.

Each function takes a port of the compiled `tiny` accelerator, and raises when something is wrong.
Most were found as mutants of the netlist that survived 500 rounds of the soak.
"""

import numpy as np

from golden.sgmac import layout
from host.accelerator import PAGE
from host.gradient_driver import GradientDriver
from verif.sim.directed_gradient import LIMIT, MEMORY, exact
from verif.sim.top import SimulatedPort
from verif.vectors.sgmac import convolution


def _settled(driver: GradientDriver, port: SimulatedPort) -> dict[str, int]:
    """The counters, which are what the memory saw, and stay."""
    counters, seen = driver.counters(), port.activity(1)
    assert counters["read_bursts"] == seen.read_bursts, counters
    assert counters["write_bursts"] == seen.write_bursts, counters
    assert counters["bytes_written"] == seen.written, counters
    for pause in range(1, 5):
        port.step(pause)
        assert driver.counters() == counters, "a counter counts when there is no job"
    return counters


def counters_of_memory(port: SimulatedPort) -> None:
    """Bytes and bursts are what the memory saw; the multipliers wait longer for a later memory, and
    not at all in a job that has no products."""
    driver = GradientDriver(port, memory=MEMORY, timeout=LIMIT)
    waited = {}
    for latency in (0, 40):
        port.set_memory(latency=latency)
        exact(driver, convolution(8, 5, (8, 8)), (1, 4))  # reads whole beats only
        counters = _settled(driver, port)
        assert counters["bytes_read"] == driver.beat * port.activity(1).read_beats, counters
        assert counters["multiply"] + counters["stalled"] < counters["cycles"], counters
        waited[latency] = counters["stalled"]
        for pool in range(1, 17):  # an odd number of words ends within a beat
            driver.schedule(np.arange(16), window=1, pool=pool, place=0)
            counters = _settled(driver, port)
            assert counters["bytes_read"] == 4 * pool, counters
            assert counters["stalled"] == counters["multiply"] == 0, counters
    port.set_memory()
    assert 0 < waited[0] <= waited[40] - 40, waited


def bursts_of_a_page(port: SimulatedPort) -> None:
    """A list of as many words as there may be is one burst anywhere in a page, but two across its
    end; read and written, in as many cycles."""
    driver = GradientDriver(port, memory=MEMORY, timeout=LIMIT)
    most, size = port.config.channels, PAGE // driver.beat
    driver.schedule(np.arange(most), window=most, pool=most, place=0)
    words = layout.pack_channels(np.arange(most)).tobytes()
    beats, cycles = len(words) // driver.beat, set()
    for place in (*range(size - 64, size), *range(0, size - 64, 7)):
        ranking = (MEMORY // PAGE + 1) * PAGE + driver.beat * place
        channels = ranking + 4 * PAGE
        driver._addresses |= {"ranking": ranking, "channels": channels}
        port.write_memory(ranking, words)
        port.write_memory(channels, bytes(len(words)))
        driver._order()
        assert port.read_memory(channels, len(words)) == words
        counters, want = driver.counters(), 1 + (place + beats > size)
        bursts = counters["read_bursts"], counters["write_bursts"]
        assert bursts == (want, want), f"from beat {place} of a page: {bursts} bursts"
        if want == 1:
            cycles.add(counters["cycles"])
    assert len(cycles) == 1, cycles


DIRECTED = (counters_of_memory, bursts_of_a_page)
