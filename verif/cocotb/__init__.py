# SPDX-License-Identifier: Apache-2.0
"""Tests of the generated Verilog in Verilator, driven by cocotb."""
