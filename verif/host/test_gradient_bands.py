# SPDX-License-Identifier: Apache-2.0
"""nms gradient on hardware whose planes are smaller than the maps: bands of rows, exact sums."""

from pathlib import Path

import numpy as np
import pytest

from verif.golden.plain_gradient import in_loops
from verif.host.conftest import nms, one_sentence
from verif.host.gradient_job import files, job, update
from verif.vectors.sgmac import convolution

BANDED = {
    "dense": convolution(9, 5, (19, 12), kernel=3, stride=2, padding=1),
    "pointwise": convolution(3, 4, (20, 7)),
    "depthwise": convolution(6, 6, (13, 16), kernel=3, padding=1, depthwise=True),
}


@pytest.mark.verilator
@pytest.mark.parametrize("name", BANDED)
def test_maps_larger_than_a_plane(tmp_path: Path, name: str) -> None:
    """Two images in bands of 64 bytes, the sums and the update exact."""
    sizes = BANDED[name]
    paths = files(tmp_path, sizes)
    out, updated = tmp_path / "dw.npy", tmp_path / "w.npy"
    given = ("--channels", "0,2", "--stride", sizes.stride, "--padding", sizes.padding)
    given += ("--depthwise",) if sizes.depthwise else ()
    given += (*update(paths, "--weights-out", updated), "--kernel", sizes.kernel, "--out", out)
    result = nms(*job(paths, *given, "--backend", "both", "--preset", "tiny"))
    assert result.exit_code == 0, result.output
    x, error = np.load(paths["x"]), np.load(paths["error"])
    assert np.array_equal(np.load(out), in_loops(x, error, [0, 2], sizes))


def test_a_row_of_windows_larger_than_a_plane(tmp_path: Path) -> None:
    paths = files(tmp_path, convolution(2, 3, (3, 700), kernel=3))
    out = tmp_path / "dw.npy"
    given = ("--channels", "all", "--kernel", 3, "--out", out, "--backend", "rtl")
    one_sentence(nms(*job(paths, *given)), "a plane holds 2048", "choose another preset")
    assert not out.exists()
