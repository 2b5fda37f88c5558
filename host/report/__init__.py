# SPDX-License-Identifier: Apache-2.0
"""One self-contained HTML page about a selection: maps, images, accuracy, hardware, parameters."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from host.console import percent, points
from host.datasets import Dataset
from host.errors import SelectionError, TrainingError, UserError
from host.files import HARDWARE_FORMAT, RESULTS_FORMAT, read_json, write_whole
from host.report import figures, page
from host.selection import Selection, Tile, repeat_options, select
from rtl_gen.interface import COUNTED

MAP_CAPTION = (
    "Each panel is one tile of one class. A dot is a sample, near the samples it resembles; the "
    "ringed dots are chosen. The axes have no unit and no meaning beyond nearness: compare "
    "distances within a panel, not between panels. A good selection covers the whole cloud and "
    "follows its density."
)


def read_results(path: Path, dataset: Dataset) -> dict[str, Any]:
    """The results that nms train wrote; TrainingError when they belong to other data."""
    document = read_json(path, "the results")
    if document.get("format") != RESULTS_FORMAT:
        raise TrainingError(f"{path} holds no training results: write them with nms train --out")
    if document["data"]["sha256"] != dataset.sha256:
        raise TrainingError(
            f"{path} holds results of other data than {dataset.source}: train again"
        )
    return document


def read_hardware(path: Path) -> dict[str, Any]:
    """The comparison that nms demo wrote; UserError when the file is something else."""
    document = read_json(path, "the hardware comparison")
    if document.get("format") != HARDWARE_FORMAT:
        raise UserError(f"{path} holds no hardware comparison: give the hardware.json of nms demo")
    return document


def remake(dataset: Dataset, document: dict[str, Any]) -> Selection:
    """Makes the selection in `document` again, which brings its maps back.

    The golden model makes it, whoever made it first.

    Raises SelectionError when other indices come out: then another version of the tool made it.
    """
    options = replace(repeat_options(document), backend="golden", preset=None)
    again = select(dataset, options)
    if again.document["indices"] != document["indices"]:
        raise SelectionError(
            "the selection cannot be repeated: its parameters now give other indices, so it was "
            "made by another version; run nms select again"
        )
    return again


def write_report(
    path: Path,
    dataset: Dataset,
    selection: Selection,
    results: dict[str, Any] | None = None,
    hardware: dict[str, Any] | None = None,
) -> None:
    """Writes the page whole or not at all; `results` of nms train, `hardware` of nms demo."""
    document = selection.document
    chosen, total = len(selection.indices), sum(c["of"] for c in document["counts"].values())
    parts = [page.cards(_headline(document, results, hardware))]
    if results is not None:
        parts.append(_accuracy(results))
    parts += [_maps(dataset, selection), _images(dataset, selection), _rows(document)]
    if hardware is not None:
        parts.append(_hardware(hardware))
    parts.append(_parameters(document, results))
    text = page.page(
        f"{chosen:,} of {total:,} samples of {dataset.name}, chosen near the memory",
        "DE-SNE draws a map of every class by integer arithmetic that fits beside the memory, and "
        "picks the samples worth training on from that map. No neural network takes part in the "
        "choice.",
        parts,
    )
    write_whole(path, text)


def _headline(
    document: dict[str, Any], results: dict[str, Any] | None, hardware: dict[str, Any] | None
) -> list[tuple[str, str]]:
    cards = []
    for row in results["rows"] if results else []:
        gain = f" ({points(row['minus_random'])} points to random)" if row["minus_random"] else ""
        cards.append((percent(row["mean"], None), f"test accuracy, {row['name']}{gain}"))
    if hardware is not None:
        values, mismatches = (sum(hardware[name].values()) for name in ("values", "mismatches"))
        cards.append((f"{values:,}", "hardware values compared with the golden model"))
        cards.append((f"{mismatches:,}", "of them differ"))
    traffic = document["traffic"]
    share = traffic["selection_bytes"] / traffic["all_samples_bytes"]
    cards.append((f"{share:.1%}", "of the bytes travel to the host"))
    return cards


def _accuracy(results: dict[str, Any]) -> str:
    recipe, seeds = results["recipe"], results["seeds"]
    rows = [
        (
            row["name"],
            f"{row['samples']:,}",
            percent(row["mean"], row["spread"]),
            points(row["minus_random"]),
        )
        for row in results["rows"]
    ]
    return page.section(
        "What the selection is worth",
        '<div class="pair">',
        page.image(
            figures.accuracy_bars(results),
            f"Mean over {seeds} seeds; the whisker is the standard deviation.",
            "bars of test accuracy",
        ),
        page.image(
            figures.accuracy_runs(results),
            "The same runs one by one; the line is the mean.",
            "test accuracy of every run",
        ),
        "</div>",
        page.table(
            ("trained on", "samples", "accuracy", "minus random, points"), rows, range(1, 4)
        ),
        page.paragraph(
            f"Recipe of every row: {recipe['model']}, {recipe['steps']} optimiser steps of "
            f"{recipe['batch']} samples (equal steps, not equal epochs), AdamW, peak rate "
            f"{recipe['rate']:g}, cosine. {results['test_samples']:,} test samples. Accuracy: mean "
            f"± standard deviation over seeds. Minus random: run by run with the same seed, ± "
            f"standard error; random holds as many samples of each class and is drawn anew for "
            f"every run. A difference below twice its standard error is not shown to be one.",
            "note",
        ),
    )


def _maps(dataset: Dataset, selection: Selection) -> str:
    first: dict[int, Tile] = {}
    for tile in selection.tiles:
        first.setdefault(tile.label, tile)
    panels = []
    for position, (label, tile) in enumerate(first.items()):
        panels.append(
            page.image(
                figures.tile_map(tile, figures.class_colour(position)),
                f"class {label}: {tile.budget:,} of {len(tile.indices):,}",
                f"map of class {label}",
            )
        )
    used = len(selection.tiles)
    more = (
        "" if used == len(first) else f" Shown is the first tile of each class, of {used} in all."
    )
    return page.section(
        "The maps", f'<div class="maps">{"".join(panels)}</div>', page.paragraph(MAP_CAPTION + more)
    )


def _images(dataset: Dataset, selection: Selection) -> str:
    if not figures.shows_as_image(dataset.x_train.shape[1:]):
        shape = list(dataset.x_train.shape[1:])
        return page.section(
            "Chosen samples", page.paragraph(f"A sample has shape {shape}, which is not a picture.")
        )
    labels = dataset.y_train[selection.indices]
    strips = []
    for label in dataset.classes:
        chosen = dataset.x_train[selection.indices[labels == label]]
        uri = figures.thumbnails(chosen)
        strips.append(
            f'<div class="strip"><span class="note">{int(label)}</span>'
            f'<img src="{uri}" alt="chosen samples of class {int(label)}"></div>'
        )
    return page.section(
        "Chosen samples",
        *strips,
        page.paragraph(
            f"Up to {figures.STRIP} of the chosen samples of each class, evenly taken from the "
            f"list. They should look different from one another: near twins waste budget.",
            "note",
        ),
    )


def _rows(document: dict[str, Any]) -> str:
    meaning = {
        "converged": "the target perplexity was met",
        "clamped_low": "even all kept neighbours, weighted alike, stay below the perplexity",
        "clamped_high": "even the narrowest width stays above it, as among exact copies",
        "degenerate": "fewer than two distinct neighbours; weights are uniform",
    }
    total = sum(document["rows"].values())
    rows = [
        (name.replace("_", " "), f"{count:,}", f"{count / total:.2%}", meaning.get(name, ""))
        for name, count in document["rows"].items()
    ]
    return page.section(
        "Rows of the affinity matrix",
        page.table(("status", "rows", "share", "meaning"), rows, range(1, 3)),
        page.paragraph(
            "Every embedded sample has a row: the weights of its neighbours, with a width found so "
            "that the row counts as many effective neighbours as the perplexity asks for.",
            "note",
        ),
    )


def _hardware(hardware: dict[str, Any]) -> str:
    values, mismatches = hardware["values"], hardware["mismatches"]
    counters, bad = hardware["counters"], sum(mismatches.values())
    kinds = [(name, f"{values[name]:,}", f"{mismatches[name]:,}") for name in values]
    kinds.append(("all", f"{sum(values.values()):,}", f"{bad:,}"))
    tiles = [
        (
            tile["name"],
            *(f"{tile[key]:,}" for key in ("samples", "values", "mismatches")),
            f"{tile['counters'].get('cycles', 0):,}",
        )
        for tile in hardware["tiles"]
    ]
    phases = [
        (
            phase,
            f"{counters[f'{phase}_busy']:,}",
            f"{counters[f'{phase}_busy'] / max(counters['cycles'], 1):.1%}",
        )
        for phase in COUNTED
    ]
    text = (
        "Every value the hardware gave equals the golden model's."
        if not bad
        else f"{bad:,} values differ; the first: {hardware['first_mismatch']}"
    )
    return page.section(
        "Hardware beside the golden model",
        page.verdict(text, good=not bad),
        '<div class="pair">',
        page.table(("values", "compared", "mismatches"), kinds, range(1, 3)),
        page.table(("phase", "cycles", "share of the job"), phases, range(1, 3)),
        "</div>",
        page.table(("tile", "samples", "values", "mismatches", "cycles"), tiles, range(1, 5)),
        page.paragraph(
            f"The Verilog of the whole accelerator, preset {hardware['config']}, ran in "
            f"{hardware['tool']}: it read the raw samples over its memory port and wrote the "
            f"chosen indices, which are the ones of this page. Compared with == are all that "
            f"passed between its blocks and the indices. A cycle is one clock of the simulated "
            f"hardware; distance and calibrate overlap.",
            "note",
        ),
    )


def _parameters(document: dict[str, Any], results: dict[str, Any] | None) -> str:
    groups = ["data", "parameters", "reduce", "tiles", "traffic", "tool"]
    rows = [
        (group, name.replace("_", " "), _shown(value))
        for group in groups
        for name, value in document[group].items()
    ]
    for name, value in (results or {}).get("recipe", {}).items():
        rows.append(("training", name.replace("_", " "), _shown(value)))
    if results is not None:
        rows.append(("training", "torch", results["tool"]["torch"]))
    return page.section(
        "Parameters and versions",
        page.table(("of", "name", "value"), rows, range(0)),
        page.paragraph(
            "The same parameters and data give the same selection, bit for bit.", "note"
        ),
    )


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key.replace('_', ' ')} {_shown(part)}" for key, part in value.items())
    if isinstance(value, list):
        return " × ".join(str(part) for part in value)
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "none"}[value]
    return f"{value:g}" if isinstance(value, float) else str(value)
