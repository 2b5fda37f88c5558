# SPDX-License-Identifier: Apache-2.0
"""Ranking and schedule on the compiled `tiny` accelerator, through the host's driver: a layer's
channels over the steps of a schedule, two layers in turn, ends at any time."""

import numpy as np
import pytest

from golden.sgmac import Schedule, layout
from golden.sgmac.importance import importance, ranking
from golden.sgmac.schedule import following_place, window_channels
from host.accelerator import MAP, JobFailed, JobRefused
from host.gradient_backends import BothGradient
from host.gradient_driver import GradientDriver
from hw.bus.signature import Response
from hw.config import PRESETS
from verif.records import record
from verif.sim.top import SimulatedPort
from verif.vectors.choice_memory import layers, steps
from verif.vectors.sgmac import convolution, draw

pytestmark = pytest.mark.verilator

TINY = PRESETS["tiny"]
MEMORY = 0x7_0000_0F00
"""Above 4 GiB, and near the end of a page, so that bursts have to be cut."""
ARBITER = range(1, 4)
"""Cycles more behind it: one for the first address read, and up to two for that written, fewer
where the data take their time."""
STAGES = Schedule(window=5, period=2, pools=((0, 7), (5, 12), (16, 16)))


@pytest.fixture
def port(seed):
    with SimulatedPort(TINY, seed=seed) as port:
        yield port


@pytest.fixture
def driver(port) -> GradientDriver:
    return GradientDriver(port, memory=MEMORY, timeout=100_000)


@pytest.mark.parametrize("latency", [0, 40])
def test_jobs_and_their_cycles(port, driver, latency, seed, request):
    rng = np.random.default_rng(seed)
    port.set_memory(latency=latency)
    cycles = 0
    ranks, windows = layers(rng, TINY.channels, TINY.kernel), steps(rng, TINY.channels)
    for rank, window in zip(ranks, windows, strict=True):
        got = driver.rank(rank.weights, depthwise=rank.depthwise)
        assert got.tolist() == rank.expected().tolist()
        counters = driver.counters()
        assert counters["cycles"] - rank.cycles(TINY.beat_bytes, latency) in ARBITER
        assert counters["bytes_written"] == 4 * len(got)
        assert counters["multiply"] == counters["lanes"] == counters["saturated"] == 0
        cycles += counters["cycles"]
        sizes = {"window": window.window, "pool": window.pool, "place": window.place}
        got, following = driver.schedule(window.ranking, **sizes)
        assert got.tolist() == window.expected().tolist() and following == window.following
        counters = driver.counters()
        assert counters["cycles"] - window.cycles(TINY.beat_bytes, latency) in ARBITER
        assert (counters["bytes_read"], counters["bytes_written"]) == (
            4 * window.pool,
            4 * window.window,
        )
        cycles += counters["cycles"]
    vectors = len(ranks) + len(windows)
    record(request.node.name, seed=seed, vectors=vectors, mismatches=0, cycles=cycles)


def test_two_layers_through_the_stages_of_a_schedule(seed):
    """As a training loop would: each step takes each layer's window, and its gradients now and
    then; golden and hardware, `==` in every answer."""
    rng = np.random.default_rng(seed)
    sizes = convolution(4, 16, (3, 3)), convolution(16, 16, (4, 4), kernel=3, depthwise=True)
    weights = [rng.integers(-128, 128, s.gradient_shape(16), np.int8) for s in sizes]
    backend = BothGradient("tiny")
    try:
        ranks = [
            backend.rank(w, depthwise=s.depthwise) for w, s in zip(weights, sizes, strict=True)
        ]
        places, visited = [0, 0], [set(), set()]
        wrapped = 0
        for step in range(24):
            pool, place = STAGES.stage(step)
            before = STAGES.stage(max(step - 1, 0))
            for number, layer in enumerate(sizes):
                channels, following = backend.schedule(
                    ranks[number], window=STAGES.window, pool=pool, place=place
                )
                assert channels.tolist() == STAGES.channels(step, ranks[number]).tolist()
                if place != before[1] and pool == before[0]:
                    assert place == places[number], "following leads through a stage"
                wrapped += following < place
                places[number] = following
                visited[number] |= set(channels.tolist())
                if step % 6 == 0:
                    x, error = draw(rng, 1, layer)
                    backend.run_job(x, error, channels, layer, None)
        assert wrapped > 4
        assert visited == [set(range(16))] * 2
    finally:
        backend.close()


@pytest.mark.parametrize(
    "words",
    [
        [0, 1, 2, 3, 16, 5, 6, 7],
        [0, 1, 2, 3, 1 << 31, 5, 6, 7],
        [0, 1, 2, 2, 4, 5, 6, 7],
        [0, 1, 2, 3, 4, 2, 6, 7],
    ],
)
def test_illegal_rankings(port, driver, words, seed):
    """A sticky error, nothing written; the next job is right at once."""
    ranking_ = np.array([*words, *range(8, 16)])
    with pytest.raises(JobFailed) as caught:
        driver.schedule(ranking_, window=4, pool=8, place=2)
    assert caught.value.errors == ["channels"]
    port.step(100)
    assert port.activity().written == port.activity().under_way == 0
    right = np.random.default_rng(seed).permutation(16)
    got, _ = driver.schedule(right, window=4, pool=8, place=6)
    assert got.tolist() == window_channels(right, 4, 8, 6).tolist()


