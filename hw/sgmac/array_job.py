# SPDX-License-Identifier: Apache-2.0
"""What the array of the sparse-gradient unit is told about a job, and its streams."""

import enum

from amaranth.hdl import signed
from amaranth.lib import data

from hw.config import Configuration, width_for
from hw.sgmac.job import OUTPUTS_WIDTH

__all__ = ["Target", "array_job_layout", "rows_layout", "tap_layout", "words_layout"]

STRIDE_WIDTH = 8


class Target(enum.IntEnum):
    """Which memory of the array a word is for."""

    LANES = 0
    RING = 1


def words_layout(config: Configuration) -> data.StructLayout:
    """A beat of a plane: data, lowest address in the lowest bits; target, a Target."""
    return data.StructLayout({"data": config.data_width, "target": 1})


def rows_layout(config: Configuration) -> data.StructLayout:
    """A row: sums[l] of lane l, whatever it is where the job has no such output or tap; last, of
    the job."""
    return data.StructLayout(
        {"sums": data.ArrayLayout(signed(config.sum_width), config.outputs), "last": 1}
    )


def tap_layout(config: Configuration) -> data.StructLayout:
    """A tap: row u, column v, and how many bytes behind an output's first place its place is."""
    number = width_for(config.kernel - 1)
    return data.StructLayout({"offset": ring_address_width(config), "u": number, "v": number})


def ring_address_width(config: Configuration) -> int:
    """Bits of a byte's place in the ring of 2 * plane bytes."""
    return config.plane.bit_length()


def array_job_layout(config: Configuration) -> data.StructLayout:
    """The numbers of one image of one layer (docs/numerics.md, sparse gradient).

    height, width: of a map of x. out_height, out_width: of a map of the error. A map's product of
    both is at most config.plane. kernel: k, 1..config.kernel. stride: 1..255. padding: to the left,
    padding_above: above; each 0..k - 1.
    depthwise. selected: K, 1..config.channels. outputs: C_out, 1..65535.
    positions: out_height * out_width. taps: k * k. line: stride * width; first_offset:
    -(padding_above * width + padding), both modulo 2 * config.plane.
    x_beats, error_beats: words of a plane, ceil(size / beat_bytes).
    resident: all selected planes of x fit the ring, K * x_beats <= 2 * config.plane_beats, and are
    given once instead of once for each block; 0 when depthwise.
    """
    side, beats = width_for(config.plane), width_for(config.plane_beats)
    return data.StructLayout(
        {name: side for name in ("height", "width", "out_height", "out_width")}
        | {"kernel": width_for(config.kernel), "stride": STRIDE_WIDTH}
        | {name: width_for(config.kernel - 1) for name in ("padding", "padding_above")}
        | {"positions": side, "taps": width_for(config.kernel**2), "depthwise": 1}
        | {name: ring_address_width(config) for name in ("line", "first_offset")}
        | {"selected": width_for(config.channels), "outputs": OUTPUTS_WIDTH}
        | {"x_beats": beats, "error_beats": beats, "resident": 1}
    )
