# SPDX-License-Identifier: Apache-2.0
"""Directed jobs of the selection: maps and choices that random jobs hardly ever reach.

Each function takes a port of the compiled `tiny` accelerator, and raises when something is wrong.
Most were found as mutants of the netlist that survived 500 rounds of the soak.
"""

import numpy as np

from golden.arith.lfsr import lfsr_bits, seed_register
from golden.desne.embed import Schedule, embed
from host.accelerator import PAGE
from host.driver import Driver
from verif.sim.jobs import Tile, check, random_tile
from verif.sim.top import SimulatedPort

MEMORY = 0x7_0000_0F00
LIMIT = 10_000_000


def check_tile(port: SimulatedPort, tile: Tile, *, timed: bool = False) -> dict[str, int]:
    """Runs and compares it; the counters."""
    driver = Driver(port, memory=MEMORY, timeout=LIMIT)
    check(driver, port, tile, "directed", timed=timed)
    return driver.counters()


def run_job(driver: Driver, tile: Tile, result: int, **rest) -> None:
    driver.load(tile.table)
    driver.port.write_memory(MEMORY, tile.samples.tobytes())
    driver.run(tile.job(MEMORY, result, **rest))


def phase_bits(port: SimulatedPort) -> None:
    """Each bit of the curve's random phase, once 0 and once 1, alone decides which sample is drawn:
    with a budget of 1 the one at place floor(phase n / 65536)."""
    for bit in range(16):
        for value in (0, 1):
            seed, n = next(
                (seed, n)
                for seed in range(1, 1000)
                for n in range(2, port.config.samples + 1)
                if (phase := seed_register(seed) & 0xFFFF) >> bit & 1 == value
                and phase * n >> 16 != (phase ^ 1 << bit) * n >> 16
            )
            check_tile(port, random_tile(seed, n, 9, budget=1, rule="curve", iterations=0))


def late_extent(port: SimulatedPort) -> None:
    """Grids on maps that their last sample stretches, with budgets near n: the side of the grid is
    not searched before the last coordinate has come."""
    for seed in range(40):
        rng = np.random.default_rng(seed)
        n = int(rng.integers(12, port.config.samples + 1))
        samples = rng.integers(0, 256, (n, 8), np.uint8)
        samples[:-1] //= int(rng.integers(2, 9))
        budget = int(rng.integers(n // 2, n + 1))
        check_tile(port, Tile(seed, samples, budget, rule="grid", iterations=0))


def strong_pulls(port: SimulatedPort) -> None:
    """The largest learning rates and exaggeration, which bring the lowest bits of a pull to the
    map, where the usual schedule rounds them away. In the last three similarities add up to 2^14
    exactly, and a repulsion is just below a tie, in x and in y."""
    driver = Driver(port, memory=MEMORY, timeout=LIMIT)
    for seed, n, iterations, rate, momentum, exaggeration in (
        (1, 32, 100, 255, 0, 15),
        (3, 32, 100, 255, 8, 15),
        (5, 32, 100, 255, 8, 15),
        (3, 9, 300, 255, 4, 15),
        (6, 32, 60, 64, 8, 15),
        (29, 4, 4, 12, 12, 4),
        (4, 5, 1023, 255, 15, 15),
        (2, 5, 1023, 255, 15, 15),
    ):
        tile = random_tile(seed, n, 8, 1, rule="curve", iterations=iterations)
        schedule = Schedule(
            iterations=iterations,
            rate=rate,
            exaggeration=exaggeration,
            early_momentum=momentum,
            momentum=momentum,
        )
        run_job(driver, tile, MEMORY + PAGE, schedule=schedule)
        known = tile.expected
        register = seed_register(seed)
        want = embed(known.features, known.neighbours, known.weights, register, schedule)
        wrong = int((port.trace().coordinates != want).sum())
        assert not wrong, f"{wrong} of {want.size} coordinates differ, seed {seed}, {schedule}"


def mirrored_grids(port: SimulatedPort) -> None:
    """Maps that are their own image when x and y change places: in a cell of the diagonal a sample
    and its image are equally far from the centre, to the last bit, and the first is chosen."""
    mirrored = 0
    for seed in range(1, 200):
        signs = lfsr_bits(seed_register(seed), 16).reshape(8, 2).astype(int)
        forth, back = ((signs == pair).all(axis=1).nonzero()[0] for pair in ([0, 1], [1, 0]))
        count = min(len(forth), len(back))
        if count < 2 or mirrored == 12:
            continue
        mirrored += 1
        rng = np.random.default_rng(seed)
        half = rng.integers(0, 256, (int(rng.integers(2, 17)), 8), np.uint8)
        image = half.copy()
        image[:, forth[:count]] = half[:, back[:count]]
        image[:, back[:count]] = half[:, forth[:count]]
        samples = rng.permutation(np.concatenate([half, image]))
        for budget in (1, 2, 3):
            check_tile(port, Tile(seed, samples, budget, rule="grid", iterations=0))


def near_ties(port: SimulatedPort) -> None:
    """Rows, found with golden, with a weight so near to a tie that the last bit of their sum
    decides how it is rounded, one in a thousand; or with an entropy so near to the target that the
    last bits of the moment decide between two codes."""
    for seed, perplexity in (
        *((46, 2), (57, 4), (65, 4), (80, 2), (87, 6), (99, 4), (115, 2)),
        *((4, 8), (30, 8), (51, 8), (68, 2), (84, 8), (161, 4), (189, 2)),
    ):
        samples = np.random.default_rng(seed).integers(0, 256, (32, 8)).astype(np.uint8)
        check_tile(port, Tile(seed, samples, 1, rule="curve", iterations=0, perplexity=perplexity))


def fine_grids(port: SimulatedPort) -> None:
    """Grids of 17 to 35 cells a side, of samples around few places, so that many cells are equally
    full and those of the lowest numbers are left out: all bits of a cell's number count."""
    for seed, budget in ((15, 11), (44, 10), (53, 9), (73, 27), (86, 9), (128, 16), (161, 14)):
        rng = np.random.default_rng(seed)
        places = rng.integers(0, 256, (int(rng.integers(2, 6)), 8))
        n, noise = int(rng.integers(12, 33)), int(rng.integers(2, 20))
        samples = places[rng.integers(0, len(places), n)]
        samples = np.clip(samples + rng.integers(-noise, noise + 1, (n, 8)), 0, 255)
        tile = Tile(seed, samples.astype(np.uint8), budget, rule="grid", iterations=0)
        check_tile(port, tile)


def resets(port: SimulatedPort) -> None:
    """A reset at many times of a job; the next job finds nothing of it."""
    port.set_memory()
    for rule, budget, cycles in (
        ("curve", 3, range(20, 1600, 13)),  # until behind the second block of calibrate
        ("medoid", 5, range(1600, 4000, 150)),
        ("grid", 5, range(1600, 6000, 250)),
    ):
        tile = random_tile(7, 9, 8, budget, rule=rule, iterations=1)
        check_tile(port, tile)
        job = tile.job(MEMORY, MEMORY + PAGE)
        for after in cycles:
            driver = Driver(port, memory=MEMORY, timeout=LIMIT)
            driver.load(tile.table)
            driver.start(job)
            port.step(after)
            port.reset()
            check_tile(port, tile)


DIRECTED = (
    phase_bits,
    late_extent,
    strong_pulls,
    mirrored_grids,
    near_ties,
    fine_grids,
    resets,
)
