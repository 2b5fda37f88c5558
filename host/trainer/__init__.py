# SPDX-License-Identifier: Apache-2.0
"""A small trainer that shows what a selection is worth beside random and all data."""
