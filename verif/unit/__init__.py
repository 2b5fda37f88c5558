# SPDX-License-Identifier: Apache-2.0
"""Tests of the hardware in Amaranth's own simulator."""
