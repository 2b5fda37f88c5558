# SPDX-License-Identifier: Apache-2.0
"""Changes of the golden model that change no result, and why; found among survivors by reading."""

REASONS: dict[tuple[str, str, str], str] = {}
"""By file, line of the source, and change."""