REFUSED = [
    ("pool", {"window": 4, "pool": 3, "place": 0}),
    ("pool", {"window": 4, "pool": 17, "place": 0}),
    ("place", {"window": 4, "pool": 8, "place": 8}),
    ("place", {"window": 4, "pool": 8, "place": 1 << 20}),
    ("selected", {"window": 0, "pool": 8, "place": 0}),
    ("selected", {"window": 17, "pool": 17, "place": 0}),
]


def test_refused(port, driver, seed):
    """No memory is touched."""
    order = np.arange(16)
    for reason, numbers in REFUSED:
        with pytest.raises(JobRefused) as caught:
            driver.schedule(order, **numbers)
        assert caught.value.reason == reason, numbers
    for reason, weights in (
        ("in_channels", np.zeros((1, 17, 1, 1), np.int8)),
        ("kernel", np.zeros((1, 2, 4, 4), np.int8)),
        ("outputs", np.zeros((1 << 16, 1, 1, 1), np.int8)),
        ("layer", np.zeros(((1 << 18) // 9 + 1, 1, 3, 3), np.int8)),
    ):
        with pytest.raises(JobRefused) as caught:
            driver.rank(weights)
        assert caught.value.reason == reason, weights.shape
    mode = MAP["gradient_mode"]
    port.write(mode.offset, mode.encode(operation=3))
    driver.start_order()
    with pytest.raises(JobRefused, match="operation"):
        driver.finish_order()
    assert port.activity().read_bursts == port.activity().write_bursts == 0
    weights = np.random.default_rng(seed).integers(-128, 128, ((1 << 18) // 9, 1, 3, 3), np.int8)
    assert driver.rank(weights).tolist() == [0], "the largest channel there may be"


def test_a_start_while_busy_disturbs_nothing(port, driver, seed, monkeypatch):
    weights = np.random.default_rng(seed).integers(-128, 128, (20, 16, 1, 1), np.int8)
    control, errors, status = (MAP[f"gradient_{name}"] for name in ("control", "errors", "status"))
    finish = driver.finish_order

    def start_again_and_finish():
        port.step(20)
        port.write(control.offset, control.encode(start=1))
        port.step(10)
        assert errors.decode(port.read(errors.offset))["refused"]
        now = status.decode(port.read(status.offset))
        assert now["busy"] and status["refusal"].values[now["refusal"]] == "busy"
        port.write(errors.offset, errors.encode(refused=1))
        told = MAP["interrupt_status"]
        port.write(told.offset, told.encode(gradient_error=1))
        finish()

    monkeypatch.setattr(driver, "finish_order", start_again_and_finish)
    assert driver.rank(weights).tolist() == ranking(importance(weights)).tolist()


@pytest.mark.parametrize("response", [Response.SLVERR, Response.DECERR])
@pytest.mark.parametrize("which", ["first", "middle", "last", "write"])
@pytest.mark.parametrize("operation", ["rank", "schedule"])
def test_errors_of_the_bus(port, driver, operation, which, response, seed):
    rng = np.random.default_rng(seed)
    weights, order = rng.integers(-128, 128, (9, 16, 1, 1), np.int8), rng.permutation(16)
    beats = {"rank": layout.pack_weights(weights, 8).size // 8, "schedule": 6}[operation]

    def run():
        if operation == "rank":
            return driver.rank(weights).tolist() == ranking(importance(weights)).tolist()
        got, _ = driver.schedule(order, window=7, pool=12, place=9)
        return got.tolist() == window_channels(order, 7, 12, 9).tolist()

    place = {"first": 1, "middle": beats // 2, "last": beats}.get(which)
    port.fail(**({"burst": 1} if place is None else {"beat": place}), response=response)
    with pytest.raises(JobFailed) as caught:
        run()
    side = "write" if place is None else "read"
    kind = "slave" if response is Response.SLVERR else "decode"
    assert caught.value.errors == [f"{side}_{kind}"]
    port.step(500)
    activity = port.activity()
    assert activity.under_way == 0
    assert place is None or activity.write_bursts == 0
    assert run() and run()


@pytest.mark.parametrize("how", ["abort", "reset"])
def test_an_end_at_any_time(port, driver, how, seed):
    """From the first cycle of a job to beyond its last; then jobs of every kind are right."""
    rng = np.random.default_rng(seed)
    port.set_memory(stall=0.2, latency=5)
    order = rng.permutation(16)
    weights = rng.integers(-128, 128, (20, 16, 1, 1), np.int8)
    expected = ranking(importance(weights)).tolist()

    def both() -> None:
        got, following = driver.schedule(order, window=6, pool=13, place=10)
        assert got.tolist() == window_channels(order, 6, 13, 10).tolist()
        assert following == following_place(6, 13, 10)
        assert driver.rank(weights).tolist() == expected

    both()
    cycles = driver.counters()["cycles"]
    for operation, times in (
        ("schedule", range(0, 80, 7)),
        ("rank", [*range(0, 60, 13), *range(100, cycles + 40, 97)]),
    ):
        for after in times:
            # the registers hold the last job: rank; a schedule is ordered anew
            if operation == "schedule":
                driver.schedule(order, window=6, pool=13, place=10)
            driver.start_order()
            port.step(after)
            port.read(MAP["gradient_status"].offset)  # the phase, for the coverage of ends
            if how == "abort":
                driver.abort()
                port.wait_for_interrupt(10_000)
                port.step(100)
            else:
                port.reset()
                driver = GradientDriver(port, memory=MEMORY, timeout=100_000)
            written = port.activity().written
            port.step(200)
            assert port.activity().written == written and port.activity().under_way == 0
            both()
