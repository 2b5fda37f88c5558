# SPDX-License-Identifier: Apache-2.0
"""Directed gradient jobs of the sparse-gradient unit: corners that random jobs hardly ever reach.

Each function takes a port of the compiled `tiny` accelerator, and raises when something is wrong.
Most were found as mutants of the netlist that survived 500 rounds of the soak.
"""

import dataclasses

import numpy as np

from golden.arith.lfsr import lfsr_advance, seed_register
from golden.sgmac import Convolution, Update, layout, run_job
from host.accelerator import MAP, JobFailed
from host.gradient_backends import first_difference
from host.gradient_driver import GradientDriver
from hw.sgmac.registers import GradientPhase
from verif.sim.gradient_jobs import TimedDriver
from verif.sim.top import SimulatedPort
from verif.vectors.sgmac import convolution, draw

MEMORY = 0x7_0000_0F00
LIMIT = 400_000


class WithoutBias(TimedDriver):
    """Jobs without bias gradients, which may have more outputs than there are places for biases."""

    def _run(self, part, total) -> None:
        super()._run(dataclasses.replace(part, bias=False), total)


class Replaced(GradientDriver):
    """A driver whose updates find other gradients in memory than were computed."""

    gradients = np.empty(0, np.int32)

    def _update(self, sizes, *arguments, **rest):
        packed = layout.pack_weights(self.gradients, self.beat, depthwise=sizes.depthwise)
        self.port.write_memory(self._addresses["result"], packed.tobytes())
        return super()._update(sizes, *arguments, **rest)


def exact(
    driver: GradientDriver, sizes: Convolution, channels, update: Update | None = None, images=1
) -> dict[str, int]:
    """A job on random maps; its counters, when all of its result is golden's."""
    chosen = np.array(channels)
    x, error = draw(np.random.default_rng(len(chosen)), images, sizes)
    got, counters = driver.run_job(x, error, chosen, sizes, update)
    want = run_job(x, error, chosen, sizes, update)
    if isinstance(driver, WithoutBias):
        want = dataclasses.replace(want, bias_gradient=got.bias_gradient)
    difference = first_difference(got, want)
    assert not difference, f"{sizes}: {difference}"
    return counters


def outputs_in_blocks(port: SimulatedPort) -> None:
    """Numbers of blocks of outputs that random layers do not have, one job right after the other;
    maps so small that the array waits for the errors of its next block."""
    driver = WithoutBias(port, memory=MEMORY, timeout=LIMIT)
    for outputs in (17, 17, 9, 16, 24, 39, 41, 48, 49, 64, 65, 73, 127, 137, 1025):
        exact(driver, convolution(outputs, 2, (1, 1)), (1,))
    for outputs in (17, 40, 41, 48, 88, 137):
        exact(driver, convolution(outputs, 3, (2, 3)), (0, 2))
    driver.check_cycles(port.config)
    for latency, stall in ((20, 0.0), (0, 0.6)):
        port.set_memory(latency=latency, stall=stall)
        for outputs, channels in ((16, (0,)), (40, (0,)), (24, (0, 1))):
            exact(driver, convolution(outputs, 2, (1, 1)), channels)
            exact(driver, convolution(outputs, 2, (8, 8)), channels)
    port.set_memory()


