# SPDX-License-Identifier: Apache-2.0
"""Proofs about the blocks for all inputs: `make formal`."""
