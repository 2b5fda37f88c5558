# SPDX-License-Identifier: Apache-2.0
"""A sparse-gradient job from files to files."""

import io
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from golden.sgmac import Convolution, JobResult, Update
from golden.sgmac.shape import LIMITS
from host.errors import GradientError
from host.files import check_writable, write_whole
from host.gradient_backends import GradientBackend, make_backend
from host.gradient_inputs import read_array, read_channels, read_scale


@dataclass(frozen=True, kw_only=True)
class UpdateOptions:
    """The weights to update: files in, the file out, and how steps are rounded."""

    weights: Path
    scale: Path
    out: Path
    rounding: str = "nearest"
    seed: int = 1


@dataclass(frozen=True, kw_only=True)
class WindowOptions:
    """The channels by importance: the layer's weights, and the window on their ranking. pool: None
    for all channels."""

    weights: Path
    window: int
    pool: int | None = None
    place: int = 0


@dataclass(frozen=True, kw_only=True)
class Options:
    """What a job reads, computes and writes; nms gradient --help explains each. One of channels and
    choice is None."""

    x: Path
    error: Path
    out: Path
    channels: str | None = None
    choice: WindowOptions | None = None
    kernel: int | None = None
    stride: int = 1
    padding: int = 0
    depthwise: bool = False
    backend: str = "golden"
    preset: str | None = None
    bias_out: Path | None = None
    update: UpdateOptions | None = None

    def outputs(self) -> dict[str, Path]:
        """The files that will be written, by the option that names them."""
        paths = {"--out": self.out}
        if self.bias_out is not None:
            paths["--bias-out"] = self.bias_out
        if self.update is not None:
            paths["--weights-out"] = self.update.out
        return paths


@dataclass(frozen=True, kw_only=True)
class Job:
    """A finished job and its sizes. counters: the hardware's, by name, if it took part. following:
    where the next window begins, if a window chose the channels."""

    convolution: Convolution
    following: int | None
    images: int
    channels: np.ndarray
    result: JobResult
    written: Mapping[str, Path]
    counters: Mapping[str, int]


def find_kernel(x: np.ndarray, error: np.ndarray, stride: int, padding: int) -> int:
    """The one kernel that leads from maps of x to maps of error with the same padding on all sides;
    GradientError where there is none or more than one."""
    sides = list(zip(x.shape[2:], error.shape[2:], strict=True))
    fits = [
        kernel
        for kernel in range(padding + 1, min(max(x.shape[2:]) + 2 * padding, 255) + 1)
        if all((side + 2 * padding - kernel) // stride + 1 == out for side, out in sides)
    ]
    if len(fits) == 1:
        return fits[0]
    reason = f"{' and '.join(map(str, fits[:3]))} would do" if fits else "none fits on all sides"
    (height, out_height), (width, out_width) = sides
    raise GradientError(
        f"the kernel of {height} x {width} maps that become {out_height} x {out_width} with stride "
        f"{stride} and padding {padding} is not clear, {reason}: give --kernel"
    )


def _convolution(options: Options, x: np.ndarray, error: np.ndarray, kernel: int) -> Convolution:
    try:
        return Convolution(
            out_channels=error.shape[1],
            in_channels=x.shape[1],
            height=x.shape[2],
            width=x.shape[3],
            out_height=error.shape[2],
            out_width=error.shape[3],
            kernel=kernel,
            stride=options.stride,
            padding=options.padding,
            depthwise=options.depthwise,
        )
    except ValueError as wrong:
        raise GradientError(
            f"{options.x} and {options.error} make no convolution: {wrong}; check --kernel, "
            "--stride, --padding and the files"
        ) from None


def _check_apart(options: Options) -> None:
    """GradientError if an output is another output or an input; the weights may be updated in
    place."""
    taken = {options.x.resolve(): "--x", options.error.resolve(): "--error"}
    if options.channels is not None:
        taken[Path(options.channels).absolute()] = "--channels"
    if options.update is not None:
        taken[options.update.scale.resolve()] = "--scale"
        if options.update.weights.resolve() != options.update.out.resolve():
            taken[options.update.weights.resolve()] = "--update"
    if options.choice is not None:
        ranked = options.choice.weights.resolve()
        if options.update is None or ranked != options.update.weights.resolve():
            taken[ranked] = "--weights"
    for option, path in options.outputs().items():
        other = taken.setdefault(path.resolve(), option)
        if other != option:
            raise GradientError(f"{option} {path} is the file of {other}: give it another name")


def choose_channels(
    choice: WindowOptions, weights: np.ndarray, sizes: Convolution, backend: GradientBackend
) -> tuple[np.ndarray, int]:
    """The channels of the window and the place of the next one; GradientError for weights that are
    not the layer's, or a window that cannot be."""
    shape = sizes.gradient_shape(sizes.in_channels)
    if weights.shape != shape:
        raise GradientError(
            f"the weights {choice.weights} have shape {weights.shape}, those of the layer {shape}"
        )
    ranking = backend.rank(weights, depthwise=sizes.depthwise)
    pool = sizes.in_channels if choice.pool is None else choice.pool
    return backend.schedule(ranking, window=choice.window, pool=pool, place=choice.place)


def run(options: Options) -> Job:
    """Reads the files, computes, and writes only when everything went well. GradientError or
    another UserError names what is wrong."""
    outputs = options.outputs()
    for option, path in outputs.items():
        check_writable(path, option)
    _check_apart(options)
    for name in ("stride", "padding"):
        (low, high), value = LIMITS[name], getattr(options, name)
        if not low <= value <= high:
            raise GradientError(f"--{name} {value} must be from {low} to {high}")
    x, error = read_array(options.x, "x"), read_array(options.error, "the error")
    channels, following = np.empty(0, np.int64), None
    if options.channels is not None:
        channels = read_channels(options.channels, x.shape[1])
    chosen, kernel, update = options.update, options.kernel, None
    weights = None if chosen is None else read_array(chosen.weights, "the weights")
    ranked = None if options.choice is None else read_array(options.choice.weights, "the weights")
    if kernel is None:
        known = next((array.shape[-1] for array in (weights, ranked) if array is not None), None)
        kernel = known or find_kernel(x, error, options.stride, options.padding)
    convolution = _convolution(options, x, error, kernel)
    if chosen is not None and weights is not None:
        multiplier, shift = read_scale(chosen.scale, convolution.out_channels)
        try:
            update = Update(
                weights=weights,
                multiplier=multiplier,
                shift=shift,
                rounding=chosen.rounding,
                seed=chosen.seed,
            )
        except ValueError as wrong:
            raise GradientError(str(wrong)) from None
    with closing(make_backend(options.backend, options.preset)) as backend:
        if options.choice is not None and ranked is not None:
            channels, following = choose_channels(options.choice, ranked, convolution, backend)
        result = backend.run_job(x, error, channels, convolution, update)
        counters = backend.counters
    arrays = {
        "--out": result.weight_gradient,
        "--bias-out": result.bias_gradient,
        "--weights-out": result.weights,
    }
    for option, path in outputs.items():
        write_whole(path, _as_npy(arrays[option]))
    return Job(
        convolution=convolution,
        images=len(x),
        channels=channels,
        following=following,
        result=result,
        written=outputs,
        counters=counters,
    )


def _as_npy(array: np.ndarray | None) -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.asarray(array), allow_pickle=False)
    return stream.getvalue()
