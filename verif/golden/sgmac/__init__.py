# SPDX-License-Identifier: Apache-2.0
"""The phases of DE-SNE against independent references."""
