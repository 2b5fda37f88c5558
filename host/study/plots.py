# SPDX-License-Identifier: Apache-2.0
"""The plot of a study: what every selector gains over random, by how much is kept."""

import io

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from host.selectors import DESNE, RANDOM
from host.study.statistics import Row, Summary

DESNE_COLOURS = ("#c2410c", "#e08a3c", "#8c1d40", "#d4a017", "#a0522d")
OTHER_COLOURS = ("#2f6f9f", "#3f8f4f", "#7a5ea8", "#1d8f98", "#5f6b73")
MARKS = "os^Dv"
INK = "#1f2933"
LINEAR = 5
TICKS = (-80, -40, -20, -10, *range(-LINEAR, LINEAR + 1), 10, 20, 40, 80)


def difference_plot(summary: Summary) -> bytes:
    """PNG: paired difference to random against the share kept with its 95 % confidence band, a
    panel for each model."""
    models = list(dict.fromkeys(row.model for row in summary.rows))
    figure = Figure(figsize=(1.4 + 5.4 * len(models), 4.4), dpi=140, layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, len(models), squeeze=False, sharey=True)[0]
    for axes, model in zip(panels, models, strict=True):
        rows = [row for row in summary.rows if row.model == model and row.minus_random]
        others = ours = 0
        for name in dict.fromkeys(row.selector for row in rows):
            line = [row for row in rows if row.selector == name]
            if name.startswith(DESNE):
                look = DESNE_COLOURS[ours % len(DESNE_COLOURS)], "-", 2.2, MARKS[ours % len(MARKS)]
                ours += 1
            else:
                place = others % len(OTHER_COLOURS)
                look = OTHER_COLOURS[place], "--", 1.2, MARKS[others % len(MARKS)]
                others += 1
            _line(axes, name, line, *look)
        shares = sorted({row.keep for row in rows})
        axes.axhline(0, color=INK, linewidth=1)
        axes.set_xscale("log")
        axes.set_xticks(shares)
        axes.xaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{100 * share:g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set_yscale("symlog", linthresh=LINEAR, linscale=2)  # a bad rival hides nothing
        low, high = axes.get_ylim()
        axes.set_yticks([tick for tick in TICKS if low <= tick <= high])
        axes.yaxis.set_major_formatter(FuncFormatter(lambda points, _: f"{points:+g}"))
        axes.yaxis.set_minor_formatter(NullFormatter())
        axes.grid(color="#e3e8ee")
        axes.spines[["top", "right"]].set_visible(False)
        axes.set_title(model, color=INK)
        axes.set_xlabel("samples kept, per cent")
    text = f"accuracy minus {RANDOM}, points (logarithmic beyond {LINEAR})"
    panels[0].set_ylabel(text)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside right center", frameon=False, fontsize=8)
    stream = io.BytesIO()
    figure.savefig(stream, format="png", metadata={"Software": None})
    return stream.getvalue()


def _line(
    axes, name: str, rows: list[Row], colour: str, style: str, width: float, mark: str
) -> None:
    shares = np.array([row.keep for row in rows])
    gains = [row.minus_random for row in rows if row.minus_random is not None]
    middle = 100 * np.array([gain.mean for gain in gains])
    half = 100 * np.array([gain.half_width or 0 for gain in gains])
    axes.plot(
        shares, middle, style, color=colour, linewidth=width, marker=mark, markersize=4, label=name
    )
    if len(shares) == 1:
        axes.errorbar(shares, middle, half, color=colour, linewidth=width, capsize=3)
    alpha = 0.16 if style == "-" else 0.06
    axes.fill_between(shares, middle - half, middle + half, color=colour, alpha=alpha, linewidth=0)
