# SPDX-License-Identifier: Apache-2.0
"""The sparse-gradient unit of the whole accelerator as Verilog, through its registers.

The bus partners are those of board.py, from cocotbext-axi.
"""

import cocotb
import numpy as np
import pytest
from cocotb.triggers import RisingEdge, with_timeout
from cocotbext.axi import AxiResp

from golden.sgmac.engine import run_job
from hw.sgmac.registers import ADDRESSES, PREFIX, GradientPhase, GradientRefusal
from verif.cocotb import board as boards
from verif.cocotb.bench import PERIOD
from verif.cocotb.board import LIMIT, MAP, TINY, Board, begin, real
from verif.cocotb.runner import simulate
from verif.cocotb.streams import PATTERNS
from verif.coverage import observers
from verif.vectors.gradient_memory import MemoryJob
from verif.vectors.sgmac import CASES, draw, draw_update

MODULE = "verif.cocotb.test_gradient"
pytestmark = pytest.mark.verilator
top = boards.top

PLACES = {
    f"{name}_address": 0x2000 if name == "ranking" else 0x9000 + 0x1000 * n
    for n, name in enumerate(ADDRESSES)
}
"""Beside the arrays of a selection, in the region of board.py."""
SIDES = {"width": "input_size", "height": "input_size"} | {
    f"out_{side}": "error_size" for side in ("width", "height")
}


def fits(sizes) -> bool:
    return (
        max(sizes.height * sizes.width, sizes.out_height * sizes.out_width) <= TINY.plane
        and sizes.kernel <= TINY.kernel
        and max(sizes.in_channels, sizes.out_channels) <= TINY.channels
    )


class GradientJob(MemoryJob):
    """One image, what golden says of it, and the way to the registers."""

    def registers(self) -> dict[str, int]:
        """Words by the name of the register."""
        numbers, words = self.numbers(), {}
        for name, address in PLACES.items():
            words[f"{name}_low"], words[f"{name}_high"] = address, 0
        for name in ("input_size", "error_size"):
            fields = {n.removeprefix("out_"): numbers[n] for n, r in SIDES.items() if r == name}
            words[name] = MAP[f"{PREFIX}{name}"].encode(**fields)
        words |= {name: numbers[name] for name in ("in_channels", "outputs", "selected")}
        words["kernel"] = MAP[f"{PREFIX}kernel"].encode(
            size=numbers["kernel"],
            **{name: numbers[name] for name in ("stride", "padding", "padding_above")},
        )
        mode = ("depthwise", "accumulate", "update", "bias")
        words["mode"] = MAP[f"{PREFIX}mode"].encode(
            stochastic=self.stochastic, **{name: numbers[name] for name in mode}
        )
        words["seed"] = self.seed
        return {f"{PREFIX}{name}": word for name, word in words.items()}

    def expected(self):
        return run_job(self.x[None], self.error[None], self.channels, self.sizes, self.update)


def case(number: int, updates: bool, seed: int = 1) -> GradientJob:
    """The first image of a case; its channels, perhaps with an update."""
    _, channels, sizes = CASES[number]
    rng = np.random.default_rng([seed, number])
    x, error = draw(rng, 1, sizes)
    update = draw_update(rng, sizes, "stochastic") if updates else None
    return GradientJob(
        x=x[0],
        error=error[0],
        channels=channels,
        sizes=sizes,
        update=update,
        addresses=PLACES,
    )


def misaligned(job: GradientJob, *arrays: str):
    """(job, register, word, refusal) for each array at no multiple of a beat."""
    for array in arrays:
        reason = GradientRefusal[f"{array}_address".upper()]
        yield job, f"{PREFIX}{array}_address_low", PLACES[f"{array}_address"] + 4, reason


class Unit:
    """The sparse-gradient unit on a board."""

    def __init__(self, board: Board):
        self.board = board

    async def describe(self, job: GradientJob, **wrong: int) -> None:
        """Arrays into memory, numbers into registers; `wrong` replaces words."""
        for name, content in job.contents(TINY.beat_bytes).items():
            place = PLACES[f"{name}_address"]
            self.board.region.contents[place : place + len(content)] = content
        for name, word in (job.registers() | wrong).items():
            assert await self.board.write(name, word) == AxiResp.OKAY

    async def start(self) -> None:
        board = self.board
        enable = MAP["interrupt_enable"].encode(gradient_done=1, gradient_error=1)
        await board.write("interrupt_enable", enable)
        await board.write("interrupt_status", enable)
        await board.write("gradient_control", MAP["gradient_control"].encode(start=1))

    async def wait(self) -> None:
        if self.board.dut.irq.value != 1:
            await with_timeout(RisingEdge(self.board.dut.irq), LIMIT * PERIOD, "step")

    async def ended_well(self) -> None:
        assert await self.board.fields("gradient_status") == {
            "busy": 0,
            "done": 1,
            "phase": GradientPhase.IDLE,
            "refusal": GradientRefusal.NONE,
        }
        assert await self.board.read("gradient_errors") == 0

    async def check(self, what: str, job: GradientJob) -> None:
        board, expected = self.board, job.expected()
        await self.ended_well()
        beat = TINY.beat_bytes
        if job.update:
            got = job.weights(board.region.at(PLACES["weights_address"], 0x1000), beat)
            want = expected.weights
        else:
            got = job.gradient(board.region.at(PLACES["result_address"], 0x1000), beat)
            want = expected.weight_gradient
        board.bench.compare(what, got.ravel().tolist(), want.ravel().tolist())
        count = len(expected.bias_gradient)
        bias = np.frombuffer(board.region.at(PLACES["bias_address"], 4 * count), "<i4")
        board.bench.compare(f"{what}, bias", bias.tolist(), expected.bias_gradient.tolist())
        assert await board.read("gradient_count_saturated") == expected.saturated
        observers.channels(job.channels, job.sizes.in_channels)
        if job.update:
            observers.update(expected, job)

    async def run(self, what: str, job: GradientJob) -> None:
        await self.describe(job)
        await self.start()
        await self.wait()
        await self.check(what, job)


