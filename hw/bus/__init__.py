# SPDX-License-Identifier: Apache-2.0
"""AXI: signatures, read and write masters, the slave in front of the registers."""
