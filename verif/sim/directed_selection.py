# SPDX-License-Identifier: Apache-2.0
"""Directed jobs of the selection: corners that random jobs hardly ever reach.

Each function takes a port of the compiled `tiny` accelerator, and raises when something is wrong.
Most were found as mutants of the netlist that survived 500 rounds of the soak.
"""

import numpy as np

from golden.arith.lfsr import lfsr_bits, seed_register
from golden.cycles.affinity import affinity_cycles
from golden.cycles.embed import attraction_cycles, iteration_cycles
from golden.cycles.sample import candidate_count, occupied_cells, sample_cycles
from golden.desne.embed import Schedule, embed
from golden.desne.sample import RULES, candidates
from host.accelerator import PAGE
from host.driver import Driver
from host.job import Job, job_for
from hw.desne.beta_search import default_lanes
from hw.registers import COUNTED
from verif.sim.jobs import Tile, check, random_tile
from verif.sim.top import SimulatedPort

MEMORY = 0x7_0000_0F00
LIMIT = 10_000_000
STAGE_CYCLES = 16
"""A stage's cycles of work are those of golden's model, so many more or less."""


def _check(port: SimulatedPort, tile: Tile, *, timed: bool = False) -> dict[str, int]:
    driver = Driver(port, memory=MEMORY, timeout=LIMIT)
    check(driver, port, tile, "directed", timed=timed)
    return driver.counters()


def _run(port: SimulatedPort, tile: Tile, result: int, **rest) -> Driver:
    """The tile's job with its result elsewhere; the driver that ran it."""
    driver = Driver(port, memory=MEMORY, timeout=LIMIT)
    job: Job = job_for(
        *(tile.parameters, tile.table, *tile.samples.shape, tile.budget),
        sample_address=MEMORY,
        result_address=result,
        **rest,
    )
    driver.load(tile.table)
    port.write_memory(MEMORY, tile.samples.tobytes())
    driver.run(job)
    return driver


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
            _check(port, random_tile(seed, n, 9, budget=1, rule="curve", iterations=0))


