# SPDX-License-Identifier: Apache-2.0
"""Whole jobs on the compiled `tiny` accelerator, through the host's driver, against golden."""

import dataclasses

import numpy as np
import pytest

from host.accelerator import PAGE, JobFailed, JobRefused, JobTimeout
from host.driver import Driver
from host.job import Job, job_for, register_writes
from hw.bus.signature import Response
from hw.config import PRESETS
from hw.registers import Phase
from verif.sim.jobs import Tile, check, differences, random_tile
from verif.sim.register_bits import check_registers
from verif.sim.simulator import SimulationError
from verif.sim.top import AccessRefused, SimulatedPort
from verif.vectors.edges import EDGES

pytestmark = pytest.mark.verilator

TINY = PRESETS["tiny"]
MEMORY = 0x7_0000_0F00
"""Above 4 GiB, and near the end of a page, so that bursts have to be cut."""
LIMIT = 200_000
"""Cycles a job of `tiny` may take without stalls."""


@pytest.fixture
def port(seed):
    with SimulatedPort(TINY, seed=seed) as port:
        yield port


@pytest.fixture
def driver(port) -> Driver:
    return Driver(port, memory=MEMORY, timeout=LIMIT)


def test_every_bit_of_every_register(port):
    check_registers(port)


SHAPES = [(32, 64), (2, 1), (3, 3), (5, 64), (17, 9), (31, 33), (32, 1)]


