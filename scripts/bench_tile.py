# SPDX-License-Identifier: Apache-2.0
"""One full class tile through the compiled accelerator: mismatches, cycles by phase, time.

    python -m scripts.bench_tile --data ../shared/data/fashion-mnist --clock 100

The tile is the first samples of one class, as many as the hardware holds. The ideal of a phase is
arithmetic alone, no latency and no bubble: reduce n D / bytes of the memory port, distance n^2 / R
beats of W features, embed iterations n^2 / L or iterations n K, whichever is more. Calibrate, which
hides behind distance, and sample have none: what they take counts against the job. openTSNE embeds
the same reduced samples with its own defaults on all cores, in the same run; its time and the
hardware's at --clock are compared.
"""

import time
from contextlib import closing
from typing import Annotated

import numpy as np
import typer
from rich.table import Table

from golden.desne import Parameters, run_tile
from golden.desne.reduce import ReduceTable, make_table
from host import datasets
from host.backends import RtlBackend
from host.comparison import compare_tile
from host.console import console, prepare
from host.errors import one_sentence
from host.selection import available_cores
from hw.config import Configuration
from rtl_gen.interface import COUNTED
from verif.sim.prediction import predicted_cycles

FAR = 100
"""Latency in cycles of the memory that is compared with one that answers at once."""


def ideals(config: Configuration, n: int, dimensions: int, table: ReduceTable, p: Parameters):
    """Cycles of the phases that have a bound by their arithmetic."""
    k = min(p.neighbours, n - 1)
    return {
        "reduce": n * dimensions * 8 / config.data_width,
        "distance": n * n * -(-table.features // config.lanes) / config.rows,
        "embed": p.iterations * n * max(n / config.points, k),
    }


def opentsne_seconds(features: np.ndarray, perplexity: float, seed: int) -> float:
    """Of one map, on all cores, after a small one that warms up."""
    from openTSNE import TSNE

    def embed(part: np.ndarray, perplexity: float) -> float:
        begun = time.perf_counter()
        TSNE(perplexity=perplexity, n_jobs=available_cores(), random_state=seed).fit(part)
        return time.perf_counter() - begun

    features = features.astype(np.float64)
    embed(features[:50], 5.0)
    return embed(features, perplexity)


def main(
    data: Annotated[str, typer.Option(help="As of nms select.")],
    clock: Annotated[float, typer.Option(help="Of the hardware, MHz: see scripts.synth.")],
    preset: Annotated[str, typer.Option(help="Hardware.")] = "edge",
    label: Annotated[int, typer.Option(help="Class of the tile.")] = 2,
    keep: Annotated[float, typer.Option(help="Share of the samples to choose.")] = 0.1,
    rule: Annotated[str, typer.Option(help="curve, medoid or grid.")] = "curve",
    samples: Annotated[int | None, typer.Option(help="Fewer than fit.")] = None,
    seed: Annotated[int, typer.Option(help="Of the job.")] = 1,
) -> None:
    """Run a tile, compare every value with golden, and print where the cycles go."""
    with one_sentence():
        dataset = datasets.load(data)
        prepare("rtl", preset)
        with closing(RtlBackend(preset)) as hardware:
            mismatches = report(dataset, hardware, label, keep, rule, samples, seed, clock)
    raise typer.Exit(1 if mismatches else 0)


def report(
    dataset: datasets.Dataset,
    hardware: RtlBackend,
    label: int,
    keep: float,
    rule: str,
    samples: int | None,
    seed: int,
    clock: float,
) -> int:
    """Prints everything; returns the number of mismatches."""
    config = hardware.config
    tile = dataset.x_train[dataset.y_train == label][: samples or config.samples]
    n = len(tile)
    tile = tile.reshape(n, -1)
    dimensions = tile.shape[1]
    table = make_table(dataset.x_train.shape[1:], config.features, seed)
    k = min(config.neighbours, n - 1)
    asked = Parameters(perplexity=min(30.0, k), neighbours=k, rule=rule, seed=seed)
    budget = max(1, round(keep * n))
    expected = run_tile(tile, table, asked, budget)
    begun = time.perf_counter()
    result, counters = hardware.run_tile(tile, table, asked, budget)
    seconds = time.perf_counter() - begun
    compared = compare_tile("tile", result, expected, counters)

    shape = f"n = {n:,}, D = {dimensions:,}, F = {table.features}, K = {k}, class {label}"
    lines = Table(title=f"{config.name}, {rule}: {shape}", title_justify="left")
    lines.add_column("phase")
    for name in ("busy cycles", "ideal", "of the ideal"):
        lines.add_column(name, justify="right")
    ideal = ideals(config, n, dimensions, table, asked)
    for phase in COUNTED:
        busy = counters[f"{phase}_busy"]
        best = ideal.get(phase)
        share = ("", "") if best is None else (f"{best:,.0f}", f"{best / busy:.2%}")
        lines.add_row(phase, f"{busy:,}", *share)
    whole, best = counters["cycles"], sum(ideal.values())
    lines.add_section()
    lines.add_row("job", f"{whole:,}", f"{best:,.0f}", f"{best / whole:.2%}")
    console.print(lines)
    wrong = sum(compared.wrong.values())
    model = predicted_cycles(config, dimensions, table, asked, budget, expected)
    near = counters["reduce_busy"]
    far = far_memory(hardware, tile, table, asked, budget)
    milliseconds = whole / clock / 1000
    software = opentsne_seconds(result.features, asked.perplexity, seed)
    cores = f"{available_cores()} cores"
    for line in (
        f"values compared {sum(compared.values.values()):,}, mismatches {wrong:,} {compared.first}",
        f"job above the sum of the ideals by {whole / best - 1:.2%}",
        f"cycle model {model:,}, off by {model / whole - 1:+.3%}",
        f"bytes read {counters['bytes_read']:,}, n D = {n * dimensions:,}",
        f"reduce with memory latency {FAR}: {far:,} cycles, {far / near - 1:+.2%}",
        f"simulated {whole / seconds:,.0f} cycles/s",
        f"at {clock:g} MHz {milliseconds:.1f} ms",
        f"openTSNE, {cores}: {1000 * software:,.0f} ms, ratio {1000 * software / milliseconds:.0f}",
    ):
        console.print(line, highlight=False)
    return wrong


def far_memory(
    hardware: RtlBackend, tile: np.ndarray, table: ReduceTable, asked: Parameters, budget: int
) -> int:
    """Cycles of reduce when the memory is far; one iteration, for the phases after it take long."""
    with hardware.accelerator() as (driver, port):
        port.set_memory(latency=FAR)
        shorter = Parameters(
            perplexity=asked.perplexity, neighbours=asked.neighbours, iterations=1, seed=asked.seed
        )
        driver.select(tile, table, shorter, budget)
        cycles = driver.counters()["reduce_busy"]
        port.set_memory()
    return cycles


if __name__ == "__main__":
    typer.run(main)
