# SPDX-License-Identifier: Apache-2.0
"""The plot of scripts.bench_gradient, and the sums over its layers."""

import io


def totals(rows: list[dict]) -> dict[float, float]:
    """Time over ideal of the pointwise layers together, by share of the channels."""
    result = {}
    for share in dict.fromkeys(row["share"] for row in rows if row["group"] == "pointwise"):
        own = [r for r in rows if r["group"] == "pointwise" and r["share"] == share]
        ideal = sum(r["times"] * r["ideal"] for r in own)
        result[share] = sum(r["times"] * r["cycles"] for r in own) / ideal
    return result


def plot(rows: list[dict]) -> bytes:
    """Time over ideal of every pointwise layer by share of the channels, and the ragged shapes."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    points = [row for row in rows if row["group"] == "pointwise"]
    for name in dict.fromkeys(row["name"] for row in points):
        own = [row for row in points if row["name"] == name]
        label = f"{own[0]['in_channels']}→{own[0]['out_channels']}, {own[0]['positions']} positions"
        x = [100 * row["share"] for row in own]
        left.plot(x, [row["over_ideal"] for row in own], "o-", markersize=3, lw=0.8, label=label)
    summed = totals(rows)
    left.plot([100 * share for share in summed], summed.values(), "ks-", lw=2, label="together")
    left.set(
        xscale="log",
        xlabel="channels selected, %",
        ylabel="cycles / ideal",
        title="Pointwise layers, back half of MobileNetV2 at 128 x 128",
    )
    left.set_xticks([100 * share for share in summed], [f"{100 * s:g}" for s in summed])
    left.minorticks_off()
    left.axhline(1, color="grey", lw=0.8)
    left.legend(fontsize=6)
    rest = [row for row in rows if row["group"] != "pointwise"]
    names = [
        row["name"] + ("" if row["share"] == "" else f", {100 * row['share']:g} %") for row in rest
    ]
    right.barh(names, [100 * row["utilisation"] for row in rest], color="tab:blue")
    right.invert_yaxis()
    right.tick_params(axis="y", labelsize=5)
    right.set(xlabel="utilisation of the multipliers, %", title="Depthwise and ragged")
    image = io.BytesIO()
    figure.savefig(image, format="png", dpi=150)
    return image.getvalue()
