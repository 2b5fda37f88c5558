# SPDX-License-Identifier: Apache-2.0
"""Speed of the compiled simulator: clock cycles a second on whole tiles, by preset.

python -m scripts.bench_simulator [--preset edge] [--samples 512]
"""

import time
from typing import Annotated

import numpy as np
import typer

from hw.config import PRESETS
from verif.sim.compare import affinity_simulator, run_affinity


def main(
    preset: Annotated[list[str] | None, typer.Option(help="Presets to measure.")] = None,
    samples: Annotated[int, typer.Option(help="Samples of the tile, if they fit.")] = 512,
    seed: Annotated[int, typer.Option(help="Of the random tile.")] = 1,
) -> None:
    """Time one random tile through the affinity hardware, building aside."""
    for name in preset or ["tiny", "edge"]:
        config = PRESETS[name]
        shape = (min(samples, config.samples), config.features)
        features = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
        start = time.perf_counter()
        affinity_simulator(name)
        built = time.perf_counter()
        simulation, _ = run_affinity(features, config.neighbours / 3, name, seed=seed)
        seconds = time.perf_counter() - built
        typer.echo(
            f"affinity, {name}: n = {shape[0]}, {simulation.cycles:,} cycles in {seconds:.2f} s, "
            f"{simulation.cycles / seconds:,.0f} cycles/s (ready after {built - start:.1f} s)"
        )


if __name__ == "__main__":
    typer.run(main)
