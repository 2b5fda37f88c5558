# SPDX-License-Identifier: Apache-2.0
"""Importance, windows, layout and update: unmoved by what must not matter, and there and back."""

from fractions import Fraction

import numpy as np
from hypothesis import given, seed, settings
from hypothesis import strategies as st

from golden.arith.lfsr import lfsr_advance
from golden.sgmac import Schedule, layout, quantise_scale, update_weights
from golden.sgmac.importance import by_channel, importance, ranking
from golden.sgmac.schedule import following_place, window_channels
from golden.sgmac.update import check_scale, random_bits

FEW = settings(max_examples=40)
CASES = st.integers(0, 1 << 30)
STATES = st.integers(1, (1 << 32) - 1)


# importance and schedule


@seed(10)
@FEW
@given(CASES, st.integers(1, 5), st.integers(1, 6), st.integers(1, 3))
def test_importances_add_over_outputs_and_ignore_signs(case, outputs, inputs, kernel):
    rng = np.random.default_rng(case)
    a, b = rng.integers(-127, 128, (2, outputs, inputs, kernel, kernel), np.int8)
    got = importance(a)
    assert np.array_equal(importance(np.concatenate([a, b])), got + importance(b))
    assert np.array_equal(importance(-a), got)
    order = rng.permutation(inputs)
    assert np.array_equal(importance(a[:, order]), got[order])
    filters = a[:1].swapaxes(0, 1)
    assert np.array_equal(importance(filters, depthwise=True), importance(a[:1]))
    flat = by_channel(a)
    assert flat.shape == (inputs, outputs * kernel * kernel)
    assert sorted(flat[0].tolist()) == sorted(a[:, 0].ravel().tolist())
    assert by_channel(filters, depthwise=True).shape == (inputs, kernel * kernel)
    silent = a.copy()
    silent[:, 0] = 0
    assert importance(silent)[0] == 0


@seed(11)
@FEW
@given(st.lists(st.sampled_from([0, 1, 2, 3, 1 << 31, (1 << 32) - 1]), min_size=1, max_size=20))
def test_a_ranking_is_every_channel_by_falling_importance_then_number(values):
    order = ranking(np.array(values, np.uint32)).tolist()
    assert order == sorted(range(len(values)), key=lambda channel: (-values[channel], channel))


@seed(12)
@FEW
@given(CASES, st.integers(1, 20), st.integers(0, 5), st.floats(0, 1), st.integers(0, 19))
def test_windows_follow_each_other_around_the_pool(case, pool, beyond, share, place):
    rank = np.random.default_rng(case).permutation(pool + beyond)
    window, place = 1 + round(share * (pool - 1)), place % pool
    got = window_channels(rank, window, pool, place)
    assert len(got) == window and (np.diff(got) > 0).all() and np.isin(got, rank[:pool]).all()
    after = following_place(window, pool, place)
    assert 0 <= after < pool
    if 2 * window <= pool:
        both = np.union1d(got, window_channels(rank, window, pool, after))
        assert np.array_equal(window_channels(rank, 2 * window, pool, place), both)
    assert np.array_equal(window_channels(rank, pool, pool, place), np.sort(rank[:pool]))
    for _ in range(pool - 1):  # as many windows as the pool has places end where they began
        after = following_place(window, pool, after)
    assert after == place


@seed(13)
@FEW
@given(st.integers(1, 6), st.integers(1, 6), st.integers(0, 9), st.integers(1, 40))
def test_a_stage_moves_by_one_window_every_period(window, period, beyond, step):
    pool = window + beyond
    schedule = Schedule(window=window, period=period, pools=((0, pool), (30, pool + 1)))
    (pool, before), (after_pool, after) = schedule.stage(step - 1), schedule.stage(step)
    if step == 30:
        assert (after_pool, after) == (pool + 1, 0)
    elif (step - 30 * (step > 30)) % period == 0:
        assert after == following_place(window, pool, before)
    else:
        assert (after_pool, after) == (pool, before)
    rank = np.arange(pool + 1)[::-1]
    assert np.array_equal(
        schedule.channels(step, rank), window_channels(rank, window, after_pool, after)
    )


