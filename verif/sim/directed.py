# SPDX-License-Identifier: Apache-2.0
"""All directed jobs, by what they are about."""

from importlib import import_module

KINDS = ("counters", "gradient", "memory", "ranking", "refusals", "selection")
DIRECTED = {
    f"{kind}.{job.__name__}": job
    for kind in KINDS
    for job in import_module(f"verif.sim.directed_{kind}").DIRECTED
}
"""By name; each takes a port of the compiled `tiny` accelerator, and raises when something is
wrong."""
