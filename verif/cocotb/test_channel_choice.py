# SPDX-License-Identifier: Apache-2.0
"""The jobs rank and schedule of the whole accelerator as Verilog, through its registers."""

import cocotb
import numpy as np
import pytest

from hw.sgmac.registers import PREFIX, GradientRefusal
from verif.cocotb import board as boards
from verif.cocotb.board import MAP, TINY, begin
from verif.cocotb.runner import simulate
from verif.cocotb.streams import PATTERNS
from verif.cocotb.test_gradient import PLACES, Unit, case
from verif.vectors.choice_memory import RankJob, ScheduleJob, layers, steps

MODULE = "verif.cocotb.test_channel_choice"
pytestmark = pytest.mark.verilator
top = boards.top

WORDS = ("in_channels", "outputs", "selected", "pool", "place")


class Choices(Unit):
    """The sparse-gradient unit on a board, for jobs of verif/vectors/choice_memory.py."""

    def registers(self, job: RankJob | ScheduleJob) -> dict[str, int]:
        """Words by the name of the register; those that the job does not need are all ones."""
        numbers = job.numbers()
        words = {name: numbers.get(name, 0xFFFFFFFF) for name in WORDS}
        for name, address in PLACES.items():
            words[f"{name}_low"], words[f"{name}_high"] = address, 0
        words["input_size"] = words["error_size"] = 0xFFFFFFFF
        words["kernel"] = MAP[f"{PREFIX}kernel"].encode(
            size=numbers.get("kernel", 255), padding=255, padding_above=255
        )
        words["mode"] = MAP[f"{PREFIX}mode"].encode(
            operation=numbers["operation"],
            depthwise=numbers.get("depthwise", 1),
            **dict.fromkeys(("accumulate", "update", "stochastic", "bias"), 1),
        )
        return {f"{PREFIX}{name}": word for name, word in words.items()}

    async def describe(self, job, **wrong: int) -> None:
        """Arrays into memory, 0xEE where the result goes, numbers into registers."""
        contents = self.board.region.contents
        place = PLACES[f"{job.result}_address"]
        contents[place : place + 0x100] = b"\xee" * 0x100
        for name, content in job.contents(TINY.beat_bytes).items():
            place = PLACES[f"{name}_address"]
            contents[place : place + len(content)] = content
        for name, word in (self.registers(job) | wrong).items():
            await self.board.write(name, word)

    async def check(self, what: str, job) -> None:
        board, expected = self.board, job.expected()
        await self.ended_well()
        place = PLACES[f"{job.result}_address"]
        got = np.frombuffer(board.region.at(place, 4 * len(expected)), "<u4")
        board.bench.compare(what, got.tolist(), expected.tolist())
        behind = board.region.at(place + 4 * len(expected), 16)
        assert behind == b"\xee" * 16, f"{what}: memory behind the result was written"
        assert await board.read("gradient_count_bytes_written") == 4 * len(expected)
        if isinstance(job, ScheduleJob):
            assert await board.read("gradient_following") == job.following


def jobs_of(seed: int) -> list[RankJob | ScheduleJob]:
    rng = np.random.default_rng(seed)
    ranks, windows = layers(rng, TINY.channels, TINY.kernel), steps(rng, TINY.channels)
    return [job for pair in zip(ranks, windows, strict=True) for job in pair]


def small(seed: int) -> list[RankJob | ScheduleJob]:
    """One of each."""
    rng = np.random.default_rng(seed)
    return [
        RankJob(weights=rng.integers(-128, 128, (9, 3, 1, 1), np.int8)),
        ScheduleJob(ranking=rng.permutation(9), window=5, pool=7, place=4),
    ]


@cocotb.test()
@cocotb.parametrize(pattern=PATTERNS)
async def jobs(dut, pattern):
    """Rankings, windows and gradients in turn, none disturbs the other."""
    board = await begin(dut, pattern)
    choices, gradients = Choices(board), Unit(board)
    for number, job in enumerate(jobs_of(board.bench.seed)):
        await choices.run(f"job {number}", job)
        if number % 4 == 3:
            await gradients.run(f"gradients {number}", case(9, updates=number == 7))
    board.bench.finish(pattern)


@cocotb.test()
async def a_ranking_becomes_the_list_of_a_gradient_job(dut):
    """rank, schedule and gradient from one memory, nothing between them but registers."""
    board = await begin(dut)
    choices, gradients = Choices(board), Unit(board)
    job = case(9, updates=True)
    rank = RankJob(weights=job.update.weights, depthwise=job.sizes.depthwise)
    order = rank.expected()
    await choices.run("rank", rank)
    window = len(job.channels)
    step = ScheduleJob(ranking=order, window=window, pool=len(order), place=len(order) - 1)
    await choices.run("schedule", step)
    chosen = type(job)(
        x=job.x,
        error=job.error,
        channels=step.expected(),
        sizes=job.sizes,
        update=job.update,
        addresses=PLACES,
    )
    contents = board.region.contents
    place = PLACES["channels_address"]
    listed = bytes(contents[place : place + 4 * window])
    await gradients.describe(chosen)
    contents[place : place + 4 * window] = listed
    await gradients.start()
    await gradients.wait()
    await gradients.check("gradients", chosen)
    board.bench.finish()


