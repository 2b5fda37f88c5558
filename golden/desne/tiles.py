# SPDX-License-Identifier: Apache-2.0
"""How a data set is cut: budgets of the classes, tiles of a class, and which tiles are used."""

import numpy as np

BUDGET_PER_TILE = 300
"""A budget is spread over one tile more for every so many samples: many tiles with few chosen each
draw the same few places of the map in every tile."""


def class_budgets(counts: np.ndarray, keep: float) -> np.ndarray:
    """Share round(keep * N) samples among classes in proportion to their sizes, by largest
    remainder.

    counts: int [C], each >= 1. keep: above 0, up to 1. Returns int64 [C] with the exact total;
    equal remainders favour the lower class. Raises ValueError when keep is out of range or a class
    would be left empty.
    """
    counts = np.asarray(counts, np.int64)
    if not 0 < keep <= 1:
        raise ValueError(f"keep must be above 0 and at most 1, not {keep:g}")
    total = round(keep * int(counts.sum()))
    numerator = counts * total
    budgets = numerator // counts.sum()
    remainder = numerator % counts.sum()
    extra = np.argsort(-remainder, kind="stable")[: total - int(budgets.sum())]
    budgets[extra] += 1
    empty = np.flatnonzero(budgets == 0)
    if len(empty):
        raise ValueError(
            f"keep {keep:g} leaves class number {empty[0]} ({counts[empty[0]]} samples) empty; "
            f"keep more than {1 / counts.min():.3g}"
        )
    return budgets


def shares(total: int, parts: int) -> np.ndarray:
    """Cut a total into nearly equal parts: round(total (t+1) / parts) - round(total t / parts),
    halves up."""
    edges = (2 * total * np.arange(parts + 1, dtype=np.int64) + parts) // (2 * parts)
    return np.diff(edges)


def plan_class(
    members: np.ndarray, budget: int, tile: int, seed: int, label: int, all_tiles: bool = False
) -> list[tuple[np.ndarray, int]]:
    """The tiles of one class that are read, and what is chosen from each.

    members: dataset indices of the class. budget: 1..len(members). tile: the most samples a tile
    holds, >= 2. The class is dealt into ceil(m / tile) nearly equal tiles in an order drawn by
    (seed, label); the first max(1, ceil(budget / 300)) are used, as many more as it takes that none
    is asked for more than it has, or all of them (one for each sample of the budget, at most). A
    share that exceeds its tile passes the excess to the first with room. Returns [(indices int64
    ascending, budget >= 1)]; budgets add up exactly.
    """
    members = np.asarray(members, np.int64)
    if not 1 <= budget <= len(members):
        raise ValueError(f"a budget of {budget} does not fit a class of {len(members)} samples")
    if tile < 2:
        raise ValueError(f"a tile must hold at least 2 samples, not {tile}")
    number = -(-len(members) // tile)
    dealt = np.random.default_rng([seed, int(label) % (1 << 64)]).permutation(members)
    bounds = np.concatenate([[0], np.cumsum(shares(len(members), number))])
    sizes = np.diff(bounds)
    used = number if all_tiles else min(number, max(1, -(-budget // BUDGET_PER_TILE)))
    used = min(used, budget)
    while used < number and -(-budget // used) > sizes.min():
        used += 1
    parts = shares(budget, used)
    excess = np.maximum(parts - sizes[:used], 0)
    parts -= excess
    for _ in range(excess.sum()):
        parts[np.argmax(parts < sizes[:used])] += 1
    return [(np.sort(dealt[bounds[t] : bounds[t + 1]]), int(part)) for t, part in enumerate(parts)]
