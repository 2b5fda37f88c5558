# SPDX-License-Identifier: Apache-2.0
"""A job of nms gradient: its files, and how it is asked for."""

import json
from pathlib import Path

import numpy as np

from verif.vectors.sgmac import convolution, draw

DENSE = convolution(3, 5, (6, 5), kernel=3, padding=1)
DEPTHWISE = convolution(5, 5, (8, 6), (4, 3), kernel=3, stride=2, depthwise=True)


def files(folder: Path, sizes=DENSE, images: int = 2, seed: int = 1) -> dict[str, Path]:
    """A job's x.npy, error.npy, weights.npy and scale.json."""
    rng = np.random.default_rng(seed)
    x, error = draw(rng, images, sizes)
    weights = rng.integers(-128, 128, sizes.gradient_shape(sizes.in_channels), np.int8)
    arrays = {"x": x, "error": error, "weights": weights}
    paths = {name: folder / f"{name}.npy" for name in arrays}
    for name, array in arrays.items():
        np.save(paths[name], array)
    paths["scale"] = folder / "scale.json"
    paths["scale"].write_text(json.dumps({"scale": 0.0004}))
    return paths


def job(paths: dict[str, Path], *rest: object) -> tuple:
    return ("gradient", "--x", paths["x"], "--error", paths["error"], *rest)


def update(paths: dict[str, Path], *rest: object) -> tuple:
    return ("--update", paths["weights"], "--scale", paths["scale"], *rest)
