# SPDX-License-Identifier: Apache-2.0
"""importance and schedule: exact norms, every channel of a pool in its turn."""

import numpy as np
import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st

from golden.sgmac import Schedule
from golden.sgmac.importance import importance, ranking
from golden.sgmac.schedule import following_place, window_channels


def test_importance_is_the_squared_norm(seed):
    weights = np.random.default_rng(seed).integers(-128, 128, (6, 5, 3, 3), np.int8)
    got = importance(weights)
    assert got.dtype == np.uint32
    for channel in range(5):
        values = weights[:, channel].ravel().tolist()
        assert got[channel] == sum(value * value for value in values)
    norms = np.linalg.norm(weights.astype(float).swapaxes(0, 1).reshape(5, -1), axis=1)
    assert ranking(got).tolist() == np.argsort(-norms, kind="stable").tolist()


def test_depthwise_importance():
    weights = np.arange(-4, 5, dtype=np.int8).reshape(9, 1, 1, 1)
    got = importance(weights, depthwise=True)
    assert got.tolist() == [16, 9, 4, 1, 0, 1, 4, 9, 16]
    assert ranking(got).tolist() == [0, 8, 1, 7, 2, 6, 3, 5, 4]


def test_the_largest_norm_fits():
    weights = np.full((262143, 1, 1, 1), -128, np.int8)
    assert importance(weights).tolist() == [2**32 - 2**14]
    assert ranking(np.array([2**32 - 2**14, 1, 0], np.uint32)).tolist() == [0, 1, 2]
    with pytest.raises(ValueError, match="a channel of 262144 weights is too large"):
        importance(np.zeros((262144, 1, 1, 1), np.int8))


@pytest.mark.parametrize(
    "weights, depthwise, message",
    [
        (np.zeros((2, 2, 1, 1), np.int16), False, "weights hold int16 values: they must be int8"),
        (np.zeros((2, 2), np.int8), False, r"shape \(2, 2\): it must be \(C_out, C_in, k, k\)"),
        (np.zeros((2, 2, 1, 1), np.int8), True, r"it must be \(C, 1, k, k\)"),
        (np.zeros((0, 2, 1, 1), np.int8), False, r"shape \(0, 2, 1, 1\)"),
    ],
)
def test_weights_that_cannot_be(weights, depthwise, message):
    with pytest.raises(ValueError, match=message):
        importance(weights, depthwise=depthwise)


@st.composite
def schedules(draw_one):
    window, period = draw_one(st.integers(1, 9)), draw_one(st.integers(1, 7))
    pools, first, pool = [], 0, window
    for _ in range(draw_one(st.integers(1, 4))):
        pool += draw_one(st.integers(0, 20))
        pools.append((first, pool))
        first += draw_one(st.integers(1, 100))
    layer = pool + draw_one(st.integers(0, 5))
    rank = np.random.default_rng(draw_one(st.integers(0, 999))).permutation(layer)
    return Schedule(window=window, period=period, pools=tuple(pools)), rank


@seed(1)
@settings(max_examples=100)
@given(schedules(), st.integers(0, 3), st.integers(0, 300))
def test_every_channel_of_a_pool_is_visited(given_schedule, stage, offset):
    schedule, rank = given_schedule
    stage = min(stage, len(schedule.pools) - 1)
    first, pool = schedule.pools[stage]
    turns = -(-pool // schedule.window) * schedule.period
    start = first + offset
    following = schedule.pools[stage + 1][0] if stage + 1 < len(schedule.pools) else None
    if following is not None and start + turns > following:
        start = following - turns
    visited = set()
    for step in range(max(start, first), max(start, first) + turns):
        if following is not None and step >= following:
            return  # a stage too short for a whole turn promises nothing
        channels = schedule.channels(step, rank)
        assert len(channels) == schedule.window and np.all(np.diff(channels) > 0)
        assert set(channels) <= set(rank[:pool])
        visited |= set(channels.tolist())
    assert visited == set(rank[:pool].tolist())


def test_the_window_moves_wraps_and_widens():
    schedule = Schedule(window=3, period=2, pools=((0, 4), (5, 7)))
    rank = np.array([9, 2, 7, 0, 4, 1, 3, 8, 6, 5])
    got = [schedule.channels(step, rank).tolist() for step in range(10)]
    assert got[0] == got[1] == [2, 7, 9]
    assert got[2] == got[3] == sorted([0, 9, 2])
    assert got[4] == sorted([7, 0, 9])
    assert got[5] == got[6] == [2, 7, 9]  # the new stage counts from its beginning
    assert got[7] == got[8] == sorted([0, 4, 1])
    assert got[9] == sorted([3, 9, 2])


def test_the_whole_layer_is_dense():
    schedule = Schedule(window=5, period=1, pools=((0, 5),))
    for step in range(7):
        assert schedule.channels(step, np.array([3, 1, 4, 0, 2])).tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    "change, message",
    [
        ({"window": 0}, "window is 0: it must be at least 1"),
        ({"period": 0}, "period is 0"),
        ({"pools": ()}, "the first must begin at step 0"),
        ({"pools": ((1, 8),)}, "the first must begin at step 0"),
        ({"pools": ((0, 8), (5, 9), (5, 10))}, "a pool at step 5 follows one at 5"),
        ({"pools": ((0, 8), (5, 7))}, "pool 7 follows pool 8: pools must not shrink"),
        ({"pools": ((0, 3),)}, "pool 3 is smaller than the window of 4: widen the pool"),
    ],
)
def test_schedules_that_cannot_be(change, message):
    with pytest.raises(ValueError, match=message):
        Schedule(**({"window": 4, "period": 10, "pools": ((0, 8),)} | change))


def test_steps_that_cannot_be():
    schedule = Schedule(window=1, period=1, pools=((0, 2), (9, 4)))
    with pytest.raises(ValueError, match="step is -1"):
        schedule.channels(-1, np.arange(4))
    with pytest.raises(ValueError, match="a pool of 4 does not fit a layer of 3 channels"):
        schedule.channels(0, np.arange(3))


def test_the_place_leads_through_a_stage():
    schedule = Schedule(window=3, period=2, pools=((0, 4), (5, 7)))
    assert [schedule.stage(step) for step in range(8)] == [
        *[(4, 0), (4, 0), (4, 3), (4, 3), (4, 2)],
        *[(7, 0), (7, 0), (7, 3)],
    ]
    assert [following_place(3, 4, place) for place in (0, 3, 2)] == [3, 2, 1]


@pytest.mark.parametrize(
    "ranking, window, pool, place, message",
    [
        ([0, 1, 2], 2, 4, 0, "pool is 4: it must be from 1 to 3"),
        ([0, 1, 2], 3, 2, 0, "window is 3: it must be from 1 to 2"),
        ([0, 1, 2], 0, 2, 0, "window is 0: it must be from 1 to 2"),
        ([0, 1, 2], 1, 2, 2, "place is 2: it must be from 0 to 1"),
        ([0, 3, 2], 1, 2, 0, "names channel 3: channels are 0 to 2"),
        ([0, -1, 2], 1, 2, 0, "names channel -1"),
        ([1, 0, 1], 2, 3, 2, "names channel 1 twice"),
    ],
)
def test_windows_that_cannot_be(ranking, window, pool, place, message):
    with pytest.raises(ValueError, match=message):
        window_channels(np.array(ranking), window, pool, place)
