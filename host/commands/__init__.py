# SPDX-License-Identifier: Apache-2.0
"""The nms sub-commands of the host: options and help here, the work in modules imported late."""
