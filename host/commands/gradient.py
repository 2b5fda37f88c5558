# SPDX-License-Identifier: Apache-2.0
"""nms gradient: weight gradients of selected input channels, and the update of their weights."""

from pathlib import Path
from typing import Annotated

import typer

from host.errors import GradientError, one_sentence


def gradient(
    x: Annotated[Path, typer.Option(help="Input of the convolution: .npy, int8 (N, C_in, H, W).")],
    error: Annotated[
        Path,
        typer.Option(help="Gradient at its output: .npy, int8 (N, C_out, H', W')."),
    ],
    out: Annotated[
        Path,
        typer.Option(
            help="The weight gradient is written here: .npy, int32 (C_out, K, k, k) for K "
            "channels; depthwise (K, 1, k, k)."
        ),
    ],
    channels: Annotated[
        str | None,
        typer.Option(
            metavar="LIST|FILE|all",
            help="Input channels whose weights are trained, in rising order: 1,5,7, or a file of "
            "such numbers (text or .npy), or 'all'. Or let --window choose them.",
        ),
    ] = None,
    window: Annotated[
        int | None,
        typer.Option(
            help="Instead of --channels: so many channels, the most important ones, by the sum of "
            "the squares of their weights (those of --weights, or of --update).",
        ),
    ] = None,
    pool: Annotated[
        int | None,
        typer.Option(
            help="The window moves over so many of the most important channels and wraps at their "
            "end.",
            show_default="all channels",
        ),
    ] = None,
    place: Annotated[
        int | None,
        typer.Option(
            help="Rank at which the window begins. The result tells where the next one begins.",
            show_default="0",
        ),
    ] = None,
    weights: Annotated[
        Path | None,
        typer.Option(
            help="Weights of the layer for --window: .npy, int8 (C_out, C_in, k, k) or depthwise "
            "(C, 1, k, k).",
            show_default="those of --update",
        ),
    ] = None,
    kernel: Annotated[
        int | None,
        typer.Option(
            help="Taps a side.",
            show_default="that of the weights, else what the sizes tell if they do",
        ),
    ] = None,
    stride: Annotated[int, typer.Option(help="Of the convolution.")] = 1,
    padding: Annotated[
        int,
        typer.Option(
            help="Zeros above and to the left. Below and to the right there are as many as the "
            "size of the error asks for, so TensorFlow's 'same' with stride 2 is --padding 0 for a "
            "kernel of 3 and an even size."
        ),
    ] = 0,
    depthwise: Annotated[
        bool, typer.Option("--depthwise", help="One filter a channel (groups = channels).")
    ] = False,
    backend: Annotated[
        str,
        typer.Option(
            help="Who computes: 'golden', the integer model; 'rtl', the generated hardware in "
            "simulation; 'both', which also compares them."
        ),
    ] = "golden",
    preset: Annotated[
        str | None,
        typer.Option(
            help="Hardware of the back ends rtl and both: tiny, train, wide or a configuration "
            "file. Its first use compiles the simulator, which takes minutes.",
            show_default="train",
        ),
    ] = None,
    bias_out: Annotated[
        Path | None,
        typer.Option(
            help="The bias gradient is written here: .npy, int32 (C_out,), depthwise (K,)."
        ),
    ] = None,
    update: Annotated[
        Path | None,
        typer.Option(
            metavar="WEIGHTS",
            help="Weights of the layer, .npy, int8 (C_out, C_in, k, k) or depthwise (C, 1, k, k): "
            "those of the channels take a step. Needs --scale and --weights-out.",
        ),
    ] = None,
    scale: Annotated[
        Path | None,
        typer.Option(
            help='The step of a weight is gradient x scale: JSON, {"scale": 0.0001}, or a list '
            'with one for each output channel, or integers {"multiplier": m, "shift": s} for '
            "m / 2^s."
        ),
    ] = None,
    weights_out: Annotated[
        Path | None, typer.Option(help="The updated weights are written here, the whole layer.")
    ] = None,
    rounding: Annotated[
        str | None,
        typer.Option(
            help="Of steps: 'nearest' (ties to even), or 'stochastic', so that steps below one "
            "half are not lost.",
            show_default="nearest",
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(
            help="Of stochastic rounding: the same seed gives the same weights. Give each layer "
            "and step its own.",
            show_default="1",
        ),
    ] = None,
) -> None:
    """Compute the weight gradient of a convolution for selected input channels only.

    The sums are exact integers, computed as the sparse-gradient unit does. With --update the
    weights of these channels also take a step: w - round(gradient x scale), saturated to int8. All
    others stay as they are.

    Example: nms gradient --x x.npy --error d.npy --channels 1,5,7 --padding 1 --out dw.npy

    Example: nms gradient --x x.npy --error d.npy --channels all --padding 1 --out dw.npy --update
    w.npy --scale scale.json --rounding stochastic --seed 7 --weights-out w1.npy

    Example: nms gradient --x x.npy --error d.npy --window 8 --pool 64 --place 16 --weights w.npy
    --padding 1 --out dw.npy
    """
    with one_sentence():
        from host.console import prepare, print_gradient
        from host.gradient import Options, UpdateOptions, WindowOptions, run
        from host.gradient_backends import DEFAULT_PRESET

        updating = None
        if update is not None:
            if scale is None or weights_out is None:
                missing = "--scale" if scale is None else "--weights-out"
                raise GradientError(f"--update {update} needs {missing} too")
            if seed is not None and rounding != "stochastic":
                raise GradientError(f"--seed {seed} has no use without --rounding stochastic")
            updating = UpdateOptions(
                weights=update,
                scale=scale,
                out=weights_out,
                rounding=rounding or "nearest",
                seed=1 if seed is None else seed,
            )
        else:
            for option, value in (
                ("--scale", scale),
                ("--weights-out", weights_out),
                ("--rounding", rounding),
                ("--seed", seed),
            ):
                if value is not None:
                    raise GradientError(f"{option} {value} has no use without --update")
        choice = None
        if (channels is None) == (window is None):
            raise GradientError("give either --channels or --window")
        if window is not None:
            source = weights or update
            if source is None:
                raise GradientError(f"--window {window} needs the layer's --weights, or --update")
            choice = WindowOptions(weights=source, window=window, pool=pool, place=place or 0)
        else:
            for option, value in (("--pool", pool), ("--place", place), ("--weights", weights)):
                if value is not None:
                    raise GradientError(f"{option} {value} has no use without --window")
        if backend in ("rtl", "both"):
            prepare("rtl", preset or DEFAULT_PRESET)
        job = run(
            Options(
                x=x,
                error=error,
                channels=channels,
                choice=choice,
                out=out,
                kernel=kernel,
                stride=stride,
                padding=padding,
                depthwise=depthwise,
                backend=backend,
                preset=preset,
                bias_out=bias_out,
                update=updating,
            )
        )
        print_gradient(job)
