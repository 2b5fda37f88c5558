# SPDX-License-Identifier: Apache-2.0
"""Named stimuli, shared by the Amaranth tests and the tests of the generated Verilog."""
