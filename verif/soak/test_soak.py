# SPDX-License-Identifier: Apache-2.0
"""The soak itself: some rounds in each run, more in the slow tests; it notices what is wrong."""

import numpy as np
import pytest

from hw.config import PRESETS
from verif.records import record
from verif.sim.simulator import SimulationError
from verif.sim.top import SimulatedPort
from verif.soak.bench import Bench
from verif.soak.gradient import PREFIX, GradientJob
from verif.soak.job import Mismatch
from verif.soak.memory import PAGE, STAY, WINDOW, base_of
from verif.soak.tally import FAULTS

pytestmark = pytest.mark.verilator
TINY = PRESETS["tiny"]


def soak(seed: int, rounds: range, test: str) -> Bench:
    with SimulatedPort(TINY, seed=seed) as port:
        bench = Bench(port, TINY, seed)
        for number in rounds:
            try:
                bench.round(number)
            except (Mismatch, SimulationError) as error:
                again = f"python -m verif.soak --seed {seed} --jobs 1 --first {number}"
                pytest.fail(f"round {number}: {error}; again: {again}")
    tally = bench.tally
    values = tally.values + tally.memory_bytes
    record(test, seed=seed, vectors=values, mismatches=0, cycles=tally.cycles)
    return bench


def test_some_rounds(seed, request):
    tally = soak(seed, range(60), request.node.name).tally
    assert tally.jobs >= 60 and tally.good >= 30 and tally.next_exact >= 5


@pytest.mark.slow
@pytest.mark.parametrize("offset", [1000, 2000, 3000])
def test_many_rounds(seed, offset, request):
    tally = soak(seed + offset, range(300), request.node.name).tally
    assert tally.jobs >= 300 and set(tally.faults) == set(FAULTS)


def test_a_round_alone_is_the_same(seed):
    """`--first` draws what the whole run drew."""
    whole = soak(seed, range(12), "whole").jobs
    alone = soak(seed, range(11, 12), "alone").jobs
    assert [job.what for job in whole] == [job.what for job in alone]
    assert [job.words for job in whole] == [job.words for job in alone]


@pytest.fixture
def bench(seed):
    with SimulatedPort(TINY, seed=seed) as port:
        yield Bench(port, TINY, seed)


def test_windows_lie_all_over_the_addresses():
    bases = [base_of(1, number) for number in range(0, 400 * STAY, STAY)]
    assert all(base % PAGE == 0 and base + WINDOW < 1 << 64 for base in bases)
    assert base_of(1, 0) == base_of(1, STAY - 1) and len(set(bases)) > 300
    assert any(base + WINDOW < 1 << 32 for base in bases)
    assert any(base < 1 << 32 < base + WINDOW for base in bases)
    assert any(base + WINDOW + PAGE == 1 << 64 for base in bases)


def test_another_result_is_noticed(bench, monkeypatch):
    """The judge: the hardware gets other bytes than golden."""
    load = bench.mirror.load

    def other(address, content):
        load(address, content)
        changed = bytes([content[0] ^ 0x40]) + content[1:]
        bench.port.write_memory(address, changed)
        bench.mirror.place(address, 1)[:] = changed[0]

    monkeypatch.setattr(bench.mirror, "load", other)
    with pytest.raises((Mismatch, SimulationError)):
        for number in range(10):
            bench.round(number)


def test_a_byte_beside_the_job_is_noticed(bench):
    bench.round(0)
    bench.port.write_memory(bench.mirror.base, bytes([bench.mirror.window[0] ^ 1]))
    with pytest.raises(Mismatch, match="1 bytes that no job has to write differ"):
        bench.round(1)


def test_a_page_far_away_is_noticed(bench):
    bench.port.write_memory(0x1234_0000_0000, b"\0")
    with pytest.raises(Mismatch, match="no job has anything"):
        for number in range(3):
            bench.round(number)


def test_more_outputs_than_channels_without_bias(bench):
    """Found by the soak: the sums of error planes, which nobody asked for, ran over."""
    bench.engines = (PREFIX,)
    done = 0
    for number in range(400):
        rng = np.random.default_rng([7, number])
        job = GradientJob(rng, TINY, illegal=False)
        if job.job.sizes.out_channels <= 2 * TINY.channels:
            continue
        bench._draw = lambda rng, fault, job=job: [job]
        bench._faulty = False
        bench.round(1_000_000 + number)
        done += 1
        if done == 3:
            return
    pytest.fail("no such job was drawn")