def counters_of_work(port: SimulatedPort) -> None:
    """Multiplications and lanes are what the sizes say, to one, and stay when they are read again:
    a counter that counts on its own has another value in every cycle."""
    driver = WithoutBias(port, memory=MEMORY, timeout=LIMIT)
    most = port.config.outputs
    for sizes, channels in (
        (convolution(most, 2, (3, 3)), (0, 1)),
        (convolution(2 * most, 2, (1, 1)), (1,)),
        (convolution(17, 1, (5, 4)), (0,)),
        (convolution(most + 3, 3, (5, 4), kernel=3, padding=1), (0, 2)),
        (convolution(5, 5, (6, 4), kernel=3, padding=1, depthwise=True), (0, 4)),
        (convolution(5, 5, (8, 8), kernel=2, depthwise=True), (0, 3, 4)),
        (convolution(20 * most, 16, (8, 8)), tuple(range(16))),
    ):
        exact(driver, sizes, channels)
        values = sizes.taps if sizes.depthwise else sizes.out_channels
        loops = len(channels) * (1 if sizes.depthwise else sizes.taps)
        positions = sizes.out_height * sizes.out_width
        for pause in range(1, 5):
            counters = driver.counters()
            assert counters["multiply"] == positions * loops * -(-values // most), counters
            assert counters["lanes"] == sizes.multiply_accumulates(1, len(channels)), counters
            port.step(pause)


def wide_lines(port: SimulatedPort) -> None:
    """Lines of half a plane and more; strides up to the map and beyond."""
    driver = GradientDriver(port, memory=MEMORY, timeout=LIMIT)
    half = port.config.plane // 2
    for sizes in (
        convolution(2, 1, (2, half)),
        convolution(2, 1, (2, half), kernel=3, padding=1),
        convolution(2, 2, (2, half), kernel=3, padding=1, depthwise=True),
        convolution(2, 1, (4, half // 2), stride=2),
        convolution(2, 1, (3, 21), (1, 7), stride=3),
        *(
            convolution(3, 1, sides, stride=stride)
            for stride in (5, 6, 7, 8, 15, 16, 31, 32, 63, 64, 127, 128, 254, 255)
            for sides in ((9, 2), (2, 9))
        ),
    ):
        exact(driver, sizes, (0,))


def phases(port: SimulatedPort) -> None:
    """A job shows the phases list, compute and bias, and no other; the memory is slow, so that all
    of them are seen."""
    driver = GradientDriver(port, memory=MEMORY, timeout=LIMIT)
    status, seen, finish = MAP["gradient_status"], [], driver.finish_order

    def watch() -> None:
        while (now := status.decode(port.read(status.offset)))["busy"]:
            seen.extend({now["phase"]} - {GradientPhase.IDLE, *seen[-1:]})
        finish()

    driver.finish_order = watch
    port.set_memory(latency=30)
    exact(driver, convolution(8, 3, (4, 4)), (0, 1, 2))
    port.set_memory()
    assert seen == [GradientPhase.LIST, GradientPhase.COMPUTE, GradientPhase.BIAS], seen


def scales(port: SimulatedPort) -> None:
    """Multipliers of one bit each, with steps that show all of it; exact ties."""
    driver = GradientDriver(port, memory=MEMORY, timeout=LIMIT)
    ones, bits = np.ones((1, 1, 1, 1), np.int8), np.arange(16)
    for error, multiplier, shift in (
        (np.ones(16, np.int8), 1 << bits, np.maximum(bits - 6, 0)),
        (2 * bits - 15, np.ones(16, np.int64), np.ones(16, np.int64)),
    ):
        sizes = convolution(16, 1, (1, 1))
        weights = np.zeros((16, 1, 1, 1), np.int8)
        update = Update(weights=weights, multiplier=multiplier, shift=shift)
        errors = error.astype(np.int8).reshape(1, 16, 1, 1)
        job = ones, errors, np.array([0]), sizes, update
        difference = first_difference(driver.run_job(*job)[0], run_job(*job))
        assert not difference, difference


def random_bits(port: SimulatedPort) -> None:
    """Gradients that the 32 random bits of their weight just carry to the next integer, or just do
    not: every bit decides."""
    driver = Replaced(port, memory=MEMORY, timeout=LIMIT)
    for seed in (1, 2):
        sizes = convolution(9, 9, (1, 1), kernel=3, padding=1, depthwise=True)
        if seed % 2:
            sizes = convolution(8, 2, (1, 1), kernel=3, padding=1)
        channels = np.arange(sizes.in_channels)
        shape = sizes.gradient_shape(len(channels))
        edge = np.empty((shape[0], int(np.prod(shape[1:]))), np.uint32)
        first = seed_register(seed)
        for o, row in enumerate(edge):
            state = first
            for r in range(len(row)):
                row[r] = (1 << 32) - (state ^ 1 << 31) - (o + r & 1) & 0xFFFF_FFFF
                state = lfsr_advance(state, 1)
            first = lfsr_advance(first, 1 << 16)
        driver.gradients = edge.view(np.int32).reshape(shape)
        weights = np.random.default_rng(seed).integers(-100, 100, shape, np.int8)
        update = Update(
            weights=weights,
            multiplier=np.ones(shape[0], np.int64),
            shift=np.full(shape[0], 32),
            rounding="stochastic",
            seed=seed,
        )
        x, error = draw(np.random.default_rng(seed), 1, sizes)
        got, _ = driver.run_job(x, error, channels, sizes, update)
        want, saturated = update.apply(driver.gradients, channels, sizes.depthwise)
        assert got.saturated == saturated
        assert got.weights is not None and (got.weights == want).all()


def full_bias_queue(port: SimulatedPort) -> None:
    """As many bias gradients as there may be, added up over images, all of them read before the
    first is summed; no job leaves one behind."""
    driver = GradientDriver(port, memory=MEMORY, timeout=LIMIT)
    most = port.config.channels
    for side in (1, 3, 5, 8):
        for _ in range(2):
            depthwise = convolution(most, most, (side, side), depthwise=True)
            exact(driver, depthwise, tuple(range(most)), images=2)
            exact(driver, convolution(most, 3, (side, side)), (0, 1, 2), images=2)


def ends(port: SimulatedPort) -> None:
    """From its order on a job takes the same time whenever it comes; what is aborted ends with the
    memory's last answer; a list is judged a word a cycle."""
    driver = GradientDriver(port, memory=MEMORY, timeout=LIMIT)
    sizes, channels = convolution(3, 16, (4, 4)), np.arange(16)
    x, error = draw(np.random.default_rng(1), 1, sizes)

    def cycles(**memory: int) -> int:
        """Of the last job again, aborted after 35 cycles with a slow memory."""
        port.set_memory(**memory)
        driver.start_order()
        began = port.activity(1).cycle
        if memory:
            port.step(35)
            driver.abort()
        try:
            driver.finish_order()
        except JobFailed as failure:
            assert memory and failure.errors == ["aborted"], failure
            return driver.counters()["cycles"]
        return port.activity(1).cycle - began

    driver.run_job(x, error, channels, sizes)
    late = {cycles(latency=latency) - latency for latency in range(30, 42)}
    assert len(late) == 1, f"from memory's last answer to the end of an aborted job: {late}"
    taken = set()
    for pause in range(1, 20):
        taken.add(cycles())
        port.step(pause)
    assert len(taken) == 1, f"one job took {taken} cycles from its order to its end"
    judged = set()
    for count in range(1, 13):
        for wrong in range(count):
            words = channels[-count:].copy()
            words[wrong] = 99
            try:
                driver.run_job(x, error, words, sizes)
            except JobFailed as failure:
                assert failure.errors == ["channels"], failure
            judged.add(driver.counters()["cycles"] - wrong)
    assert len(judged) == 1, f"a wrong word of the list was found {judged} cycles behind its place"


DIRECTED = (
    outputs_in_blocks,
    counters_of_work,
    wide_lines,
    phases,
    scales,
    random_bits,
    full_bias_queue,
    ends,
)
