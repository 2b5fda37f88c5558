# SPDX-License-Identifier: Apache-2.0
"""hw.desne.row_select: the digits of a distance; the rest is tested through neighbour_cut."""

from hw.desne.row_select import digit_widths


def test_digits():
    assert digit_widths(22) == (8, 7, 7)
    for width in range(16, 29):  # one feature to 4,096
        high, middle, low = digit_widths(width)
        assert high + middle + low == width
        assert high >= middle >= low >= high - 1 >= 1
