# SPDX-License-Identifier: Apache-2.0
"""The sparse-gradient unit against independent references."""
