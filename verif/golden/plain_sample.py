# SPDX-License-Identifier: Apache-2.0
"""The sampling rules of docs/numerics.md in plain Python integers; imports nothing of `golden`.

`branches` collects the names of the cases met, so that a test can prove it met them all.
"""

from math import floor

Rows = list[list[int]]


def candidates(neighbours: Rows, budget: int, quarters: int) -> list[int]:
    n = len(neighbours)
    degree = [sum(row.count(i) for row in neighbours) for i in range(n)]
    ranked = sorted(range(n), key=lambda i: (degree[i], i))
    return sorted(ranked[min(floor(n * quarters / 4), n - budget) :])


def hilbert_cells(order: int) -> list[tuple[int, int]]:
    """The cells of a square of side 2^order along Hilbert's curve, from (0, 0) to (side - 1, 0).

    By his construction: four copies of the curve one order lower, up the left side, across, and
    down the right side; the first and the last are turned so that the ends meet.
    """
    if order == 0:
        return [(0, 0)]
    side = 2 ** (order - 1)
    lower = hilbert_cells(order - 1)
    return (
        [(y, x) for x, y in lower]
        + [(x, y + side) for x, y in lower]
        + [(x + side, y + side) for x, y in lower]
        + [(2 * side - 1 - y, side - 1 - x) for x, y in lower]
    )


POSITION = {cell: index for index, cell in enumerate(hilbert_cells(6))}


def bounding(points: Rows) -> tuple[Rows, int]:
    """Offsets from the minimum of each axis, and the larger extent."""
    low = [min(p[a] for p in points) for a in (0, 1)]
    offsets = [[p[a] - low[a] for a in (0, 1)] for p in points]
    return offsets, max(max(p) for p in offsets)


def curve_order(points: Rows) -> list[int]:
    offsets, extent = bounding(points)
    shift = 0
    while extent >> shift >= 64:
        shift += 1
    return sorted(
        range(len(points)), key=lambda i: (POSITION[tuple(v >> shift for v in offsets[i])], i)
    )


def curve(points: Rows, budget: int, phase: int) -> list[int]:
    order = curve_order(points)
    m = len(points)
    return [order[(65536 * j + phase) * m // (65536 * budget)] for j in range(budget)]


def medoid(points: Rows, features: Rows, budget: int, phase: int, spread: int) -> list[int]:
    order, m = curve_order(points), len(points)
    chosen = []
    for number in range(budget):
        members = [order[r] for r in range(m) if r * budget // m == number]
        size = len(members)
        total = [sum(column) for column in zip(*(features[i] for i in members), strict=True)]

        def score(i, size=size, total=total):
            norm = sum(f * f for f in features[i])
            return size * norm - 2 * sum(a * b for a, b in zip(features[i], total, strict=True))

        ranked = sorted(members, key=lambda i: (score(i), i))
        h = (40503 * number + phase) & 65535
        chosen.append(ranked[(size * spread * h) >> 24])
    return chosen


def grid_cells(points: Rows, side: int) -> dict[int, list[tuple[int, int]]]:
    """Of each occupied cell: (squared distance to its centre, position) of the points in it."""
    offsets, extent = bounding(points)
    scale = side * 2**16 // (extent + 1)
    cells: dict[int, list[tuple[int, int]]] = {}
    for i, offset in enumerate(offsets):
        x, y = (v * scale for v in offset)
        from_centre = ((x & 65535) - 32768) ** 2 + ((y & 65535) - 32768) ** 2
        cells.setdefault((y >> 16) * side + (x >> 16), []).append((from_centre, i))
    return cells


def grid(points: Rows, budget: int, phase: int, branches: set[str]) -> list[int]:
    g = 0
    for bit in reversed(range(6)):
        if len(grid_cells(points, g + 2**bit)) < budget:
            g += 2**bit
    cells = grid_cells(points, 1 + g)
    taken = {number: min(members)[1] for number, members in cells.items()}
    surplus = len(taken) - budget
    branches.add("surplus" if surplus > 0 else "shortfall" if surplus < 0 else "exact")
    if surplus > 0:
        for number in sorted(cells, key=lambda c: (len(cells[c]), c))[:surplus]:
            del taken[number]
    chosen = list(taken.values())
    if surplus < 0:
        rest = [i for i in range(len(points)) if i not in chosen]
        drawn = curve([points[i] for i in rest], -surplus, phase)
        chosen += [rest[i] for i in drawn]
    return chosen


def sample(
    points: Rows,
    neighbours: Rows,
    features: Rows,
    budget: int,
    rule: str,
    quarters: int,
    spread: int,
    phase: int,
    branches: set[str],
) -> list[int]:
    left = candidates(neighbours, budget, quarters)
    branches.add("dropped" if len(left) < len(points) else "all candidates")
    near = [points[i] for i in left]
    if rule == "curve":
        chosen = curve(near, budget, phase)
    elif rule == "medoid":
        chosen = medoid(near, [features[i] for i in left], budget, phase, spread)
    else:
        chosen = grid(near, budget, phase, branches)
    return sorted(left[i] for i in chosen)
