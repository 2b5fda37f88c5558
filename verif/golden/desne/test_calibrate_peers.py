# SPDX-License-Identifier: Apache-2.0
"""calibrate against the conditional probabilities of scikit-learn and openTSNE."""

import numpy as np
import pytest
from sklearn.manifold._utils import _binary_search_perplexity

from golden.desne.calibrate import calibrate
from golden.desne.distance import distance
from verif.golden.perplexity import conditional_probabilities

PERPLEXITY, NEIGHBOURS = 30.0, 64


def tolerance(reference):
    """Half a unit of U0.8, plus 1 % for one code step (0.27 % of beta) and t floored to 1/256."""
    return 0.5 / 256 + 0.01 * reference + 1e-4


def test_probabilities_agree_with_scikit_learn(tile):
    d = distance(tile)
    result = calibrate(d, PERPLEXITY, NEIGHBOURS)
    kept = np.take_along_axis(d, result.neighbours.astype(np.int64), axis=1)
    reference = _binary_search_perplexity(kept.astype(np.float32), PERPLEXITY, 0)
    assert (np.abs(result.weights / 256 - reference) <= tolerance(reference)).all()
    ours = conditional_probabilities(kept - kept.min(axis=1, keepdims=True), result.code)
    np.testing.assert_allclose(ours, reference, rtol=0.03, atol=1e-4)


@pytest.mark.parametrize("label", [0, 8])
def test_probabilities_agree_with_opentsne(digits, label):
    affinity = pytest.importorskip("openTSNE.affinity")
    samples, labels = digits
    features = samples[labels == label]
    reference = affinity.PerplexityBasedNN(
        features.astype(float),
        perplexity=PERPLEXITY,
        method="exact",
        symmetrize=False,
        k_neighbors=NEIGHBOURS,
    ).P.toarray()
    reference /= reference.sum(axis=1, keepdims=True)
    # At a tie on the cut the sets may differ, the sorted probabilities cannot.
    reference = -np.sort(-reference, axis=1)[:, :NEIGHBOURS]
    result = calibrate(distance(features), PERPLEXITY, NEIGHBOURS)
    weights = -np.sort(-(result.weights / 256), axis=1)
    assert (np.abs(weights - reference) <= tolerance(reference)).all()
