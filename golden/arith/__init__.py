# SPDX-License-Identifier: Apache-2.0
"""Fixed-point functions, integer in and integer out."""
