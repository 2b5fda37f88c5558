# SPDX-License-Identifier: Apache-2.0
"""The bit-exact reference in numpy: the specification the hardware is proved equal to."""
