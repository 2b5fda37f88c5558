# SPDX-License-Identifier: Apache-2.0
"""The stages of DE-SNE sampling in integer arithmetic."""
