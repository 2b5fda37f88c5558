# SPDX-License-Identifier: Apache-2.0
"""The figures of the report, each returned as an embedded PNG (a data URI)."""

import base64
import io
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.image import imsave

from host.selection import Tile

INK = "#1f2933"
MUTED = "#6b7785"
KIND_COLOURS = {"selection": "#c2410c", "random": "#8896a5", "all": "#2f6f9f"}
CLASS_COLOURS = (
    "#2f6f9f", "#c2410c", "#3f8f4f", "#a23b72", "#7a5ea8",
    "#8a5a34", "#c75b95", "#5f6b73", "#9a8a1f", "#1d8f98",
)  # fmt: skip
STRIP = 12
COORDINATE_STEP = 256  # coordinates have 8 fraction bits


def class_colour(position: int) -> str:
    """The colour of the class at `position` among the labels."""
    return CLASS_COLOURS[position % len(CLASS_COLOURS)]


def tile_map(tile: Tile, colour: str) -> str:
    """The 2-D map of one tile: every sample a dot, the chosen ones ringed."""
    places = tile.result.coordinates / COORDINATE_STEP
    chosen = places[tile.result.chosen]
    figure, axes = _axes(2.7, 2.7)
    crowd = 12 if len(places) < 300 else 5
    axes.scatter(*places.T, s=crowd, color=colour, alpha=0.5, linewidths=0)
    axes.scatter(*chosen.T, s=2 * crowd + 6, color=colour, edgecolors=INK, linewidths=0.9)
    axes.set_aspect("equal", adjustable="datalim")
    axes.margins(0.06)
    axes.set_xlabel("map x")
    axes.set_ylabel("map y")
    axes.locator_params(nbins=5)
    return _png(figure)


def thumbnails(samples: np.ndarray) -> str:
    """Up to STRIP samples side by side; uint8 [n, H, W] or [n, H, W, C]."""
    images = samples[np.linspace(0, len(samples) - 1, min(STRIP, len(samples))).round().astype(int)]
    if images.ndim == 4 and images.shape[3] == 1:
        images = images[..., 0]
    if images.ndim == 3:
        images = np.repeat(255 - images[..., None], 3, axis=3)  # dark ink on a light page
    gap = max(1, images.shape[2] // 8)
    strip = np.full((images.shape[1], STRIP * (images.shape[2] + gap) - gap, 3), 255, np.uint8)
    for position, image in enumerate(images):
        left = position * (images.shape[2] + gap)
        strip[:, left : left + images.shape[2]] = image
    stream = io.BytesIO()
    imsave(stream, strip, format="png")
    return _uri(stream)


def shows_as_image(shape: tuple[int, ...]) -> bool:
    """True for (H, W) and (H, W, 1 or 3) samples that look like a picture, not a table."""
    if len(shape) not in (2, 3) or (len(shape) == 3 and shape[2] not in (1, 3)):
        return False
    return min(shape[:2]) >= 4 and max(shape[:2]) <= 2 * min(shape[:2])


def accuracy_bars(results: dict[str, Any]) -> str:
    """Mean test accuracy of the rows with the standard deviation over the seeds."""
    figure, axes = _axes(4.9, 0.7 + 0.5 * len(results["rows"]))
    for place, row in enumerate(results["rows"]):
        mean, spread = 100 * row["mean"], 100 * (row["spread"] or 0)
        axes.barh(
            place, mean, xerr=spread, color=KIND_COLOURS[row["kind"]], height=0.62, ecolor=INK
        )
        axes.text(2, place, f"{mean:.2f} %", va="center", color="white", weight="bold")
    _row_labels(axes, results)
    axes.set_xlim(0, 100)
    axes.set_xlabel("test accuracy, per cent")
    return _png(figure)


def accuracy_runs(results: dict[str, Any]) -> str:
    """Every run as a dot and the mean as a line, on an axis that begins near the worst run."""
    figure, axes = _axes(4.9, 0.7 + 0.5 * len(results["rows"]))
    for place, row in enumerate(results["rows"]):
        runs = 100 * np.array(row["accuracy"])
        lift = np.linspace(-0.16, 0.16, len(runs)) if len(runs) > 1 else [0.0]
        axes.scatter(
            runs, place + np.asarray(lift), s=30, color=KIND_COLOURS[row["kind"]], zorder=3
        )
        axes.vlines(runs.mean(), place - 0.34, place + 0.34, color=INK, linewidth=1.6, zorder=4)
    _row_labels(axes, results)
    axes.grid(axis="x", color="#e3e8ee", zorder=0)
    axes.set_xlabel("test accuracy, per cent (the axis does not begin at 0)")
    return _png(figure)


def _row_labels(axes: Any, results: dict[str, Any]) -> None:
    labels = [f"{row['name']}\n{row['samples']:,} samples" for row in results["rows"]]
    axes.set_yticks(range(len(labels)), labels)
    axes.set_ylim(len(labels) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0, labelcolor=INK, labelsize=9)


def _axes(width: float, height: float) -> tuple[Figure, Any]:
    """A figure without pyplot's global state, in the page's colours."""
    figure = Figure(figsize=(width, height), dpi=170, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color("#c3ccd5")
    axes.tick_params(colors=MUTED, labelsize=8)
    axes.xaxis.label.set(color=MUTED, fontsize=9)
    axes.yaxis.label.set(color=MUTED, fontsize=9)
    return figure, axes


def _png(figure: Figure) -> str:
    stream = io.BytesIO()
    figure.savefig(stream, format="png", metadata={"Software": None})
    return _uri(stream)


def _uri(stream: io.BytesIO) -> str:
    return "data:image/png;base64," + base64.b64encode(stream.getvalue()).decode()
