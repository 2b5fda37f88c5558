# SPDX-License-Identifier: Apache-2.0
"""Mutation of the hardware: one fault at a time in the netlist; the jobs of the soak must tell."""
