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
_RANK = 409  # orders, the sort beside its channels, the last word
_SCHEDULE = 22  # orders, from the last word read to channel 0, the last word


def rank_cycles(beats: int, channels: int, *, beat: int, latency: int) -> int:
    """The job rank, from the end of its start order to its end.

    beats: of the layer's weights in memory. channels: C_in. beat: bytes of a beat. latency: cycles
    from an address to the first beat, and from the last beat written to the answer; bursts follow
    each other without a pause. Behind the arbiter of hw/top.py it is a cycle or two more.
    """
    tree = -(-((beat - 1).bit_length()) // 2)  # levels of 4 terms
    return _RANK + 2 * latency + beats + tree + 17 * channels


def schedule_cycles(pool: int, last: int, *, latency: int) -> int:
    """The job schedule. last: the highest channel of the window. latency: as of rank_cycles."""
    return _SCHEDULE + 2 * latency + pool + last


def array_cycles(
    convolution: Convolution, selected: int, *, outputs: int, plane: int, beat: int
) -> int:
    """The array, from start to the end of busy, for one image, exactly, when words are always there
    and rows are taken at once.

    selected: K. outputs: P_o. plane: bytes of the largest plane. beat: bytes of a word.

    A job takes max(words, P' * rows) cycles and a little more: it loads while it computes, and
    where it waits is decided by which planes fit. So every plane is followed from its first word
    to its last position. Words come in the order of hw.sgmac.array.
    """
    depthwise = convolution.depthwise
    positions = convolution.out_height * convolution.out_width
    x_beats = piece_stride(convolution.height * convolution.width, beat) // beat
    error_beats = piece_stride(positions, beat) // beat
    ring = _Ring(error_beats if depthwise else x_beats, 2 * plane // beat)
    taps = _parts(convolution.taps, outputs)
    if depthwise:
        blocks, rows, resident = [1] * selected, len(taps), False
        half_beats, channels, share = x_beats, 1, 0
    else:
        blocks, rows = _parts(convolution.out_channels, outputs), convolution.taps
        resident = selected * x_beats <= ring.capacity
        half_beats, channels, share = error_beats, selected, -(-outputs // selected)

    time = _SETUP  # in which the next word is written
    ends: list[int] = []  # last positions of the halves
    row_ends = [-_ROW_LATENCY - 1] * _ROW_PLACES
    tap_ready = _SETUP + taps[0] if depthwise else 0
    half_ready = 0
    coming = 0  # planes of the half that were written
    for block, planes in enumerate(blocks):
        if block >= 2 and coming < planes:
            time = max(time, ends[block - 2] + _RELEASE)
        if coming < planes:
            time += (planes - coming) * half_beats
            half_ready = time
        coming, following_ready = 0, 0
        following = blocks[block + 1] if share and block + 1 < len(blocks) else 0
        for _ in range(channels):
            plane_ready = 0
            if not resident or not block:
                time = plane_ready = ring.written(time, resident)
            count = min(share, following - coming)
            if count:
                if block:
                    time = max(time, ends[block - 1] + _RELEASE)
                time += count * half_beats
                coming += count
                following_ready = time
            for row in range(rows):
                begin = max(row_ends[-1] + 1, half_ready, plane_ready, tap_ready)
                if depthwise:
                    tap_ready = begin + 1 + taps[(row + 1) % rows]
                end = max(begin + positions - 1, row_ends[-_ROW_PLACES] + _ROW_LATENCY + 1)
                row_ends = [*row_ends[1 - _ROW_PLACES :], end]
            ring.ends.append(row_ends[-1])
        ends.append(row_ends[-1])
        half_ready = following_ready
    return row_ends[-1] + _ROW_LATENCY + 1


def _parts(count: int, size: int) -> list[int]:
    """count in parts of `size`, the last one with what is left."""
    return [min(size, count - start) for start in range(0, count, size)]


class _Ring:
    """Room for planes of `beats` words in `capacity` words; ends: the last position of each plane
    that was read."""

    def __init__(self, beats: int, capacity: int) -> None:
        self.beats, self.capacity = beats, capacity
        self.planes = 0  # written
        self.ends: list[int] = []

    def written(self, time: int, stays: bool) -> int:
        """The cycle after the last word of the next plane, whose first is written at `time` if
        there is room."""
        beats, first = self.beats, self.planes * self.beats  # first of all words ever written
        end = time + beats
        self.planes += 1
        if not stays:
            lowest = max(-(-(first + 1 - self.capacity) // beats), 1)
            for gone in range(lowest, -(-(first + beats - self.capacity) // beats) + 1):
                word = max(self.capacity + (gone - 1) * beats - first, 0)  # the first to need that
                end = max(end, self.ends[gone - 1] + _RELEASE + beats - word)
        return end
