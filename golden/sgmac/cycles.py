# SPDX-License-Identifier: Apache-2.0
"""Clock cycles of the sparse-gradient unit; tests hold the hardware to every figure.

Symbols as in docs/numerics.md, sparse gradient; P_o lanes, P' = H' * W' positions of an error map.

A job takes max(words, P' * rows) cycles and a little more: it loads while it computes, and where it
waits is decided by which planes fit. So every plane is followed from its first word to its last
position, and every row until it is in memory. Words come in the order of hw.sgmac.gather.
"""

from golden.sgmac.layout import piece_stride
from golden.sgmac.shape import Convolution
from golden.sgmac.waiting import (
    BURST,
    RELEASE,
    ROW_LATENCY,
    SETUP,
    VALUE_BYTES,
    Ring,
    Rows,
    Transfers,
    Words,
)

_LIST = 9  # cycles to the first entry of the list; then one a cycle
_BIAS = 25  # from the last row to the bias gradients, and from there to the end
_BETWEEN_BURSTS = 2  # cycles, of one transfer
_NO_BIAS = 22
_UPDATE = 7  # stages of the update
_RANK = 412  # orders, the sort beside its channels, the last word
_SCHEDULE = 25  # orders, from the last word read to channel 0, the last word


def rank_cycles(beats: int, channels: int, *, beat: int, latency: int) -> int:
    """The job rank, from the end of its start order to its end.

    beats: of the layer's weights in memory. channels: C_in. beat: bytes of a beat. latency: cycles
    from an address to the first beat, and from the last beat written to the answer; bursts follow
    each other without a pause. Behind the arbiter of hw/top.py it is one to three more.
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
    """
    rows = Rows(outputs, beat, serial=False)
    return _last_row(convolution, selected, Words(), rows, outputs, plane, beat) + 1


def job_cycles(
    convolution: Convolution,
    selected: int,
    *,
    outputs: int,
    plane: int,
    beat: int,
    accumulate: bool = False,
    update: bool = False,
    bias: bool = True,
) -> int:
    """A job of the unit, as the register gradient_count_cycles has it, when memory answers at
    once; within 1 %, or 8 cycles.

    selected: K. outputs: P_o. plane: bytes of the largest plane. beat: bytes of a word. accumulate,
    update, bias: of the job.
    """
    rows = Rows(outputs, beat, serial=True, accumulate=accumulate, update=update)
    end = _last_row(convolution, selected, Transfers(), rows, outputs, plane, beat)
    tail = _NO_BIAS + (_UPDATE if update else 0)
    if bias:
        beats = -(-convolution.outputs(selected) * VALUE_BYTES // beat)
        tail = _BIAS + beats + _BETWEEN_BURSTS * ((beats - 1) // BURST)
    return max(outputs + 1, selected + _LIST) + end + tail


def _last_row(
    convolution: Convolution,
    selected: int,
    words: Words,
    rows: Rows,
    outputs: int,
    plane: int,
    beat: int,
) -> int:
    """The cycle, from the array's start on, in which its last row is taken."""
    depthwise = convolution.depthwise
    positions = convolution.out_height * convolution.out_width
    x_beats = piece_stride(convolution.height * convolution.width, beat) // beat
    error_beats = piece_stride(positions, beat) // beat
    ring = Ring(error_beats if depthwise else x_beats, 2 * plane // beat)
    taps = _parts(convolution.taps, outputs)
    if depthwise:
        blocks, values, resident = [1] * selected, [taps] * selected, False
        half_beats, channels, share = x_beats, 1, 0
    else:
        blocks = _parts(convolution.out_channels, outputs)
        values = [[lanes] * convolution.taps for lanes in blocks]
        resident = selected * x_beats <= ring.capacity
        half_beats, channels, share = error_beats, selected, -(-outputs // selected)
    ends: list[int] = []  # last positions of the halves
    row_end = -1
    tap_ready = SETUP + taps[0] if depthwise else 0
    half_ready = 0  # when the half of this block is full
    owed: list[tuple[int, int]] = []  # rows of the position before: when planes are there, values

    def fill_half(planes: int, freed: int) -> int:
        """Planes to the half that the block `freed` had; when they are there."""
        words.order(planes * half_beats)
        if freed >= 0:
            words.time = max(words.time, ends[freed] + RELEASE)
        words.time += planes * half_beats
        words.end()
        return words.time

    def compute() -> None:
        """The rows of the position before; what they need of memory comes first."""
        nonlocal row_end, tap_ready
        for number, (ready, lanes) in enumerate(owed):
            begin = max(row_end + 1, ready, tap_ready)
            if depthwise:
                tap_ready = begin + 1 + taps[(number + 1) % len(taps)]
            row_end = max(begin + positions - 1, rows.places_free())
            rows.take(row_end + ROW_LATENCY, lanes, words)
        if owed:
            ring.ends.append(row_end)
        owed.clear()

    words.seek(depthwise)
    if not depthwise:
        half_ready = fill_half(blocks[0], -1)
    for block, planes in enumerate(blocks):
        coming, following_ready = 0, 0
        following = blocks[block + 1] if share and block + 1 < len(blocks) else 0
        for position in range(channels):
            words.find()
            if depthwise:
                half_ready = fill_half(1, block - 2)
            plane_ready = 0
            if resident and block:
                words.skip()
            else:
                words.order(ring.beats)
                words.time = plane_ready = ring.written(words.time, resident)
                words.end()
            words.seek(depthwise)
            words.spend(1)
            compute()
            if block and not position:
                ends.append(row_end)
            if position or not rows.update:
                words.skip()
            else:
                rows.take_scales(planes, words)
            count = min(share, following - coming)
            if count:
                following_ready = fill_half(count, block - 1)
                coming += count
            else:
                words.skip()
            owed += [(max(half_ready, plane_ready), lanes) for lanes in values[block]]
        if not depthwise:
            words.spend(1)
            half_ready = following_ready
    compute()
    return rows.taken[-1]


def _parts(count: int, size: int) -> list[int]:
    """count in parts of `size`, the last one with what is left."""
    return [min(size, count - start) for start in range(0, count, size)]
