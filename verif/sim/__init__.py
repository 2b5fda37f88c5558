# SPDX-License-Identifier: Apache-2.0
"""Simulator tools: finding Verilator, and the compiled stream simulator."""
