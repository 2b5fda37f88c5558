# SPDX-License-Identifier: Apache-2.0
"""Layers of MobileNetV2 and ragged shapes through the sparse-gradient unit: cycles and mismatches.

    python -m scripts.bench_gradient --out build/gradient

Every line is a whole job of one image with random bytes, run on the compiled accelerator; its
cycles, bytes and lanes at work come from the counters of the hardware, and every gradient is
compared with golden. The ideal is multiply-accumulates / multipliers: a product in each of them in
every cycle, no latency, no memory. Utilisation is the ideal over the cycles of the whole job; lanes
is how many multipliers are at work while any is.

The layers are those of MobileNetV2 at 128 x 128; the later half of its bottlenecks and the last
convolution count as the back half. The ragged shapes are of RedMulE's kind: M x N x K is a job with
M outputs, N positions and K selected channels.
"""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich import box
from rich.table import Table

from golden.sgmac import Convolution, run_job
from host.backends import RtlBackend
from host.console import console, work_progress
from host.errors import UserError, one_sentence
from host.files import check_writable, write_whole
from scripts.gradient_plot import plot, totals
from verif.sim.gradient_jobs import TimedDriver, model_cycles
from verif.vectors.mobilenet import PIXELS, back_half, mobilenet

RATIOS = (1.0, 0.5, 0.25, 0.125, 0.02)
COLUMNS = ("job", "of", "K", "cycles", "x ideal", "utilisation", "lanes", "model off")
RAGGED = (  # M, N, K
    (5, 32, 17),
    (31, 32, 1),
    (3, 11, 32),
    (1, 1, 1),
    (16, 16, 16),
    (17, 16, 17),
    (15, 49, 15),
    (33, 25, 7),
    (1, 1024, 3),
    (100, 1, 64),
    (7, 5, 100),
    (1000, 9, 2),
)


@dataclass(frozen=True)
class Case:
    """A job to run. group: the plot's and the table's. times: how often the network has it."""

    group: str
    name: str
    share: float | None
    selected: int
    sizes: Convolution
    times: int = 1


def cases(pixels: int, ratios: tuple[float, ...]) -> Iterator[Case]:
    """Pointwise layers of the back half at every ratio, depthwise ones, ragged shapes; a shape that
    the network has several times is one case."""
    layers = mobilenet(pixels=pixels)
    for group, chosen, shares in (
        ("pointwise", [x for x in back_half(layers) if x.pointwise], ratios),
        ("depthwise", [x for x in layers if x.sizes.depthwise], (ratios[0], ratios[-1])),
    ):
        shapes: dict[Convolution, list[str]] = {}
        for layer in chosen:
            shapes.setdefault(layer.sizes, []).append(layer.name)
        for share in dict.fromkeys(shares):
            for sizes, names in shapes.items():
                selected = max(1, round(share * sizes.in_channels))
                yield Case(group, names[0], share, selected, sizes, len(names))
    for outputs, positions, selected in RAGGED:
        sizes = Convolution(
            out_channels=outputs,
            in_channels=selected,
            height=positions,
            width=1,
            out_height=positions,
            out_width=1,
        )
        yield Case("ragged", f"{outputs}x{positions}x{selected}", None, selected, sizes)


def measure(driver: TimedDriver, hardware: RtlBackend, case: Case, seed: int) -> dict:
    """Runs a case; a line of the table by its columns."""
    config, sizes = hardware.config, case.sizes
    rng = np.random.default_rng([seed, case.selected, sizes.in_channels, sizes.out_channels])
    x = rng.integers(-128, 128, (1, sizes.in_channels, sizes.height, sizes.width), np.int8)
    shape = (1, sizes.out_channels, sizes.out_height, sizes.out_width)
    error = rng.integers(-128, 128, shape, np.int8)
    channels = np.sort(rng.choice(sizes.in_channels, case.selected, replace=False))
    driver.jobs.clear()
    got, counters = driver.run_job(x, error, channels, sizes)
    want = run_job(x, error, channels, sizes)
    pairs = [
        (got.weight_gradient, want.weight_gradient),
        (got.bias_gradient, want.bias_gradient),
    ]
    macs, cycles = sizes.multiply_accumulates(1, case.selected), counters["cycles"]
    model = sum(model_cycles(config, part) for part, _ in driver.jobs)
    return {
        "group": case.group,
        "name": case.name,
        "times": case.times,
        "share": "" if case.share is None else case.share,
        "in_channels": sizes.in_channels,
        "out_channels": sizes.out_channels,
        "positions": sizes.out_height * sizes.out_width,
        "selected": case.selected,
        "jobs": len(driver.jobs),
        "macs": macs,
        "cycles": cycles,
        "ideal": macs / config.outputs,
        "over_ideal": cycles * config.outputs / macs,
        "utilisation": macs / (config.outputs * cycles),
        "lanes_at_work": counters["lanes"] / counters["multiply"],
        "counted_macs": counters["lanes"],
        "bytes_read": counters["bytes_read"],
        "bytes_written": counters["bytes_written"],
        "model": model,
        "model_off": model / cycles - 1,
        "values": sum(a.size for a, _ in pairs),
        "mismatches": sum(int((a != b).sum()) for a, b in pairs),
    }


