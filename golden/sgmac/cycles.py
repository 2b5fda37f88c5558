# SPDX-License-Identifier: Apache-2.0
"""Clock cycles of the sparse-gradient unit; tests hold the hardware to every figure.

Symbols as in docs/numerics.md, sparse gradient; P_o lanes, P' = H' * W' positions of an error map.
"""

from golden.sgmac.layout import piece_stride
from golden.sgmac.shape import Convolution

_SETUP = 4  # from start to the first word in a memory
_RELEASE = 3  # from a plane's last position until its room can be written again
_ROW_LATENCY = 9  # from a row's last position to the row
_ROW_PLACES = 2


def array_cycles(
    convolution: Convolution, selected: int, *, outputs: int, plane: int, beat: int
) -> int:
    """The array, from start to the end of busy, for one image, exactly, when words are always there
    and rows are taken at once.

    selected: K. outputs: P_o. plane: bytes of the largest plane. beat: bytes of a word.

    A job takes max(words, P' * rows) cycles and a little more: it loads while it computes, and
    where it waits is decided by which planes fit. So every plane is followed from its first word
    to its last position.
    """
    depthwise = convolution.depthwise
    positions = convolution.out_height * convolution.out_width
    x_beats = piece_stride(convolution.height * convolution.width, beat) // beat
    error_beats = piece_stride(positions, beat) // beat
    capacity = 2 * plane // beat
    taps = _parts(convolution.taps, outputs)
    if depthwise:
        halves, ring_beats = [x_beats] * selected, error_beats
        channels, resident = 1, False
        rows = len(taps)
    else:
        halves = [count * error_beats for count in _parts(convolution.out_channels, outputs)]
        channels, ring_beats = selected, x_beats
        rows, resident = convolution.taps, selected * x_beats <= capacity

    time = _SETUP  # in which the next word is written
    planes: list[int] = []  # last positions of the planes of the ring
    ends: list[int] = []  # last positions of the halves
    row_ends = [-_ROW_LATENCY - 1] * _ROW_PLACES
    tap_ready = _SETUP + taps[0] if depthwise else 0
    for block, words in enumerate(halves):
        if block >= 2:
            time = max(time, ends[block - 2] + _RELEASE)
        time += words
        half_ready = time
        for _ in range(channels):
            if not resident or not block:
                time = _written(time, len(planes), planes, ring_beats, capacity, resident)
                plane_ready = time
            else:
                plane_ready = 0
            for row in range(rows):
                begin = max(row_ends[-1] + 1, half_ready, plane_ready, tap_ready)
                if depthwise:
                    tap_ready = begin + 1 + taps[(row + 1) % rows]
                end = max(begin + positions - 1, row_ends[-_ROW_PLACES] + _ROW_LATENCY + 1)
                row_ends = [*row_ends[1 - _ROW_PLACES :], end]
            planes.append(row_ends[-1])
        ends.append(row_ends[-1])
    return row_ends[-1] + _ROW_LATENCY + 1


def _parts(count: int, size: int) -> list[int]:
    """count in parts of `size`, the last one with what is left."""
    return [min(size, count - start) for start in range(0, count, size)]


def _written(
    time: int, number: int, planes: list[int], beats: int, capacity: int, resident: bool
) -> int:
    """The cycle after the last word of a plane of the ring, whose first is written at `time` if
    there is room; `number` planes were written before."""
    end = time + beats
    if resident:
        return end
    first = number * beats  # word of all words
    lowest = max(-(-(first + 1 - capacity) // beats), 1)
    for needed in range(lowest, -(-(first + beats - capacity) // beats) + 1):
        word = max(capacity + (needed - 1) * beats - first, 0)  # the first that needs so many gone
        end = max(end, planes[needed - 1] + _RELEASE + beats - word)
    return end
