# SPDX-License-Identifier: Apache-2.0
"""Training: what a selection is worth beside random and all data, and sparse fine-tuning."""
