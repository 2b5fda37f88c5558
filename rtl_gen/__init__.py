# SPDX-License-Identifier: Apache-2.0
"""Verilog and its manifest from a hardware configuration."""
