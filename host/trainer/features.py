# SPDX-License-Identifier: Apache-2.0
"""What the frozen front makes of every image, computed once and kept on disk.

An image is scaled to the network's input side (bilinear) and to value / 127.5 - 1. Maps are kept as
float16. A file's name is a hash of all that went into it, so a file that exists is never stale.
"""

import hashlib
import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from host.trainer.model import Front
from host.trainer.network import Network

BATCH = 32
FORMAT = 1


def default_cache() -> Path:
    """Where maps are kept unless told otherwise."""
    root = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(root) / "near-memory-sampling"


def as_input(images: np.ndarray, side: int, mirrored: bool = False) -> Tensor:
    """uint8 [n, h, w] or [n, h, w, c] as float32 [n, side, side, c]; mirrored: left to right."""
    if images.ndim == 3:
        images = images[..., None]
    x = torch.from_numpy(images.astype(np.float32)).permute(0, 3, 1, 2)
    if mirrored:
        x = x.flip(3)
    if x.shape[2:] != (side, side):
        x = functional.interpolate(x, (side, side), mode="bilinear", align_corners=False)
    return (x / 127.5 - 1).permute(0, 2, 3, 1).contiguous()


class Maps:
    """Maps of images at a block of a network, from a cache, computed where it has none.

    on_start gets a text and the number of batches that have to be computed, on_batch is called
    after each.
    """

    def __init__(
        self,
        network: Network,
        weights: Mapping[str, np.ndarray],
        side: int,
        cache: Path,
        on_start: Callable[[str, int], None] = lambda text, batches: None,
        on_batch: Callable[[], None] = lambda: None,
    ) -> None:
        self.network, self.weights, self.side, self.cache = network, weights, side, cache
        self._on_start, self._on_batch = on_start, on_batch

    def before(self, images: np.ndarray, block: int, mirrored: bool = False) -> np.ndarray:
        """float16 [n, h, w, c], what enters `block`, mapped from the file."""
        path = self._path(images, block, mirrored)
        if not path.exists():
            front = Front(self.network, self.weights, 0, block)

            def compute(part: slice) -> np.ndarray:
                return front(as_input(images[part], self.side, mirrored)).numpy()

            self._write(path, len(images), np.float16, compute)
        return np.load(path, mmap_mode="r")

    def pooled(self, images: np.ndarray, block: int, mirrored: bool = False) -> np.ndarray:
        """float32 [n, features], what the classifier reads of the untrained network; made from the
        maps before `block`."""
        blocks = len(self.network.blocks)
        path = self._path(images, blocks, mirrored)
        if not path.exists():
            maps = self.before(images, block, mirrored)
            rest = Front(self.network, self.weights, block, blocks)

            def compute(part: slice) -> np.ndarray:
                x = torch.from_numpy(maps[part].astype(np.float32))
                return rest(x).mean((1, 2)).numpy()

            self._write(path, len(images), np.float32, compute)
        return np.load(path)

    def _path(self, images: np.ndarray, block: int, mirrored: bool) -> Path:
        digest = hashlib.sha256()
        digest.update(f"{FORMAT} {self.network.name} {self.side} {block} {mirrored}".encode())
        digest.update(f"{images.shape} {images.dtype}".encode())
        digest.update(np.ascontiguousarray(images).data)
        for part in self.network.blocks[:block]:
            for layer in part.all_layers:
                for kind in ("weight", "bias"):
                    digest.update(self.weights[f"{layer.name}.{kind}"].data)
        key = digest.hexdigest()[:20]
        return self.cache / f"{self.network.name}-{self.side}-{block}-{key}.npy"

    def _write(
        self, path: Path, count: int, dtype: type, compute: Callable[[slice], np.ndarray]
    ) -> None:
        """The file, whole or not at all, from batches."""
        self._on_start(f"Frozen front, {count:,} images", -(-count // BATCH))
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        os.close(handle)
        try:
            kept = None
            for first in range(0, count, BATCH):
                maps = compute(slice(first, first + BATCH))
                if kept is None:
                    kept = np.lib.format.open_memmap(name, "w+", dtype, (count, *maps.shape[1:]))
                kept[first : first + BATCH] = maps
                self._on_batch()
            assert kept is not None
            kept.flush()
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
