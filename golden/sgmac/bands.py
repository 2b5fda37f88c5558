# SPDX-License-Identifier: Apache-2.0
"""bands: a layer with maps too large for the hardware, as convolutions of some of their rows."""

from dataclasses import dataclass, replace

from golden.sgmac.shape import Convolution


@dataclass(frozen=True, kw_only=True)
class Band:
    """Some rows of the error maps and the rows of the input maps that their windows meet.

    rows: of the input. error_rows: of the error. convolution: of these rows alone.
    """

    rows: slice
    error_rows: slice
    convolution: Convolution


def bands(convolution: Convolution, plane: int) -> list[Band]:
    """As few bands as possible, from top to bottom, with maps of at most `plane` bytes each.

    The gradients of a layer are the sums of those of its bands: every row of the error is in one
    band. The inputs of neighbours overlap by kernel - stride rows. A layer that fits is one band.
    Raises ValueError if a single row of windows does not fit.
    """
    k, stride, height = convolution.kernel, convolution.stride, convolution.height

    def band(first: int, last: int) -> Band:
        """Of the error's rows first..last."""
        top = first * stride - convolution.above  # of the first window
        rows = slice(max(top, 0), min((last - first) * stride + top + k, height))
        return Band(
            rows=rows,
            error_rows=slice(first, last + 1),
            convolution=replace(
                convolution,
                height=rows.stop - rows.start,
                out_height=last + 1 - first,
                padding_above=max(-top, 0),
            ),
        )

    def fits(candidate: Band) -> bool:
        sizes = candidate.convolution
        return max(sizes.height * sizes.width, sizes.out_height * sizes.out_width) <= plane

    found, first = [], 0
    while first < convolution.out_height:
        best = None
        for last in range(first, convolution.out_height):
            candidate = band(first, last)
            if not fits(candidate):
                break
            best = candidate
        if best is None:
            needed = band(first, first).convolution
            raise ValueError(
                f"a row of windows needs {needed.height} x {needed.width} bytes of the input and "
                f"{needed.out_width} of the error, and a plane holds {plane}"
            )
        found.append(best)
        first = best.error_rows.stop
    return found
