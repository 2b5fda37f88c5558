# SPDX-License-Identifier: Apache-2.0
"""Mutation: one fault at a time in the netlist, or in the golden model; the tests must tell."""
