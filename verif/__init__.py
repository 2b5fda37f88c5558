# SPDX-License-Identifier: Apache-2.0
"""Verification: unit, cocotb, compiled simulation, golden and host tests."""
