# SPDX-License-Identifier: Apache-2.0
"""`python -m scripts.synth`: area and clock of the generated blocks on a Lattice ECP5."""

import json
from typing import Annotated, Any

import typer
from rich.table import Table

from host.console import console, work_progress
from host.errors import HardwareError, UserError, one_sentence
from hw.config import PRESETS, Configuration, load
from hw.desne.distance_array import DistanceArray
from rtl_gen.blocks import BLOCKS
from rtl_gen.verilog import GenerationError, generate, top_name
from scripts.synth import baseline, figures, flow, tools
from scripts.synth.harness import HarnessError

FACTORIES = BLOCKS | {"distance_array": DistanceArray}
DEFAULT = ("distance_array", "distance", "calibrate", "affinity", "embed", "sample", "top")
TARGETS_MHZ = {"distance_array": 195.0}
"""What nextpnr is asked for, where it is not the 100 MHz of the whole accelerator."""
TARGET_MHZ = 100.0


def main(
    preset: Annotated[
        str, typer.Option(help=f"Named configuration ({', '.join(PRESETS)}) or a TOML file.")
    ],
    block: Annotated[
        list[str] | None,
        typer.Option(help=f"Only this block (may be repeated).  [default: {', '.join(DEFAULT)}]"),
    ] = None,
    seeds: Annotated[
        str, typer.Option(help="Placement seeds, a run of nextpnr each; empty: count cells only.")
    ] = "1 2 3",
    check: Annotated[
        bool, typer.Option("--check", help="Compare with the baseline; exit status 1 if worse.")
    ] = False,
    update: Annotated[
        bool, typer.Option("--update", help="Write the figures into the baseline.")
    ] = False,
    tolerance: Annotated[
        float, typer.Option(help="Per cent by which a figure may be worse.", min=0, max=100)
    ] = 5.0,
) -> None:
    """Synthesize blocks with Yosys, place and route them with nextpnr, and print area and clock.

    The device is a Lattice ECP5-85F of speed grade 6, multiplications take its DSP blocks. A block
    is placed between registers at its ports, which are not counted as its cells.
    Runs are kept in build/ by the hash of Verilog, tools and options; only what changed runs again.
    The whole accelerator of the preset edge takes tens of minutes and 4 GiB.

    Example: python -m scripts.synth --preset edge --block top --seeds "1 2 3" --check
    """
    with one_sentence():
        try:
            config = load(preset)
        except ValueError as error:
            raise UserError(str(error)) from None
        if (check or update) and preset not in PRESETS:
            raise UserError(f"{preset} is no preset: it has no baseline to --check or --update")
        names = block or list(DEFAULT)
        if unknown := sorted(set(names) - set(FACTORIES)):
            raise UserError(f"unknown block {unknown[0]!r}: there are {', '.join(FACTORIES)}")
        try:
            chosen = sorted({int(seed) for seed in seeds.replace(",", " ").split()})
        except ValueError:
            raise UserError(f'--seeds {seeds!r}: give whole numbers, such as "1 2 3"') from None
        path = baseline.path_of(config.name)
        try:
            before = baseline.read(path) if check or update else {}
            if check and (missing := [name for name in names if name not in before]):
                raise UserError(f"{path} has no figures of {missing[0]}: make them with --update")
            measured = _measure(config, names, chosen)
            sentences = [
                sentence
                for name in (names if check else ())
                for sentence in figures.worse(name, measured[name], before[name], tolerance)
            ]
        except figures.ReportError as error:
            raise UserError(str(error)) from error
        except (tools.SynthesisError, HarnessError, GenerationError) as error:
            raise HardwareError(str(error)) from error
        console.print(_table(config, measured))
        if update:
            baseline.write(path, config.name, flow.DEVICE, measured)
            console.print(f"Written: {path}", highlight=False, soft_wrap=True)
        if check:
            for name in names:
                if measured[name]["tools"] != before[name]["tools"]:
                    console.print(
                        f"Note: the baseline of {name} was made with {before[name]['tools']}, "
                        f"this run with {measured[name]['tools']}.",
                        highlight=False,
                    )
            if sentences:
                raise HardwareError(f"worse than the baseline: {' '.join(sentences)}")
            console.print(f"Nothing is worse than the baseline by more than {tolerance:g} %.")


def _measure(
    config: Configuration, names: list[str], seeds: list[int]
) -> dict[str, dict[str, Any]]:
    """The figures of each block."""
    yosys = tools.find("yosys")
    nextpnr = tools.find("nextpnr-ecp5") if seeds else None
    versions = {tool.name: tool.version for tool in (yosys, nextpnr) if tool}
    measured = {}
    with work_progress("Synthesis") as (on_start, on_step):
        on_start(len(names) * (2 + len(seeds)))
        for name in names:
            target = TARGETS_MHZ.get(name, TARGET_MHZ)
            block = generate(FACTORIES[name](config), top_name(config, name))
            on_step()
            folder = flow.synthesize(yosys, block)
            on_step()
            reports = {}
            for seed in seeds:
                assert nextpnr is not None
                report = flow.place(nextpnr, block, folder / "netlist.json", seed, target)
                reports[seed] = json.loads(report.read_text(encoding="utf-8"))
                on_step()
            measured[name] = figures.describe(
                figures.cells_in(folder / "cells.json"),
                reports,
                verilog=block.sha256,
                tools=versions,
                target_mhz=target,
            )
    return measured


def _table(config: Configuration, measured: dict[str, dict[str, Any]]) -> Table:
    table = Table(
        title=f"{config.name} on {flow.DEVICE}",
        title_justify="left",
        caption="MHz: worst seed (each). LUTs: all kinds, of 83,640. DSP of 156, EBR of 208.",
        caption_justify="left",
    )
    table.add_column("block")
    columns = ("LUT4", "CCU2C", "FF", "DPR16X4", "DSP", "EBR", "LUTs", "MHz")
    for column in columns:
        table.add_column(column, justify="right", no_wrap=column != "MHz")
    for name, entry in measured.items():
        each = " ".join(f"{value:.1f}" for value in entry["mhz"].values())
        mhz = f"{entry['worst_mhz']:.1f} ({each})" if entry["mhz"] else "-"
        cells = (f"{entry['cells'][kind]:,}" for kind in figures.CELLS)
        comb = "-" if entry["comb"] is None else f"{entry['comb']:,}"
        table.add_row(name, *cells, comb, mhz)
    return table


if __name__ == "__main__":
    typer.run(main)