def late_extent(port: SimulatedPort) -> None:
    """Grids on maps that their last sample stretches, with budgets near n: the side of the grid is
    not searched before the last coordinate has come."""
    for seed in range(40):
        rng = np.random.default_rng(seed)
        n = int(rng.integers(12, port.config.samples + 1))
        samples = rng.integers(0, 256, (n, 8), np.uint8)
        samples[:-1] //= int(rng.integers(2, 9))
        budget = int(rng.integers(n // 2, n + 1))
        _check(port, Tile(seed, samples, budget, rule="grid", iterations=0))


def cycles(port: SimulatedPort) -> None:
    """Of jobs of every rule, as golden says."""
    port.set_memory()
    for rule in RULES:
        for n, dimensions, budget, iterations, drop in (
            (2, 1, 1, 0, 0.0),
            (2, 8, 2, 0, 0.5),
            (5, 9, 3, 0, 0.25),
            (9, 64, 9, 1, 0.0),
            (17, 33, 4, 2, 0.5),
            (32, 64, 20, 0, 0.0),
            (31, 33, 7, 4, 0.25),
            (32, 64, 1, 1, 0.5),
        ):
            asked = {"rule": rule, "iterations": iterations, "drop": drop}
            _check(port, random_tile(1, n, dimensions, budget, **asked), timed=True)


def counters_of_stages(port: SimulatedPort) -> None:
    """No stage waits longer than it works, embed in one cycle only, with its first coordinate; and
    no counter counts when there is no job."""
    driver = Driver(port, memory=MEMORY, timeout=LIMIT)
    for rule, n, iterations in (("curve", 2, 0), ("medoid", 17, 3), ("grid", 32, 1)):
        first = _check(port, random_tile(2, n, 33, 2, rule=rule, iterations=iterations))
        assert first["embed_stalled"] == 1, first
        for stage in COUNTED:
            assert first[f"{stage}_stalled"] <= first[f"{stage}_busy"] <= first["cycles"], first
        for pause in (1, 2, 3):
            port.step(pause)
            assert driver.counters() == first, "a counter counts while there is no job"


def strong_pulls(port: SimulatedPort) -> None:
    """The largest learning rates and exaggeration, which bring the lowest bits of a pull to the
    map; the usual schedule rounds them away."""
    for seed, n, iterations, rate, momentum in (
        (1, 32, 100, 255, 0),
        (3, 32, 100, 255, 8),
        (5, 32, 100, 255, 8),
        (3, 9, 300, 255, 4),
        (6, 32, 60, 64, 8),
    ):
        tile = random_tile(seed, n, 8, 1, rule="curve", iterations=iterations)
        schedule = Schedule(
            iterations=iterations,
            rate=rate,
            exaggeration=15,
            early_momentum=momentum,
            momentum=momentum,
        )
        _run(port, tile, MEMORY + PAGE, schedule=schedule)
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
            _check(port, Tile(seed, samples, budget, rule="grid", iterations=0))


def split_results(port: SimulatedPort) -> None:
    """Results across a page, so in two bursts, to memories that let their addresses wait."""
    page = MEMORY // PAGE * PAGE + 2 * PAGE
    for seed in (1, 2, 3):
        for stall in (0.5, 0.8):
            for before, beats in ((1, 2), (1, 4), (2, 5), (3, 13), (1, 16), (6, 8), (4, 16)):
                port.set_memory(latency=seed, stall=stall, outstanding=1 + seed % 3, seed=seed)
                budget, result = 2 * beats - seed % 2, page - 8 * before
                tile = random_tile(1, 32, 8, budget, rule="curve", iterations=0)
                port.write_memory(result, bytes(4 * budget))
                driver = _run(port, tile, result)
                got = np.frombuffer(port.read_memory(result, 4 * budget), "<u4")
                assert (got == tile.expected.chosen).all(), "other samples in memory"
                assert driver.counters()["write_bursts"] == port.activity().write_bursts == 2
    port.set_memory()


def work_of_stages(port: SimulatedPort) -> None:
    """Cycles of work of each stage as golden says; a memory that is late stalls reduce, and adds
    nothing else."""
    for rule, n, dimensions, budget, iterations, drop in (
        *((rule, 32, 64, 32, 1, 0.0) for rule in RULES),
        *((rule, 17, 33, 5, 3, 0.5) for rule in RULES),
        *((rule, 2, 1, 1, 0, 0.0) for rule in RULES),
        ("medoid", 31, 8, 9, 20, 0.25),
    ):
        asked = {"rule": rule, "iterations": iterations, "drop": drop}
        tile = random_tile(3, n, dimensions, budget, **asked)
        got, model = _check(port, tile), _model(port, tile)
        for stage, cycles in model.items():
            work = got[f"{stage}_busy"] - got[f"{stage}_stalled"]
            assert abs(work - cycles) <= STAGE_CYCLES, f"{stage}: {work}, {cycles} by the model"
        stages = ("reduce", "calibrate", "embed", "sample")
        left = got["cycles"] - sum(got[f"{stage}_busy"] for stage in stages)
        assert 0 < left < 24, f"{left} cycles in no stage"
    tile = random_tile(3, 8, 64, 8, rule="curve", iterations=0)
    at_once: dict[str, int] = {}
    for late in (0, *(3 << bit for bit in range(16)), 1 << 16):
        port.set_memory(latency=late)
        got = _check(port, tile)
        assert late <= got["reduce_stalled"] <= 8 * late + 8
        got["cycles"] -= got["reduce_busy"] + late
        got["reduce_busy"] -= got.pop("reduce_stalled")
        at_once = at_once or got
        assert got == at_once, f"memory {late} cycles late: {got}, at once: {at_once}"
    port.set_memory()


def _model(port: SimulatedPort, tile: Tile) -> dict[str, int]:
    """Cycles of work by stage, golden's."""
    config, parameters, known = port.config, tile.parameters, tile.expected
    n, budget, quarters = len(tile.samples), tile.budget, round(4 * parameters.drop)
    k, beats = min(config.neighbours, n - 1), -(-tile.table.features // config.lanes)
    left = candidates(known.neighbours, budget, quarters)
    embedding = attraction_cycles(n, k) + 1
    if parameters.iterations:
        embedding = parameters.iterations * iteration_cycles(n, k, config.points, config.samples)
    return {
        "sample": sample_cycles(
            n,
            candidate_count(n, budget, quarters),
            parameters.rule,
            beats=beats,
            byte_lanes=config.lanes,
            most_samples=config.samples,
            most_features=config.features,
            budget=budget,
            cells=occupied_cells(known.coordinates[left], budget),
        ),
        "calibrate": affinity_cycles(
            *(n, k, config.rows),
            beats=beats,
            byte_lanes=config.lanes,
            lanes=default_lanes(config.rows),
            distance_width=config.distance_width,
            most_neighbours=config.neighbours,
        ),
        "embed": embedding,
    }


DIRECTED = (
    phase_bits,
    late_extent,
    cycles,
    counters_of_stages,
    strong_pulls,
    mirrored_grids,
    split_results,
    work_of_stages,
)
