# SPDX-License-Identifier: Apache-2.0
"""Changes of the golden model that change no result, and why; found among survivors by reading."""

_PIECES = "how many images or channels are computed at a time, at least one: memory and time only"
REASONS: dict[tuple[str, str, str], str] = {
    (
        "golden/sgmac/gradient.py",
        "_PATCH_BYTES_AT_ONCE = 1 << 21",
        "1 << 21 -> 1 >> 21",
    ): _PIECES,
    (
        "golden/sgmac/gradient.py",
        "for images in _pieces(len(x), _POSITIONS_AT_ONCE // positions):",
        "_POSITIONS_AT_ONCE // positions -> _POSITIONS_AT_ONCE * positions",
    ): _PIECES,
}
"""By file, line of the source, and change."""
