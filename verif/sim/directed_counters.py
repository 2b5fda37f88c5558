# SPDX-License-Identifier: Apache-2.0
"""Directed jobs of the selection: cycles, counters, bursts and orders.

Each function takes a port of the compiled `tiny` accelerator, and raises when something is wrong.
Most were found as mutants of the netlist that survived 500 rounds of the soak.
"""

import numpy as np

from golden.desne.sample import RULES
from host.accelerator import MAP, PAGE
from host.driver import Driver
from hw.registers import COUNTED
from verif.sim.directed_selection import LIMIT, MEMORY, check_tile, run_job
from verif.sim.jobs import random_tile
from verif.sim.top import SimulatedPort

STAGE_CYCLES = 16
"""A stage's cycles of work are those of golden's model, so many more or less."""


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
            *((n, 8, n // 2, 0, 0.5) for n in (12, 13, 14, 15, 28)),
        ):
            asked = {"rule": rule, "iterations": iterations, "drop": drop}
            check_tile(port, random_tile(1, n, dimensions, budget, **asked), timed=True)


def counters_of_stages(port: SimulatedPort) -> None:
    """No stage waits longer than it works, embed in one cycle only, with its first coordinate; and
    no counter counts when there is no job."""
    driver = Driver(port, memory=MEMORY, timeout=LIMIT)
    for rule, n, iterations in (("curve", 2, 0), ("medoid", 17, 3), ("grid", 32, 1)):
        first = check_tile(port, random_tile(2, n, 33, 2, rule=rule, iterations=iterations))
        assert first["embed_stalled"] == 1, first
        for stage in COUNTED:
            assert first[f"{stage}_stalled"] <= first[f"{stage}_busy"] <= first["cycles"], first
        for pause in (1, 2, 3):
            port.step(pause)
            assert driver.counters() == first, "a counter counts while there is no job"


def split_results(port: SimulatedPort) -> None:
    """Results across a page, so in two bursts, to memories that let their addresses wait."""
    driver = Driver(port, memory=MEMORY, timeout=LIMIT)
    page = MEMORY // PAGE * PAGE + 2 * PAGE
    for seed in (1, 2, 3):
        for stall in (0.5, 0.8):
            for before, beats in ((1, 2), (1, 4), (2, 5), (3, 13), (1, 16), (6, 8), (4, 16)):
                port.set_memory(latency=seed, stall=stall, outstanding=1 + seed % 3, seed=seed)
                budget, result = 2 * beats - seed % 2, page - 8 * before
                tile = random_tile(1, 32, 8, budget, rule="curve", iterations=0)
                port.write_memory(result, bytes(4 * budget))
                run_job(driver, tile, result)
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
        got, model = check_tile(port, tile), tile.predicted_phases()
        for stage, phase in (("calibrate", "affinity"), ("embed", "embed"), ("sample", "sample")):
            cycles = model[phase]
            work = got[f"{stage}_busy"] - got[f"{stage}_stalled"]
            assert abs(work - cycles) <= STAGE_CYCLES, f"{stage}: {work}, {cycles} by the model"
        stages = ("reduce", "calibrate", "embed", "sample")
        left = got["cycles"] - sum(got[f"{stage}_busy"] for stage in stages)
        assert 0 < left < 24, f"{left} cycles in no stage"
    tile = random_tile(3, 8, 64, 8, rule="curve", iterations=0)
    at_once: dict[str, int] = {}
    for late in (0, *(3 << bit for bit in range(16)), 1 << 16):
        port.set_memory(latency=late)
        got = check_tile(port, tile)
        assert late <= got["reduce_stalled"] <= 8 * late + 8
        got["cycles"] -= got["reduce_busy"] + late
        got["reduce_busy"] -= got.pop("reduce_stalled")
        at_once = at_once or got
        assert got == at_once, f"memory {late} cycles late: {got}, at once: {at_once}"
    port.set_memory()


def beats_of_distance(port: SimulatedPort) -> None:
    """Distance works for as long as its beats last, and 3 or 4 cycles: of the first block's rows,
    of n samples for each block, and of padding behind the last. So few samples never have it wait
    for calibrate in the middle of a pass."""
    port.set_memory()
    config = port.config
    for n in range(2, 7):
        for dimensions in (3, 8, 64):
            tile = random_tile(1, n, dimensions, 1, rule="curve", iterations=0)
            got = check_tile(port, tile)
            blocks = -(-n // config.rows)
            samples = config.rows + blocks * n + blocks * config.rows - n
            beats = -(-tile.table.features // config.lanes) * samples
            work = got["distance_busy"] - got["distance_stalled"]
            assert work - beats in (3, 4), f"{beats} beats of {n} samples took {work} cycles"


def orders_of_nothing(port: SimulatedPort) -> None:
    """Words without the bit `start`, written to a control register at rest, start no job."""
    port.reset()
    for engine in ("", "gradient_"):
        for word in (0, 0xFFFF_FFFC, 2):
            port.write(MAP[f"{engine}control"].offset, word)
            port.step(100)
            for name in ("control", "status", "errors"):
                value = port.read(MAP[f"{engine}{name}"].offset)
                assert not value, f"{engine}{name} is {value:#x} after {word:#x} to control"


DIRECTED = (
    cycles,
    counters_of_stages,
    split_results,
    work_of_stages,
    beats_of_distance,
    orders_of_nothing,
)
