# SPDX-License-Identifier: Apache-2.0
"""The bounds of hw.desne.map_widths against every distance of the golden model."""

import numpy as np

from golden.desne.embed import similarity
from hw.config import PRESETS
from hw.desne import map_widths as widths

DISTANCES = np.arange(widths.DIFFERENCE_MAXIMUM + 1)


def all_similarities():
    return np.array([similarity(d, 0) for d in DISTANCES])


def test_similarity_bound_holds_and_falls():
    """For a pair farther apart than |dx| as well, since the bound never rises."""
    bound = np.array([widths.similarity_bound(int(d)) for d in DISTANCES])
    assert (all_similarities() <= bound).all()
    assert (np.diff(bound) <= 0).all()
    assert (bound - all_similarities()).max() <= 2


def test_product_bounds_hold_and_are_tight():
    q = all_similarities()
    pull, push = (q * DISTANCES).max(), (widths.SQUARE_MAXIMUM + 1, 0)
    q2 = np.array([widths.squared_similarity(int(v)) for v in q])
    push = (q2 * DISTANCES).max()
    assert pull <= widths.pull_maximum() < 1.01 * pull
    assert push <= widths.push_maximum() < 1.01 * push
    assert q2.max() == widths.SQUARE_MAXIMUM


def test_widths_of_edge():
    edge = PRESETS["edge"]
    assert widths.signed_for(widths.repulsion_maximum(edge)).width == 35
    assert widths.signed_for(widths.attraction_maximum(edge)).width == 39
    assert widths.similarity_sum_maximum(edge).bit_length() == 32
    assert widths.stored_shape(edge).width == 16
    assert widths.biased_sum_shape(edge).width == 26


def test_signed_for():
    for magnitude in (0, 1, 127, 128, 2**20):
        shape = widths.signed_for(magnitude)
        assert -(1 << shape.width - 1) <= -magnitude and magnitude < 1 << shape.width - 1
