# SPDX-License-Identifier: Apache-2.0
"""What a selection has to beat: well-known ways to choose samples, class by class.

Each is a function of features (uint8 [n, F], what golden's reduce makes of the samples of a class),
the budget (1..n) and a generator, and returns `budget` distinct positions, int64. Distances and
sums are exact integers, so equal values are ties, and the lowest position wins.
"""

import warnings

import numpy as np
from threadpoolctl import threadpool_limits

LLOYD_STEPS = 100


def random(features: np.ndarray, budget: int, generator: np.random.Generator) -> np.ndarray:
    """Uniformly without replacement."""
    return generator.permutation(len(features))[:budget]


def squared_norms(features: np.ndarray) -> np.ndarray:
    """|x|^2 of each row, int64 [n]."""
    return np.einsum("nf,nf->n", features, features, dtype=np.int64)


def k_means(features: np.ndarray, budget: int, generator: np.random.Generator) -> np.ndarray:
    """The sample nearest to each centre of a k-means clustering with `budget` clusters.

    scikit-learn's KMeans, one k-means++ start. Where equal samples leave fewer clusters than asked
    for, the samples farthest from their centre fill the budget.
    """
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning

    values = features.astype(np.float64)
    model = KMeans(
        budget,
        init="k-means++",
        n_init=1,  # pyright: ignore[reportArgumentType]
        max_iter=LLOYD_STEPS,
        random_state=int(generator.integers(1 << 31)),
    )
    with threadpool_limits(1), warnings.catch_warnings():  # threads change the last bits of sums
        warnings.simplefilter("ignore", ConvergenceWarning)
        cluster = model.fit_predict(values)
    distance = np.sum((values - model.cluster_centers_[cluster]) ** 2, axis=1)
    order = np.lexsort((distance, cluster))
    _, first = np.unique(cluster[order], return_index=True)
    nearest = order[first]
    distance[nearest] = -1
    others = np.argsort(-distance, kind="stable")[: budget - len(nearest)]
    return np.concatenate([nearest, others])


def k_center(features: np.ndarray, budget: int, generator: np.random.Generator) -> np.ndarray:
    """Greedy k-center: from a random sample on, always the one farthest from all chosen.

    The largest distance to a chosen sample is at most twice the least possible (Gonzalez,
    "Clustering to minimize the maximum intercluster distance", 1985).
    """
    values, norms = features.astype(np.float64), squared_norms(features)
    chosen = np.empty(budget, np.int64)
    chosen[0] = generator.integers(len(features))
    nearest = np.full(len(features), np.iinfo(np.int64).max)
    for step in range(1, budget):
        last = chosen[step - 1]
        product = (values @ values[last]).astype(np.int64)  # below 2^53: exact
        np.minimum(nearest, norms + norms[last] - 2 * product, out=nearest)
        nearest[last] = -1
        chosen[step] = np.argmax(nearest)
    return chosen


def herding(features: np.ndarray, budget: int, generator: np.random.Generator) -> np.ndarray:
    """Always the sample that brings the mean of the chosen nearest to the mean of the class.

    Step t takes the x that minimises |mean - (sum of chosen + x) / t|, without replacement
    (Welling, "Herding dynamical weights to learn", 2009, as iCaRL uses it). Multiplied out, that is
    the least n |x|^2 - 2 (t total - n sum) . x, all integers. Nothing is random.
    """
    values, count = features.astype(np.float64), len(features)
    norms, total = count * squared_norms(features), values.sum(0)
    chosen, running = np.empty(budget, np.int64), np.zeros(features.shape[1])
    left = np.ones(count, bool)
    for step in range(budget):
        wanted = (step + 1) * total - count * running
        score = norms - 2 * (values @ wanted).astype(np.int64)
        score[~left] = np.iinfo(np.int64).max
        chosen[step] = np.argmin(score)
        left[chosen[step]] = False
        running += values[chosen[step]]
    return chosen
