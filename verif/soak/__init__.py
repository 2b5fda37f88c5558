# SPDX-License-Identifier: Apache-2.0
"""Random jobs back to back on the whole accelerator, with faults; one seed replays everything."""