@pytest.mark.parametrize("rule", ["curve", "medoid", "grid"])
def test_jobs_back_to_back(driver, port, rule, seed, request):
    for number, (n, dimensions) in enumerate(SHAPES):
        tile = random_tile(
            seed,
            n,
            dimensions,
            budget=max(1, n * (number % 4 + 1) // 4),
            rule=rule,
            drop=(0.25, 0.0, 0.5)[number % 3],
            iterations=(10, 0, 3)[number % 3],
        )
        check(driver, port, tile, request.node.name)


@pytest.mark.parametrize(
    "memory",
    [{"latency": 100}, {"stall": 0.5}, {"stall": 0.9, "latency": 7, "outstanding": 1}],
    ids=["far", "stalling", "slow"],
)
def test_memories(driver, port, memory, seed, request):
    port.set_memory(**memory)
    for n, dimensions in ((32, 61), (7, 64)):
        tile = random_tile(seed, n, dimensions, budget=n // 2, iterations=5)
        check(driver, port, tile, request.node.name)


@pytest.mark.parametrize("latency", [0, 100])
@pytest.mark.parametrize("rule", ["curve", "medoid", "grid"])
def test_cycles_as_predicted(driver, port, rule, latency, seed):
    port.set_memory(latency=latency)
    for n, dimensions, iterations in [*((*shape, 4) for shape in SHAPES), (32, 64, 0), (9, 5, 30)]:
        tile = random_tile(seed, n, dimensions, max(1, n // 3), rule=rule, iterations=iterations)
        tile.run(driver)
        cycles, expected = driver.counters()["cycles"], tile.predicted(latency)
        assert abs(cycles - expected) <= max(0.01 * cycles, 4), (
            f"n = {n}, D = {dimensions}: {cycles} cycles, {expected} predicted"
        )


@pytest.mark.parametrize("rule", ["curve", "medoid", "grid"])
def test_edge_cases(driver, port, rule, seed, request):
    for samples in EDGES.values():
        samples = samples[: TINY.samples, : TINY.dimensions]
        n = len(samples)
        for budget in {1, (n + 1) // 2, n} if n > 1 else ():
            tile = Tile(seed, samples, budget, rule=rule, iterations=4)
            check(driver, port, tile, request.node.name, timed=True)


@pytest.mark.parametrize("response", [Response.SLVERR, Response.DECERR])
@pytest.mark.parametrize("which", ["first", "middle", "last"])
def test_an_error_on_a_read_beat(driver, port, response, which, seed, request):
    tile = random_tile(seed, 32, 64, budget=8, iterations=5)
    beats = tile.samples.size * 8 // TINY.data_width
    port.fail(beat={"first": 1, "middle": beats // 2, "last": beats}[which], response=response)
    with pytest.raises(JobFailed) as caught:
        tile.run(driver)
    kind = "slave" if response is Response.SLVERR else "decode"
    assert caught.value.errors == [f"read_{kind}"]
    after_an_error(driver, port, tile, request.node.name)


@pytest.mark.parametrize("response", [Response.SLVERR, Response.DECERR])
def test_an_error_on_the_write(driver, port, response, seed, request):
    tile = random_tile(seed, 20, 30, budget=20, iterations=5)
    port.fail(burst=1, response=response)
    with pytest.raises(JobFailed) as caught:
        tile.run(driver)
    kind = "slave" if response is Response.SLVERR else "decode"
    assert caught.value.errors == [f"write_{kind}"]
    after_an_error(driver, port, tile, request.node.name, written=True)


def after_an_error(driver, port, tile, test, written=False) -> None:
    """Nothing was written, nothing happens any more, and the same job then runs well."""
    port.step(2000)
    activity = port.activity()
    assert activity.written == 0 and activity.under_way == 0
    assert activity.bursts_after_error <= (not written), "one may be on offer when the error comes"
    assert (activity.write_bursts > 0) == written
    check(driver, port, tile, test)


REFUSED = {
    "samples": (0, 1, TINY.samples + 1, 1 << 31),
    "sample_bytes": (0, TINY.dimensions + 1, 1 << 16),
    "features": (0, TINY.features + 1),
    "neighbours": (0, TINY.neighbours + 1, 10),
    "iterations": (1024, 1 << 20),
    "rule": (3, 1 << 31),
    "drop": (3,),
    "spread": (257,),
    "budget": (0, 11, 1 << 30),
    "sample_address": (MEMORY + 1, MEMORY + 4),
    "result_address": (MEMORY + 7,),
}


def test_refused_jobs_touch_no_memory(driver, port, seed, request):
    tile = random_tile(seed, 10, 12, budget=4, iterations=3)
    good = job_for(
        tile.parameters,
        tile.table,
        10,
        12,
        4,
        sample_address=MEMORY,
        result_address=MEMORY + 0x1000,
    )
    for reason, values in REFUSED.items():
        for value in values:
            with pytest.raises(JobRefused) as caught:
                driver.run(dataclasses.replace(good, **{reason: value}))
            assert caught.value.reason == reason, f"{reason} = {value}: {caught.value}"
            port.step(100)
            activity = port.activity()
            assert activity.read_bursts == activity.write_bursts == 0, f"{reason} = {value}"
    check(driver, port, tile, request.node.name)


def test_a_start_while_busy_disturbs_nothing(driver, port, seed):
    tile = random_tile(seed, 32, 64, budget=8, iterations=5)
    expected = tile.expected
    job = tile.job(MEMORY, MEMORY + PAGE)
    driver.load(tile.table)
    port.write_memory(MEMORY, tile.samples.tobytes())
    driver.start(job)
    port.step(1000)
    control, errors, status = (port.map[name] for name in ("control", "errors", "status"))
    port.write(control.offset, control.encode(start=1))
    port.step(10)
    assert errors.decode(port.read(errors.offset))["refused"]
    names = status["refusal"].values
    assert names[status.decode(port.read(status.offset))["refusal"]] == "busy"
    offset, value = register_writes(job)[0]
    with pytest.raises(AccessRefused, match="SLVERR"):
        port.write(offset, value)
    for name in ("errors", "interrupt_status"):
        port.write(port.map[name].offset, 0xFF)
    driver.finish(job)
    chosen = np.frombuffer(port.read_memory(job.result_address, 32), "<u4").astype(np.int64)
    assert differences(port, chosen, expected)[1] == 0


def cut_short(driver: Driver, port: SimulatedPort, job: Job, how: str) -> Driver:
    """Ends the job by an abort or a reset; returns the driver for the next one."""
    if how == "abort":
        driver.abort()
        with pytest.raises(JobFailed, match="aborted"):
            driver.finish(job)
        return driver
    port.reset()
    return Driver(port, memory=MEMORY, timeout=LIMIT)


@pytest.mark.parametrize("how", ["abort", "reset"])
def test_an_end_at_any_time(driver, port, how, seed, request):
    """From the first cycle of a job to beyond its last."""
    tile = random_tile(seed, 20, 64, budget=7, iterations=3)
    check(driver, port, tile, request.node.name)
    total = driver.counters()["cycles"]
    job = tile.job(MEMORY, MEMORY + PAGE)
    for after in [0, 3, 40, *range(150, total, total // 8), total - 40, total - 10]:
        driver.start(job)
        port.step(after)
        port.read(port.map["status"].offset)  # the phase, for the coverage of ends
        driver = cut_short(driver, port, job, how)
        port.step(300)
        written = port.activity().written
        port.step(300)
        assert port.activity().written == written and port.activity().under_way == 0
        check(driver, port, tile, request.node.name)


@pytest.mark.parametrize("how", ["abort", "reset"])
def test_an_end_while_the_result_is_written(driver, port, how, seed, request):
    """A memory that answers late holds the phase, so that a read of the status finds it."""
    tile = random_tile(seed, 20, 64, budget=7, iterations=1)
    job = tile.job(MEMORY, MEMORY + PAGE)
    status = port.map["status"]
    driver.load(tile.table)
    port.write_memory(MEMORY, tile.samples.tobytes())
    port.set_memory(latency=400)
    driver.start(job)
    for _ in range(LIMIT):
        now = status.decode(port.read(status.offset))
        if not now["busy"] or now["phase"] == Phase.WRITE:
            break
    assert now["busy"] and now["phase"] == Phase.WRITE
    driver = cut_short(driver, port, job, how)
    port.step(1000)
    assert port.activity().under_way == 0
    port.set_memory()
    check(driver, port, tile, request.node.name)


def test_the_driver_gives_up(port, seed):
    tile = random_tile(seed, 20, 64, budget=7)
    driver = Driver(port, memory=MEMORY, timeout=1000)
    with pytest.raises(JobTimeout, match="within 1,000 cycles"):
        tile.run(driver)


def test_memory_outside_of_the_job_is_noticed(driver, port, seed):
    """The judge itself: told of a smaller job than the hardware, it finds the first read beyond."""
    tile = random_tile(seed, 10, 64, budget=4, iterations=1)
    samples = port.map["samples"].offset
    watched = port._watch

    def smaller() -> None:
        port._written[samples] = 9
        watched()

    port._watch = smaller
    with pytest.raises(SimulationError, match="outside of the job's 576 bytes at 0x700000f00"):
        tile.run(driver)


@pytest.mark.slow
@pytest.mark.parametrize("stall", [0.0, 0.3])
def test_random_jobs(driver, port, stall, seed, request):
    port.set_memory(stall=stall, latency=int(20 * stall))
    rng = np.random.default_rng(seed)
    for number in range(60):
        n = int(rng.integers(2, TINY.samples + 1))
        tile = random_tile(
            seed + number,
            n,
            int(rng.integers(1, TINY.dimensions + 1)),
            budget=int(rng.integers(1, n + 1)),
            rule=("curve", "medoid", "grid")[number % 3],
            drop=float(rng.choice([0.0, 0.25, 0.5])),
            iterations=int(rng.integers(0, 20)),
            spread=int(rng.integers(0, 257)),
            perplexity=float(rng.uniform(1, min(TINY.neighbours, n - 1))),
        )
        check(driver, port, tile, request.node.name)
