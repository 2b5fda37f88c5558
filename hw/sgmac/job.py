# SPDX-License-Identifier: Apache-2.0
"""The numbers of a sparse-gradient job that decide about addresses."""

from amaranth.lib import data

from hw.config import Configuration, width_for

ADDRESS_WIDTH = 64
STRIDE_WIDTH = 24
"""Bits of a row or piece of weights in bytes."""
OUTPUTS_WIDTH = 16
LENGTH_WIDTH = 32
"""Bits of a transfer's bytes."""


def memory_job_layout(config: Configuration) -> data.StructLayout:
    """Where the arrays of a job are, and how many of what (docs/numerics.md, memory layout).

    channels_address: the channel list, 32 bits each, ascending. x_address, error_address: channel
    0's plane. gradient_address: int32 rows by position in the list. weights_address: int8 rows of
    the whole layer. scale_address, bias_address: 32-bit words. Every address is a multiple of the
    beat.
    error_bytes: of an error plane. x_stride, error_stride: bytes from plane to plane, a multiple of
    the beat. gradient_row, weights_row: bytes from row to row; weights_piece: from input channel to
    input channel. in_channels: of the layer. selected: K, 1..channels. outputs: C_out. taps: k * k.
    depthwise; accumulate: add to the gradients in memory; update: write weights, not gradients;
    bias: write bias gradients; resident: all selected planes fit the ring.
    """
    addresses = ("channels", "x", "error", "gradient", "weights", "scale", "bias")
    strides = ("gradient_row", "weights_row", "weights_piece")
    flags = ("depthwise", "accumulate", "update", "bias", "resident")
    return data.StructLayout(
        {f"{name}_address": ADDRESS_WIDTH for name in addresses}
        | {name: width_for(config.plane) for name in ("x_stride", "error_bytes", "error_stride")}
        | {name: STRIDE_WIDTH for name in strides}
        | {name: width_for(config.channels) for name in ("in_channels", "selected")}
        | {"outputs": OUTPUTS_WIDTH, "taps": width_for(config.kernel**2)}
        | {name: 1 for name in flags}
    )


def choice_job_layout(config: Configuration) -> data.StructLayout:
    """What the jobs rank and schedule are told.

    weights_address: int8 rows of the whole layer, layer_bytes in all. ranking_address,
    channels_address: 32-bit words. Every address is a multiple of the beat.
    in_channels: of the layer. rows, row_bytes: of each input channel. selected: K, pool, place: the
    window and where on the ranking it begins.
    """
    addresses = ("weights", "ranking", "channels")
    return data.StructLayout(
        {f"{name}_address": ADDRESS_WIDTH for name in addresses}
        | {"layer_bytes": LENGTH_WIDTH, "rows": width_for(config.kernel**2)}
        | {"row_bytes": OUTPUTS_WIDTH}
        | {name: width_for(config.channels) for name in ("in_channels", "selected", "pool")}
        | {"place": width_for(config.channels - 1)}
    )