def shape(row: dict) -> str:
    """Channels and positions of a layer, and how often the network has it."""
    channels = str(row["in_channels"])
    if row["group"] != "depthwise":
        channels += f"->{row['out_channels']}"
    return f"{channels}, {row['positions']}" + (f" ({row['times']}x)" if row["times"] > 1 else "")


def show(rows: list[dict], multipliers: int) -> None:
    """The tables, and what follows from all lines."""
    for group in dict.fromkeys(row["group"] for row in rows):
        title = f"{group}, {multipliers} multipliers"
        table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
        for name in COLUMNS:
            table.add_column(name, justify="left" if name == "job" else "right", no_wrap=True)
        for row in (row for row in rows if row["group"] == group):
            table.add_row(
                row["name"] if group == "ragged" else shape(row),
                "" if row["share"] == "" else f"{100 * row['share']:g} %",
                f"{row['selected']:,}",
                f"{row['cycles']:,}",
                f"{row['over_ideal']:.3f}",
                f"{row['utilisation']:.1%}",
                f"{row['lanes_at_work']:.2f}",
                f"{row['model_off']:+.2%}",
            )
        console.print(table)
    full = [r for r in rows if r["group"] == "pointwise" and r["share"] == 1]
    deep = [r for r in rows if r["group"] == "depthwise"]
    lines = [
        f"pointwise, back half together, {100 * share:g} % of the channels: {value:.3f} x ideal"
        for share, value in totals(rows).items()
    ]
    if full:
        lowest = min(full, key=lambda row: row["utilisation"])
        lines.append(
            f"lowest utilisation with all channels: {lowest['utilisation']:.2%}, {lowest['name']}"
        )
    whole = [row["utilisation"] for row in deep if row["share"] == 1]
    if whole:
        lines.append(
            f"depthwise: {min(r['lanes_at_work'] for r in deep):g} lanes at work; utilisation over "
            f"whole jobs, all channels: {min(whole):.1%} to {max(whole):.1%}"
        )
    worst = max(rows, key=lambda row: abs(row["model_off"]))
    long = [row for row in rows if row["cycles"] >= 1000]
    off = max((abs(row["model_off"]) for row in long), default=0)
    lines.append(
        f"cycle model off by {worst['model_off']:+.2%} at worst, {worst['name']} with "
        f"{worst['cycles']:,} cycles; from 1,000 cycles on by "
        f"{off:.2%}"
    )
    lines.append(
        f"jobs {len(rows)}, gradients compared {sum(r['values'] for r in rows):,}, "
        f"mismatches {sum(r['mismatches'] for r in rows):,}, "
        f"products counted {sum(r['counted_macs'] for r in rows):,} "
        f"of {sum(r['macs'] for r in rows):,}, cycles {sum(r['cycles'] for r in rows):,}"
    )
    for line in lines:
        console.print(line, highlight=False)


def as_csv(rows: list[dict]) -> bytes:
    """All columns of all lines."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, rows[0], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def main(
    out: Annotated[Path, typer.Option(help="Folder for gradient.csv and gradient.png.")],
    preset: Annotated[
        str, typer.Option(help="Hardware: a preset or a file; what does not fit is left out.")
    ] = "train",
    shares: Annotated[
        str, typer.Option(help="Per cent of the channels, most first, with commas between.")
    ] = ",".join(f"{100 * ratio:g}" for ratio in RATIOS),
    pixels: Annotated[int, typer.Option(min=1, help="Side of the images.")] = PIXELS,
    seed: Annotated[int, typer.Option(help="Of maps, errors and channels.")] = 1,
) -> None:
    """Run layers of MobileNetV2 and ragged shapes on the sparse-gradient unit, compare every
    gradient with golden, and print time against the ideal, utilisation and the cycle model.

    Writes a table (CSV) and a plot (PNG). All figures are measured in simulation; with the defaults
    this takes some minutes. Exits with 1 if any gradient differs.
    """
    with one_sentence():
        try:
            ratios = tuple(float(part) / 100 for part in shares.split(","))
        except ValueError:
            ratios = ()
        if not ratios or not all(0 < ratio <= 1 for ratio in ratios):
            raise UserError(f"--shares is {shares!r}: give numbers above 0, up to 100")
        files = {name: out / f"gradient.{name}" for name in ("csv", "png")}
        for path in files.values():
            check_writable(path)
        hardware = RtlBackend(preset)
        chosen = [case for case in cases(pixels, ratios) if fits(hardware, case.sizes)]
        rows = []
        with hardware.accelerator() as (_, port), work_progress("jobs") as (expect, done):
            driver = TimedDriver(port)
            expect(len(chosen))
            for case in chosen:
                rows.append(measure(driver, hardware, case, seed))
                done()
        hardware.close()
        show(rows, hardware.config.outputs)
        for name, content in (("csv", as_csv(rows)), ("png", plot(rows))):
            write_whole(files[name], content)
            console.print(f"Written: {files[name]}", highlight=False, soft_wrap=True)
    raise typer.Exit(1 if any(row["mismatches"] for row in rows) else 0)


def fits(hardware: RtlBackend, sizes: Convolution) -> bool:
    """Whether the preset can do the job."""
    config = hardware.config
    return (
        sizes.kernel <= config.kernel
        and max(sizes.in_channels, sizes.out_channels) <= config.channels
    )


if __name__ == "__main__":
    typer.run(main)
