# SPDX-License-Identifier: Apache-2.0
"""Area and clock on a Lattice ECP5-85F, speed grade 6: `python -m scripts.synth --help`."""
