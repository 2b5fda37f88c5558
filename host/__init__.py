# SPDX-License-Identifier: Apache-2.0
"""What a user runs: the nms command, data sets, selection, training, report."""
