# SPDX-License-Identifier: Apache-2.0
"""sample: which samples of a mapped tile are chosen (docs/numerics.md, sample).

Integer compare, count, sort and multiply only. Every tie goes to the lowest sample index.
"""

import numpy as np

GRID_BITS = 6
"""Maps are cut into at most 64 x 64 cells."""

RULES = ("curve", "medoid", "grid")


def in_degree(neighbours: np.ndarray) -> np.ndarray:
    """How often each sample stands in the neighbour lists of the others. neighbours: [n, k].
    Returns int64 [n]."""
    return np.bincount(neighbours.ravel(), minlength=len(neighbours))


def candidates(neighbours: np.ndarray, budget: int, drop_quarters: int) -> np.ndarray:
    """Samples left when the floor(n * drop_quarters / 4) least-chosen neighbours are dropped, never
    below the budget.

    Sorted ascending by (in-degree, index), the first are dropped. Returns int64, ascending.
    """
    n = len(neighbours)
    dropped = min(n * drop_quarters // 4, n - budget)
    order = np.argsort(in_degree(neighbours), kind="stable")
    return np.sort(order[dropped:])


def hilbert_index(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The 12-bit position of a cell of the 64 x 64 grid along the Hilbert curve. x, y: int64,
    0..63.

    Hamilton, "Compact Hilbert Indices" (2006), the two-dimensional case: a quadrant a step, then
    swap and mirror.
    """
    x, y = x.copy(), y.copy()
    index = np.zeros_like(x)
    for bit in range(GRID_BITS - 1, -1, -1):
        right, upper = (x >> bit) & 1, (y >> bit) & 1
        index = (index << 2) | ((3 * right) ^ upper)
        mirror = (upper == 0) & (right == 1)
        low = (1 << bit) - 1
        x, y = x & low, y & low
        x, y = np.where(mirror, low - x, x), np.where(mirror, low - y, y)
        x, y = np.where(upper == 0, y, x), np.where(upper == 0, x, y)
    return index


def curve_order(points: np.ndarray) -> np.ndarray:
    """Positions of the points in the order of the Hilbert curve over their bounding square, ties in
    stream order.

    points: integers [m, 2]. The square's side is shifted right until it fits 64 cells.
    """
    offset = (points - points.min(axis=0)).astype(np.int64)
    extent = int(offset.max())
    shift = max(0, extent.bit_length() - GRID_BITS)
    cells = offset >> shift
    return np.argsort(hilbert_index(cells[:, 0], cells[:, 1]), kind="stable")


def curve(points: np.ndarray, budget: int, phase: int) -> np.ndarray:
    """A stratified draw along the curve: positions floor((65536 j + phase) m / (65536 budget)) of
    the order, j = 0..budget-1.

    Keeps the density of the map. points: [m, 2]. phase: 0..65535. Returns positions in points.
    """
    m = len(points)
    taken = ((np.arange(budget, dtype=np.int64) << 16) + phase) * m // (budget << 16)
    return curve_order(points)[taken]


def medoid(
    points: np.ndarray, features: np.ndarray, budget: int, phase: int, spread: int
) -> np.ndarray:
    """One sample from each of `budget` strata along the curve, near the stratum's centroid in
    feature space.

    Stratum of position r: floor(r * budget / m). Members are ranked by size * |f|^2 - 2 f.S with S
    the stratum's feature sum: the distance to the centroid, without a division. Taken is rank (size
    * spread * h) >> 24 with h = (stratum * 40503 + phase) & 65535; spread 0 is the medoid, 256 the
    whole stratum.
    """
    m = len(points)
    order = curve_order(points)
    stratum = np.arange(m, dtype=np.int64) * budget // m
    starts = np.searchsorted(stratum, np.arange(budget + 1))
    chosen = np.empty(budget, np.int64)
    for number in range(budget):
        members = np.sort(order[starts[number] : starts[number + 1]])
        f = features[members].astype(np.int64)
        size = len(members)
        score = size * (f * f).sum(axis=1) - 2 * (f @ f.sum(axis=0))
        h = (number * 40503 + phase) & 0xFFFF
        rank = (size * spread * h) >> 24
        chosen[number] = members[np.argsort(score, kind="stable")[rank]]
    return chosen


def _grid_cells(points: np.ndarray, side: int) -> tuple[np.ndarray, np.ndarray]:
    """Cell number and squared distance to the cell's centre of every point, for a grid of side x
    side cells."""
    offset = (points - points.min(axis=0)).astype(np.int64)
    scaled = offset * ((side << 16) // (int(offset.max()) + 1))
    cell = scaled >> 16
    from_centre = (scaled & 0xFFFF) - 0x8000
    return cell[:, 1] * side + cell[:, 0], (from_centre * from_centre).sum(axis=1)


def grid(points: np.ndarray, budget: int, phase: int) -> np.ndarray:
    """One sample from each occupied cell of the smallest grid that has at least `budget` of them:
    the nearest to its centre.

    The side is found by successive approximation, up to 64. A surplus is dropped from the least
    populated cells (ties: the lowest cell number). A shortfall at 64 is drawn from the points not
    yet chosen by the curve rule.
    """
    side = 0
    for bit in range(GRID_BITS - 1, -1, -1):
        trial = side | (1 << bit)
        if len(np.unique(_grid_cells(points, trial)[0])) < budget:
            side = trial
    cell, from_centre = _grid_cells(points, side + 1)
    order = np.lexsort((np.arange(len(points)), from_centre, cell))
    _, first, population = np.unique(cell[order], return_index=True, return_counts=True)
    chosen = order[first]
    surplus = len(chosen) - budget
    if surplus > 0:
        return chosen[np.sort(np.argsort(population, kind="stable")[surplus:])]
    rest = np.setdiff1d(np.arange(len(points)), chosen)
    if surplus < 0:
        chosen = np.concatenate([chosen, rest[curve(points[rest], -surplus, phase)]])
    return chosen


def sample(
    coordinates: np.ndarray,
    neighbours: np.ndarray,
    features: np.ndarray,
    budget: int,
    *,
    rule: str,
    drop_quarters: int,
    spread: int,
    phase: int,
) -> np.ndarray:
    """Choose `budget` of n samples.

    coordinates: int32 [n, 2]. neighbours: int32 [n, k]. features: uint8 [n, F]. budget: 1..n. rule:
    curve, medoid or grid. drop_quarters: 0..2. spread: 0..256 (medoid). phase: 0..65535, from the
    seed. Returns int64 [budget], ascending. Raises ValueError when the budget or the rule is out of
    range.
    """
    n = len(coordinates)
    if not 1 <= budget <= n:
        raise ValueError(f"a budget of {budget} does not fit a tile of {n} samples")
    left = candidates(neighbours, budget, drop_quarters)
    points = coordinates[left]
    if rule == "curve":
        chosen = curve(points, budget, phase)
    elif rule == "medoid":
        chosen = medoid(points, features[left], budget, phase, spread)
    elif rule == "grid":
        chosen = grid(points, budget, phase)
    else:
        raise ValueError(f"unknown rule {rule!r}; choose one of {', '.join(RULES)}")
    return np.sort(left[chosen])
