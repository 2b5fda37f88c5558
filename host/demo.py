# SPDX-License-Identifier: Apache-2.0
"""The whole way once, on real digits: select, check the hardware, train, report."""

import time
from contextlib import closing
from pathlib import Path

from host import datasets
from host.backends import RtlBackend
from host.comparison import Comparison, compare_with_golden, print_comparison
from host.console import (
    console,
    percent,
    points,
    prepare,
    print_results,
    print_selection,
    work_progress,
)
from host.errors import UserError
from host.files import as_json, write_whole
from host.report import write_report
from host.selection import Options, Selection, select
from host.trainer.comparison import compare
from host.trainer.training import Recipe

KEEP = 0.1
SEEDS = 5
RULES = ("medoid", "grid")
RECIPE = Recipe(model="cnn", steps=300)
CONFIG = "edge"

RULE_NOTE = (
    "Two rules spend the same budget on the same maps: medoid, the default, and grid, which the "
    "paper's authors describe. python -m scripts.measure_rule --data SRC compares them, and more, "
    "on held-out training samples."
)


def run(folder: Path) -> bool:
    """Writes selections, hardware.json, results.json and report.html into `folder`.

    Returns True when every value of the hardware equals the golden model's. Takes minutes.
    """
    begun = time.monotonic()
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder} is a file: give --out the name of a folder")
    dataset = datasets.load("digits")
    _step(1, f"Select {KEEP:.0%} of the digits in the generated hardware, and compare with golden")
    shown, comparison = _in_hardware(dataset)
    hardware = comparison.document()
    write_whole(folder / "hardware.json", as_json(hardware))
    print_comparison(comparison)

    _step(2, f"Select with the golden model, {SEEDS} seeds and {len(RULES)} rules")
    made = {rule: _select(dataset, rule, folder) for rule in RULES}
    made[RULES[0]][0] = shown
    shown.write(folder / _name(RULES[0], 1))
    print_selection(shown.document, folder / _name(RULES[0], 1))

    _step(3, "Train on the selections, on random samples and on all, one recipe")
    with work_progress("Training and testing") as (on_start, on_run):
        selections = [part for parts in made.values() for part in parts]
        results = compare(dataset, selections, RECIPE, SEEDS, None, on_start, on_run)
    write_whole(folder / "results.json", as_json(results))
    print_results(results, folder / "results.json")
    console.print(RULE_NOTE, style="dim", highlight=False)

    _step(4, "Write the report")
    write_report(folder / "report.html", dataset, shown, results, hardware)
    _summary(results, comparison, shown, folder / "report.html", time.monotonic() - begun)
    if comparison.mismatches:
        text = f"The hardware DIFFERS from the golden model: {comparison.first}"
        console.print(text, style="bold white on red", highlight=False)
    return not comparison.mismatches


def _in_hardware(dataset: datasets.Dataset) -> tuple[Selection, Comparison]:
    """The selection that is shown, every index of it chosen by the generated Verilog."""
    prepare("rtl", CONFIG)
    options = Options(keep=KEEP, rule=RULES[0], backend="rtl", preset=CONFIG)
    with work_progress("Tiles through the hardware") as (on_start, on_tile):
        shown = select(dataset, options, on_start, on_tile)
    with closing(RtlBackend(CONFIG)) as hardware:
        return shown, compare_with_golden(dataset, shown.plan, shown.tiles, hardware)


def _name(rule: str, seed: int) -> str:
    return f"selection-{rule}-seed{seed}.json"


def _select(dataset: datasets.Dataset, rule: str, folder: Path) -> list[Selection]:
    made = []
    with work_progress(f"Embedding and sampling, {rule}") as (on_start, on_seed):
        on_start(SEEDS)
        for seed in range(1, SEEDS + 1):
            made.append(select(dataset, Options(keep=KEEP, rule=rule, seed=seed)))
            made[-1].write(folder / _name(rule, seed))
            on_seed()
    return made


def _step(number: int, text: str) -> None:
    console.print(f"\n{number}/4  {text}", style="bold", highlight=False)


def _summary(
    results: dict, comparison: Comparison, shown: Selection, report: Path, seconds: float
) -> None:
    console.print("\nThe figures that matter", style="bold")
    for row in results["rows"]:
        gain = row["minus_random"]
        more = f", {points(gain)} points to random" if gain else ""
        text = f"test accuracy {percent(row['mean'], row['spread'])}{more}"
        console.print(f"  {row['name']:<24}{text}", highlight=False, soft_wrap=True)
    traffic = shown.document["traffic"]
    share = traffic["selection_bytes"] / traffic["all_samples_bytes"]
    values = comparison.values.total()
    for name, text in (
        ("hardware", f"{values:,} values compared, {comparison.mismatches:,} mismatches"),
        ("bytes that travel", f"{share:.1%} of those of all samples"),
        ("time", f"{seconds:.0f} s"),
        ("report", str(report)),
    ):
        console.print(f"  {name:<24}{text}", highlight=False, soft_wrap=True)