# layout


@seed(14)
@FEW
@given(CASES, st.integers(1, 4), st.integers(1, 4), st.integers(1, 3), st.sampled_from([8, 16, 32]))
def test_what_is_packed_unpacks(case, outputs, inputs, kernel, beat):
    rng = np.random.default_rng(case)
    maps = rng.integers(-128, 128, (inputs, outputs, kernel, kernel + 1), np.int8)
    memory = layout.pack_maps(maps, beat)
    assert memory.dtype == np.uint8 and memory.shape[-1] % beat == 0
    assert np.array_equal(layout.unpack_maps(memory, kernel, kernel + 1), maps)
    for dtype in (np.int8, np.int32):
        size = np.dtype(dtype).itemsize
        low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
        for depthwise, columns in ((False, inputs), (True, 1)):
            weights = rng.integers(low, high, (outputs, columns, kernel, kernel), dtype, True)
            memory = layout.pack_weights(weights, beat, depthwise=depthwise)
            row = kernel * kernel if depthwise else outputs
            pieces = (outputs, 1) if depthwise else (inputs, kernel * kernel)
            assert memory.shape == (*pieces, layout.piece_stride(row * size, beat))
            back = layout.unpack_weights(memory, outputs, kernel, dtype, depthwise=depthwise)
            assert back.dtype == dtype and np.array_equal(back, weights)
            memory[..., row * size :] = 255  # what lies between pieces is ignored
            again = layout.unpack_weights(memory, outputs, kernel, dtype, depthwise=depthwise)
            assert np.array_equal(again, weights)


@seed(15)
@FEW
@given(st.integers(0, 1000), st.sampled_from([8, 16, 32]))
def test_strides_are_the_least_whole_beats(size, beat):
    stride = layout.piece_stride(size, beat)
    assert stride % beat == 0 and size <= stride < size + beat


