# SPDX-License-Identifier: Apache-2.0
"""Hardware in Amaranth: the only place that describes it."""
