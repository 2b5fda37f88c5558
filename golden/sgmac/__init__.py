# SPDX-License-Identifier: Apache-2.0
"""The sparse-gradient unit: gradients of selected input channels, and the update of their weights.

docs/numerics.md, "sparse gradient", is the contract.
"""

from golden.sgmac.bands import Band, bands
from golden.sgmac.engine import JobResult, Update, run_job
from golden.sgmac.gradient import bias_gradient, weight_gradient
from golden.sgmac.schedule import Schedule
from golden.sgmac.shape import Convolution
from golden.sgmac.update import quantise_scale, update_weights

__all__ = [
    "Band",
    "Convolution",
    "JobResult",
    "Schedule",
    "Update",
    "bands",
    "bias_gradient",
    "quantise_scale",
    "run_job",
    "update_weights",
    "weight_gradient",
]