@seed(16)
@FEW
@given(CASES, st.integers(1, 9), st.sampled_from([8, 16, 32]))
def test_words_hold_scales_and_channels(case, count, beat):
    rng = np.random.default_rng(case)
    multiplier, shift = rng.integers(1, 65536, count), rng.integers(0, 41, count)
    for depthwise in (False, True):
        words = layout.pack_scale(multiplier, shift, beat, depthwise=depthwise)
        assert words.shape == ((count, beat // 4) if depthwise else (count,))
        assert words.sum() == sum(65536 * shift + multiplier)
        m, s = layout.unpack_scale(words)
        assert np.array_equal(m, multiplier) and np.array_equal(s, shift)
    channels = np.sort(rng.integers(0, 65536, count))
    assert int.from_bytes(layout.pack_channels(channels).tobytes(), "little") == sum(
        int(channel) << 32 * place for place, channel in enumerate(channels)
    )


# update


@st.composite
def updates(draw):
    rng = np.random.default_rng(draw(CASES))
    shape = draw(st.integers(1, 4)), draw(st.integers(1, 7))
    shift = rng.integers(0, 24, shape[0])
    multiplier = rng.integers(1, 65536, shape[0])
    most = np.clip((200 << shift) // multiplier, 1, 1 << 30)[:, None]
    gradient = rng.integers(-most, most + 1, shape).astype(np.int32)
    return rng.integers(-128, 128, shape, np.int8), gradient, multiplier, shift


def steps_of(weights, gradient, multiplier, shift, **how):
    """What was taken from each weight, where that can be seen."""
    got = update_weights(weights, gradient, multiplier, shift, **how)
    seen = (got.weights > -128) & (got.weights < 127)
    return weights.astype(int) - got.weights, seen, got


@seed(17)
@FEW
@given(updates(), STATES)
def test_both_roundings_bracket_the_quotient(job, register):
    _, gradient, multiplier, shift = job
    nearest, seen, _ = steps_of(*job)
    drawn, seen_too, _ = steps_of(*job, rounding="stochastic", register=register)
    for place in zip(*np.nonzero(seen & seen_too), strict=True):
        o = place[0]
        exact = Fraction(int(gradient[place]) * int(multiplier[o]), 1 << int(shift[o]))
        floor, ceiling = exact // 1, -(-exact // 1)
        assert floor <= drawn[place] <= ceiling and floor <= nearest[place] <= ceiling
        assert abs(nearest[place] - exact) <= Fraction(1, 2)


@seed(18)
@FEW
@given(updates(), STATES, st.sampled_from(["nearest", "stochastic"]))
def test_saturated_weights_are_those_that_stand_at_an_end_too_near(job, register, rounding):
    """From the middle the same steps are seen whole, and counted again."""
    weights, gradient, multiplier, shift = job
    how = {"rounding": rounding, "register": register}
    middle = np.zeros_like(weights)
    step, seen, _ = steps_of(middle, gradient, multiplier, shift, **how)
    got = update_weights(weights, gradient, multiplier, shift, **how)
    exact = weights.astype(int) - step
    assert np.array_equal(got.weights[seen], np.clip(exact, -128, 127)[seen])
    if seen.all():
        assert got.saturated == np.count_nonzero((exact < -128) | (exact > 127))
    assert got.weights.dtype == np.int8 and 0 <= got.saturated <= weights.size


@seed(19)
@FEW
@given(updates())
def test_nearest_steps_are_odd_and_ordered(job):
    _, gradient, multiplier, shift = job
    zero = np.zeros(gradient.shape, np.int8)
    step, seen, _ = steps_of(zero, gradient, multiplier, shift)
    back, seen_too, _ = steps_of(zero, -gradient, multiplier, shift)
    both = seen & seen_too
    assert np.array_equal(step[both], -back[both])
    more, _, _ = steps_of(zero, gradient + 1, multiplier, shift)
    assert (more >= step).all()
    half = update_weights(zero, 2 * (gradient // 2), multiplier, shift)
    same = update_weights(zero, gradient // 2, multiplier, np.maximum(shift - 1, 0))
    rows = shift > 0
    assert np.array_equal(half.weights[rows], same.weights[rows])


@seed(20)
@FEW
@given(updates(), STATES)
def test_outputs_have_random_states_65536_steps_apart(job, register):
    weights, gradient, multiplier, shift = job
    whole = update_weights(*job, rounding="stochastic", register=register)
    for o in range(len(weights)):
        row = slice(o, o + 1)
        alone = update_weights(
            weights[row],
            gradient[row],
            multiplier[row],
            shift[row],
            rounding="stochastic",
            register=lfsr_advance(register, 65536 * o),
        )
        assert np.array_equal(alone.weights, whole.weights[row])


@seed(21)
@FEW
@given(STATES, st.integers(0, 39))
def test_fewer_random_bits_are_the_first_of_more(state, count):
    more, fewer = int(random_bits(state, count + 1)), int(random_bits(state, count))
    assert more >> 1 == fewer and 0 <= fewer < 1 << count
    assert int(random_bits(state ^ 1 << 31, 32)) == state


@seed(22)
@FEW
@given(st.floats(2**-12, 2**8), st.integers(-10, 7), st.floats(1, 2))
def test_scales_are_ordered_and_powers_of_two_move_the_shift(scale, power, factor):
    m, s = (int(v) for v in quantise_scale(scale))
    assert (m, s - power) == tuple(int(v) for v in quantise_scale(scale * 2.0**power))
    larger, shift = (int(v) for v in quantise_scale(scale * factor))
    assert Fraction(larger, 1 << shift) >= Fraction(m, 1 << s)
    for got in check_scale(np.array([m]), np.array([s]), 1):
        assert got.dtype == np.int64 and got.shape == (1,)
