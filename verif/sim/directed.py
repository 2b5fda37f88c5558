# SPDX-License-Identifier: Apache-2.0
"""All directed jobs, by what they are about."""

from verif.sim import (
    directed_counters,
    directed_gradient,
    directed_memory,
    directed_ranking,
    directed_refusals,
    directed_selection,
)

DIRECTED = {
    f"{kind.__name__.rpartition('_')[2]}.{job.__name__}": job
    for kind in (
        directed_counters,
        directed_gradient,
        directed_memory,
        directed_ranking,
        directed_refusals,
        directed_selection,
    )
    for job in kind.DIRECTED
}
"""By name; each takes a port of the compiled `tiny` accelerator, and raises when something is
wrong."""
