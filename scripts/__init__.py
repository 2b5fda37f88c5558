# SPDX-License-Identifier: Apache-2.0
"""Developer tools."""
