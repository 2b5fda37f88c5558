# SPDX-License-Identifier: Apache-2.0
"""The blocks of the DE-SNE sampling engine in hardware."""
