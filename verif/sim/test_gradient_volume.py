# SPDX-License-Identifier: Apache-2.0
"""Ten million gradients of preset `train` against golden, in two hundred random jobs."""

from dataclasses import fields

import numpy as np
import pytest

from golden.sgmac import JobResult, run_job
from host.gradient_backends import RtlGradient, first_difference
from hw.config import PRESETS
from verif.records import record
from verif.vectors.sgmac_volume import PARTS, layer_shapes, volume_jobs

pytestmark = [pytest.mark.verilator, pytest.mark.slow]

JOBS, VALUES = 200 // PARTS, 10**7 // PARTS
"""Of each part, at least."""


@pytest.fixture(scope="module")
def hardware():
    backend = RtlGradient("train")
    yield backend
    backend.close()


def test_all_layers_are_there():
    """Every shape of MobileNetV2 at 128 x 128, among them those larger than a plane."""
    config = PRESETS["train"]
    shapes = layer_shapes(config)
    assert len(shapes) >= 30
    assert any(sizes.height * sizes.width > config.plane for sizes in shapes)
    assert len(shapes) <= PARTS * JOBS


@pytest.mark.parametrize("part", range(PARTS))
def test_volume(part, hardware, seed, request):
    """Every gradient, bias gradient, updated weight and saturation count."""
    jobs = gradients = values = wrong = cycles = 0
    first = ""
    for job in volume_jobs(hardware.config, part, seed):
        arguments = job.x, job.error, job.channels, job.sizes, job.update
        got, want = hardware.run_job(*arguments), run_job(*arguments)
        differ = 0
        for field in fields(JobResult):
            a, b = (np.asarray(getattr(result, field.name)) for result in (got, want))
            assert a.shape == b.shape
            differ += int((a != b).sum())
            values += 0 if b.dtype == object else b.size
        if differ and not first:
            first = f"{job.name} of part {part}, seed {seed}: {first_difference(got, want)}"
        wrong += differ
        jobs += 1
        gradients += want.weight_gradient.size + want.bias_gradient.size
        cycles += hardware.counters["cycles"]
        if jobs >= JOBS and gradients >= VALUES:
            break
    record(request.node.name, seed=seed, vectors=values, mismatches=wrong, cycles=cycles)
    print(
        f"part {part}, seed {seed}: {jobs} jobs, {gradients:,} gradients, {values:,} values, "
        f"{wrong} mismatches, {cycles:,} cycles"
    )
    assert wrong == 0, f"{wrong} of {values} values differ, the first in {first}"