@cocotb.test()
async def early_ends(dut):
    """Error responses on every access, illegal rankings, refusals, aborts, resets; then the same
    jobs, and a gradient job, are right."""
    board = await begin(dut)
    unit, gradients = Choices(board), Unit(board)
    gradient = case(9, updates=False)

    async def ended(what, before, done=0, **errors):
        assert {
            name: bit for name, bit in (await board.fields("gradient_errors")).items() if bit
        } == errors, what
        status = await board.fields("gradient_status")
        assert (status["busy"], status["done"]) == (0, done), what
        accesses = board.region.accesses
        await board.bench.clock.edges(100)
        assert board.region.accesses == accesses, f"{what}: the bus is used after the end"
        if before is not None:
            assert board.region.contents == before, f"{what}: memory was written"
        board.region.fail.clear()
        await board.write("gradient_errors", (1 << 32) - 1)

    for job in small(board.bench.seed):
        name = type(job).__name__
        started = board.region.accesses
        await unit.run(name, job)
        accesses = board.region.accesses - started
        writes = -(-4 * len(job.expected()) // TINY.beat_bytes)
        for number in range(accesses):
            await unit.describe(job)
            before = bytes(board.region.contents)
            board.region.fail = {board.region.accesses + number}
            await unit.start()
            await unit.wait()
            reads = number < accesses - writes
            kind = "read_slave" if reads else "write_slave"
            await ended(f"{name}, error on access {number}", before if reads else None, **{kind: 1})
            await unit.run(f"{name} after an error on access {number}", job)
        for cycles in (1, 20, 33, 60, 200, 420):
            for how in ("abort", "reset"):
                await unit.describe(job)
                await unit.start()
                await board.bench.clock.edges(cycles)
                await board.read("gradient_status")
                if how == "reset":
                    await board.reset()
                else:
                    control = MAP["gradient_control"]
                    await board.write("gradient_control", control.encode(start=1))
                    await board.write("gradient_control", control.encode(abort=1))
                    while await board.read("gradient_control"):
                        await board.bench.clock.edges(5)
                    found = {k for k, v in (await board.fields("gradient_errors")).items() if v}
                    done = (await board.fields("gradient_status"))["done"]
                    assert "aborted" in found or done
                    await board.write("gradient_errors", (1 << 32) - 1)
                await unit.run(f"{name} after {how} in cycle {cycles}", job)
        await gradients.run(f"gradients after {name}", gradient)

    rank, schedule = small(board.bench.seed)
    order = schedule.ranking
    for words in (
        [*order[:6], 9],
        [1 << 31, *order[1:7]],
        [*order[:5], order[4], order[6]],  # within the window: places 4, 5, 6, 0, 1
        [order[5], *order[1:7]],
    ):
        await unit.describe(schedule)
        place = PLACES["ranking_address"]
        board.region.contents[place : place + 28] = np.array(words, "<u4").tobytes()
        before = bytes(board.region.contents)
        await unit.start()
        await unit.wait()
        await ended(f"ranking {words}", before, channels=1)
        await unit.run(f"after ranking {words}", schedule)
    mode = MAP["gradient_mode"]
    address = PLACES["ranking_address"]
    for job, name, word, reason in (
        (rank, "gradient_mode", mode.encode(operation=3), GradientRefusal.OPERATION),
        (rank, "gradient_in_channels", TINY.channels + 1, GradientRefusal.IN_CHANNELS),
        (rank, "gradient_outputs", 0, GradientRefusal.OUTPUTS),
        (rank, "gradient_ranking_address_low", address + 4, GradientRefusal.RANKING_ADDRESS),
        (rank, "gradient_weights_address_low", 1, GradientRefusal.WEIGHTS_ADDRESS),
        (schedule, "gradient_pool", 4, GradientRefusal.POOL),
        (schedule, "gradient_pool", 10, GradientRefusal.POOL),
        (schedule, "gradient_place", 7, GradientRefusal.PLACE),
        (schedule, "gradient_selected", 0, GradientRefusal.SELECTED),
        (schedule, "gradient_ranking_address_low", address + 2, GradientRefusal.RANKING_ADDRESS),
        (schedule, "gradient_channels_address_low", 4, GradientRefusal.CHANNELS_ADDRESS),
    ):
        await unit.describe(job, **{name: word})
        before, accesses = bytes(board.region.contents), board.region.accesses
        await unit.start()
        await unit.wait()
        assert (await board.fields("gradient_status"))["refusal"] == reason, name
        await ended(f"{name} = {word}", before, done=1, refused=1)  # the job before it was right
        assert board.region.accesses == accesses
    board.bench.finish()


NAMES = [
    "jobs",
    "a_ranking_becomes_the_list_of_a_gradient_job",
    pytest.param("early_ends", marks=pytest.mark.slow),
]


@pytest.mark.parametrize("name", NAMES)
def test_channel_choice(top, name, seed):
    simulate(top, MODULE, name, seed=seed)
