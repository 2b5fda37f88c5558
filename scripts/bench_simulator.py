# SPDX-License-Identifier: Apache-2.0
"""Speed of the compiled simulator of the whole accelerator, beside cocotb driving the same Verilog.

python -m scripts.bench_simulator [--preset edge]
"""

import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from golden.desne import Parameters
from golden.desne.reduce import make_table
from host.driver import Driver
from hw.config import load
from hw.top import Top
from rtl_gen.verilog import generate
from verif.cocotb import test_top
from verif.cocotb.runner import simulate
from verif.sim.top import SimulatedPort


def main(
    preset: Annotated[
        str, typer.Option(help="Hardware to simulate; cocotb is timed on tiny.")
    ] = "tiny",
    samples: Annotated[int, typer.Option(help="Samples of a larger preset's tile.")] = 128,
    runs: Annotated[int, typer.Option(help="Jobs timed; the median counts.")] = 3,
    seed: Annotated[int, typer.Option(help="Of the simulation and the random tile.")] = 1,
) -> None:
    """Time one job from start to interrupt, building aside."""
    if preset != "tiny":
        config = load(preset)
        shape = (min(samples, config.samples), config.features)
        tile = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
        parameters = Parameters(neighbours=min(config.neighbours, shape[0] - 1))
        compiled(preset, tile, parameters, max(1, shape[0] // 10), runs, seed)
        return
    job = test_top.pace_job()
    fast = compiled(preset, job.samples, job.parameters, job.budget, runs, seed)
    block = generate(Top(load(preset)), "tiny_top")
    rates = []
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "pace.json")
        for _ in range(runs):
            simulate(block, test_top.MODULE, "pace", seed=seed, parameters={"out": str(out)})
            figures = json.loads(out.read_text())
            rates.append(figures["cycles"] / figures["seconds"])
    slow = statistics.median(rates)
    typer.echo(f"{preset}, cocotb: {figures['cycles']:,} cycles, {slow:,.0f} cycles/s")
    typer.echo(f"ratio {fast / slow:,.0f}")


def compiled(
    preset: str, tile: np.ndarray, parameters: Parameters, budget: int, runs: int, seed: int
) -> float:
    """Cycles a second of the compiled simulator on this job."""
    config = load(preset)
    table = make_table((tile.shape[1],), config.features, 1)
    rates = []
    with SimulatedPort(config, seed=seed) as port:
        driver = Driver(port)
        driver.load(table)
        for _ in range(runs):
            begun = time.perf_counter()
            driver.select(tile, table, parameters, budget)
            seconds = time.perf_counter() - begun
            cycles = driver.counters()["cycles"]
            rates.append(cycles / seconds)
    rate = statistics.median(rates)
    typer.echo(f"{preset}, compiled: {cycles:,} cycles, {rate:,.0f} cycles/s")
    return rate


if __name__ == "__main__":
    typer.run(main)