@cocotb.test()
@cocotb.parametrize(pattern=PATTERNS)
async def jobs(dut, pattern):
    """Every case that fits, each second one with an update."""
    board = await begin(dut, pattern)
    unit = Unit(board)
    numbers = [n for n, (_, _, sizes) in enumerate(CASES) if fits(sizes)]
    assert len(numbers) > 10
    for turn, number in enumerate(numbers):
        await unit.run(f"case {number}", case(number, updates=turn % 2 == 1))
    board.bench.finish(pattern)


@cocotb.test()
async def both_engines(dut):
    """A selection and gradients at once, over one memory port; every result is right."""
    board = await begin(dut, "random")
    unit = Unit(board)
    selection = real(32, 8, iterations=3)
    gradient = case(9, updates=True)
    await board.describe(selection)
    await unit.describe(gradient)
    everything = (1 << len(MAP["interrupt_enable"].fields)) - 1
    await board.write("interrupt_enable", 0)
    await board.write("interrupt_status", everything)
    await board.write("control", MAP["control"].encode(start=1))
    finished = 0
    while not (await board.fields("status"))["done"]:
        await unit.describe(gradient)
        await board.write("gradient_control", MAP["gradient_control"].encode(start=1))
        while (await board.read("gradient_control")) or (await board.fields("gradient_status"))[
            "busy"
        ]:
            await board.bench.clock.edges(5)
        await unit.check(f"gradients {finished}", gradient)
        finished += 1
    assert finished > 3
    got = np.frombuffer(board.region.at(boards.RESULT, 4 * selection.budget), "<u4")
    board.bench.compare("selection", got.tolist(), selection.expected.chosen.tolist())
    assert await board.read("errors") == 0
    board.bench.finish()


@cocotb.test()
async def early_ends(dut):
    """Error responses, illegal lists, refusals, aborts; then the same job is right."""
    board = await begin(dut)
    unit = Unit(board)
    job = case(9, updates=False)
    sizes = job.sizes

    async def ended(what, before=None, **errors):
        assert {
            name: bit for name, bit in (await board.fields("gradient_errors")).items() if bit
        } == errors, what
        status = await board.fields("gradient_status")
        assert (status["busy"], status["done"]) == (0, 0), what
        accesses = board.region.accesses
        await board.bench.clock.edges(100)
        assert board.region.accesses == accesses, f"{what}: the bus is used after the end"
        if before is not None:
            assert board.region.contents == before, f"{what}: memory was written"
        board.region.fail.clear()
        await board.write("gradient_errors", (1 << 32) - 1)

    # every read beat up to the last of the maps, then a write
    await unit.describe(job)
    for beat in (0, 1, 3, 6):
        board.region.fail = {board.region.accesses + beat}
        await unit.start()
        await unit.wait()
        await ended(f"error on access {beat}", read_slave=1)
        await unit.run(f"after an error on access {beat}", job)
    reads = board.region.accesses
    await unit.run("counted", job)
    accesses = board.region.accesses - reads
    board.region.fail = {board.region.accesses + accesses - 1}
    await unit.start()
    await unit.wait()
    await ended("error on the last write", write_slave=1)
    # a list that does not rise, and one beyond the layer
    for words in ([1, 0], [0, sizes.in_channels]):
        await unit.describe(job)
        place = PLACES["channels_address"]
        board.region.contents[place : place + 8] = np.array(words, "<u4").tobytes()
        before = bytes(board.region.contents)
        await unit.start()
        await unit.wait()
        await ended(f"channels {words}", before, channels=1)
    # refusals touch nothing
    updating = case(9, updates=True)
    for described, name, word, reason in (
        (job, "gradient_selected", 0, GradientRefusal.SELECTED),
        (job, "gradient_outputs", 0, GradientRefusal.OUTPUTS),
        (job, "gradient_kernel", MAP["gradient_kernel"].encode(size=TINY.kernel + 1, stride=1), 3),
        *misaligned(job, "channels", "input", "error", "result"),
        *misaligned(updating, "weights", "scale", "bias"),
    ):
        await unit.describe(described, **{name: word})
        before, accesses = bytes(board.region.contents), board.region.accesses
        await unit.start()
        await unit.wait()
        assert (await board.fields("gradient_status"))["refusal"] == reason
        await ended(f"{name} = {word}", before, refused=1)
        assert board.region.accesses == accesses
    # aborts, and a start while busy
    for cycles in (1, 30, 80, 200):
        await unit.describe(job)
        await unit.start()
        await board.bench.clock.edges(cycles)
        await board.read("gradient_status")
        await board.write("gradient_control", MAP["gradient_control"].encode(start=1))
        await board.write("gradient_control", MAP["gradient_control"].encode(abort=1))
        while await board.read("gradient_control"):
            await board.bench.clock.edges(5)
        errors = {k: v for k, v in (await board.fields("gradient_errors")).items() if v}
        assert "aborted" in errors or (await board.fields("gradient_status"))["done"]
        await board.write("gradient_errors", (1 << 32) - 1)
        await unit.run(f"after an abort in cycle {cycles}", job)
    board.bench.finish()


@pytest.mark.parametrize("name", ["jobs", "both_engines", "early_ends"])
def test_gradient(top, name, seed):
    simulate(top, MODULE, name, seed=seed)
