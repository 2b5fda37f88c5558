# SPDX-License-Identifier: Apache-2.0
"""How long a selection takes beside openTSNE embedding the same tiles, and the ratio.

    python scripts/bench_select.py --data ../shared/data/fashion-mnist --tiles-measured 6

Every sample is embedded (--tiles all). openTSNE gets the same reduced features of the same tiles,
the same perplexity and its own defaults (250 + 500 iterations); as with the selection, every core
works on a tile of its own. It is timed on --tiles-measured tiles, evenly spaced through the plan;
where that is not all of them, its total is extrapolated by the number of tiles, and the output says
so. Compiling the golden model and starting openTSNE are not counted.
"""

import argparse
import multiprocessing
import time
from concurrent.futures import ProcessPoolExecutor, as_completed

import numpy as np

from host import datasets
from host.console import work_progress
from host.errors import UserError
from host.selection import Options, Selection, Tile, available_cores, select


def timed_selection(dataset: datasets.Dataset, options: Options) -> tuple[Selection, float, float]:
    """The selection, its seconds, and the seconds of a first tiny one that compiles."""
    begun = time.perf_counter()
    select(datasets.load("digits"), Options(keep=0.1, limit=20, jobs=1))
    compiled = time.perf_counter() - begun
    with work_progress("Selecting") as (on_start, on_tile):
        begun = time.perf_counter()
        selection = select(dataset, options, on_start, on_tile)
        return selection, time.perf_counter() - begun, compiled


def embed_with_opentsne(features: np.ndarray, perplexity: float, seed: int) -> tuple[int, int]:
    """One map by openTSNE, on one core."""
    from openTSNE import TSNE

    model = TSNE(perplexity=perplexity, n_jobs=1, random_state=seed)
    return np.asarray(model.fit(features.astype(np.float64))).shape


def timed_opentsne(tiles: list[Tile], perplexity: float, jobs: int, seed: int) -> float:
    """Seconds openTSNE takes for the maps of `tiles`."""
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, spawn) as pool, work_progress("openTSNE") as (on_start, on_tile):
        small = tiles[0].result.features[:20]
        for started in [
            pool.submit(embed_with_opentsne, small, 3.0, seed) for _ in range(2 * jobs)
        ]:
            started.result()
        on_start(len(tiles))
        begun = time.perf_counter()
        maps = [
            pool.submit(embed_with_opentsne, tile.result.features, perplexity, seed)
            for tile in tiles
        ]
        for done in as_completed(maps):
            done.result()
            on_tile()
        return time.perf_counter() - begun


def main() -> None:
    """Print both times and their ratio."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", default="digits", help="as in nms select")
    parser.add_argument("--keep", type=float, default=0.3)
    parser.add_argument("--tile", type=int, default=1024)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=available_cores())
    parser.add_argument(
        "--tiles-measured", type=int, default=6, help="tiles openTSNE is timed on; 0 for all"
    )
    asked = parser.parse_args()
    try:
        dataset = datasets.load(asked.data)
        options = Options(
            keep=asked.keep, tile=asked.tile, tiles="all", seed=asked.seed, jobs=asked.jobs
        )
        selection, seconds, compiled = timed_selection(dataset, options)
    except UserError as error:
        parser.error(str(error))
    tiles, parameters = selection.tiles, selection.document["parameters"]
    embedded = selection.document["tiles"]["samples_embedded"]
    wanted = len(tiles) if asked.tiles_measured < 1 else min(asked.tiles_measured, len(tiles))
    picked = [tiles[place] for place in np.linspace(0, len(tiles) - 1, wanted).round().astype(int)]
    print(
        f"data            {dataset.name}: {embedded:,} samples in {len(tiles)} tiles, all embedded"
    )
    print(f"cores           {asked.jobs}; perplexity {parameters['perplexity']:g}")
    print(f"compile         {compiled:.1f} s (first use of the golden model, not counted below)")
    print(f"select          {seconds:.1f} s, {embedded / seconds:,.0f} samples a second")
    rival = timed_opentsne(picked, parameters["perplexity"], asked.jobs, asked.seed)
    whole = rival * len(tiles) / wanted
    how = "measured" if wanted == len(tiles) else f"extrapolated from {wanted} tiles, {rival:.1f} s"
    print(f"openTSNE        {whole:.1f} s ({how})")
    print(f"ratio           {whole / seconds:.1f}")


if __name__ == "__main__":
    main()
