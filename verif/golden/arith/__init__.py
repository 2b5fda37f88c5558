# SPDX-License-Identifier: Apache-2.0
"""The arithmetic units against exact references."""
